"""Features and a model to scores: percent, grade, trend, and reasons in plain words."""

from datetime import date, timedelta
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from de_assets.contracts.features import features
from de_assets.transforms.features import contact_features
from de_assets.transforms.learning import CATEGORIES, LeadModel, matrix

# What a sales team can work through, as shares of the scored contacts: A first, then B, then C.
GRADE_SHARES = {"A": 0.1, "B": 0.3, "C": 0.6, "D": 1.0}
TREND_WINDOW_DAYS = 7
TREND_POINTS = 5
REASONS = 3
SCORED = pl.Struct({"probability": pl.Float64(), "reasons": pl.String()})
LEAST_EFFECT = 0.05  # in log-odds; below that a reason would be noise


def score_contacts(
    rows: pl.LazyFrame, earlier: pl.LazyFrame, model: LeadModel | None, day: date
) -> pl.LazyFrame:
    """One score for each contact.

    Args:
        rows: `features/contact_features` of the day.
        earlier: The same, `TREND_WINDOW_DAYS` before: the trend is what the contact's behaviour
            changed since, by one and the same model.
        model: The model in service. None stands for whichever it will be: it may read every
            feature, and its scores are null (column lineage asks so).
        day: The day of the features.

    Returns:
        `predictions/lead_scores`, with `dt`.
    """
    inputs = pl.struct(model.feature_names if model else list(features()))
    scored = inputs.map_batches(partial(_score, model=model), return_dtype=SCORED)
    before = inputs.map_batches(partial(_probability, model=model), return_dtype=pl.Float64)
    change = pl.col("probability") - pl.col("_before")
    return (
        rows.select("contact_id", _scored=scored)
        # Not unnested: what asks for the contact alone shall not ask for every feature.
        .select(
            "contact_id",
            *(pl.col("_scored").struct.field(field.name) for field in SCORED.fields),
        )
        .with_columns(
            scored_for=pl.lit(day),
            model_version=pl.lit(model.version if model else None, pl.String),
            dt=pl.lit(day),
        )
        .join(
            earlier.select("contact_id", _before=before),
            on="contact_id",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            score=(pl.col("probability") * 100).round().cast(pl.Int32),
            grade=_grade(),
            trend=pl.when(change * 100 >= TREND_POINTS)
            .then(pl.lit("up"))
            .when(change * 100 <= -TREND_POINTS)
            .then(pl.lit("down"))
            .otherwise(pl.lit("steady")),
        )
        .drop("_before")
    )


def score_day(
    features: pl.LazyFrame,
    activity: pl.LazyFrame,
    contacts: pl.LazyFrame,
    day: date,
    model: LeadModel | None = None,
) -> pl.LazyFrame:
    """`predictions/lead_scores` of a day.

    Args:
        features: `features/contact_features` of the day.
        activity: `modeled/contact_daily` of the days that features of `TREND_WINDOW_DAYS` before
            look back on; later ones are not looked at.
        contacts: `modeled/dim_contact`.
        day: The day.
        model: As `score_contacts` takes it.
    """
    earlier = contact_features(activity, contacts, day - timedelta(days=TREND_WINDOW_DAYS))
    return score_contacts(features, earlier, model, day)


def _score(values: pl.Series, model: LeadModel | None) -> pl.Series:
    if model is None or values.is_empty():
        return pl.Series([None], dtype=SCORED).new_from_index(0, len(values))
    inputs = np.asarray(_inputs(values.struct.unnest(), model))
    probability = model.predict(inputs)
    reasons = pl.Series("reasons", explain(inputs, probability, model), dtype=pl.String)
    return pl.DataFrame(
        [pl.Series("probability", probability, dtype=pl.Float64), reasons]
    ).to_struct()


def _probability(values: pl.Series, model: LeadModel | None) -> pl.Series:
    if model is None or values.is_empty():
        return pl.Series([None], dtype=pl.Float64).new_from_index(0, len(values))
    return pl.Series(model.probabilities(values.struct.unnest()), dtype=pl.Float64)


def explain(
    inputs: np.ndarray[Any, Any], probability: np.ndarray[Any, Any], model: LeadModel
) -> list[str]:
    """The features that moved each score most, against the typical contact, in plain words.

    Each feature in turn is set to its reference value; the change of the log-odds is its effect
    (occlusion). The sign says which way it moved the score.
    """
    titles = features()
    base = _log_odds(probability)
    effects = np.empty(inputs.shape)
    for place, name in enumerate(model.feature_names):
        occluded = inputs.copy()
        occluded[:, place] = model.reference[name]
        effects[:, place] = base - _log_odds(model.predict(occluded))
    strongest = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :REASONS]
    return [
        "; ".join(
            _reason(titles[model.feature_names[place]], inputs[row, place], effects[row, place])
            if model.feature_names[place] not in CATEGORIES
            else _category_reason(model, place, inputs[row, place], effects[row, place])
            for place in places
            if abs(effects[row, place]) >= LEAST_EFFECT
        )
        for row, places in enumerate(strongest)
    ]


def _inputs(rows: pl.DataFrame, model: LeadModel) -> np.ndarray[Any, Any]:
    return matrix(rows, model.feature_names, model.levels)


def _grade() -> pl.Expr:
    """By place, not by score: a grade is a promise about how many contacts get it."""
    place = pl.struct(-pl.col("probability"), "contact_id").rank("ordinal")
    grade = pl.lit("D")
    for name, share in reversed(list(GRADE_SHARES.items())):
        # Not `place / len <= share`: Polars divides by way of 1 / len, and 3 of 10 exceed 0.3.
        grade = pl.when(place <= pl.len() * share).then(pl.lit(name)).otherwise(grade)
    return grade


def _reason(title: str, value: float, effect: float) -> str:
    sign = "+" if effect > 0 else "-"
    if np.isnan(value):
        return f"{sign} {title}: none"
    return f"{sign} {title}: {_rounded(value)}"


def _category_reason(model: LeadModel, place: int, code: float, effect: float) -> str:
    name = model.feature_names[place]
    level = "unknown" if np.isnan(code) else model.levels[name][int(code)]
    return f"{'+' if effect > 0 else '-'} {features()[name]}: {level}"


def _rounded(value: float) -> str:
    """Three digits are as many as a reader wants, and as many as a change should need."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _log_odds(probability: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped / (1 - clipped)))
