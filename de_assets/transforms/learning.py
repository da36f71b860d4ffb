"""Fits the lead model and says honestly how good it is.

Numbers come from the test part alone, which lies after everything the model was fitted on; beside
them stand the no-skill guess and ranking by recency alone.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from de_assets.contracts.features import features

SEED = 20
CATEGORIES = ("country", "channel")
MOST_LEVELS = 200  # of a category; the rare rest counts as unknown
# Below these a metric is a matter of luck: its standard error exceeds the differences that matter.
LEAST_POSITIVES = {"train": 50, "calibrate": 10, "test": 10}
# Within these a candidate may be worse by chance; newer data are worth more than that.
TOLERATED_AUC_LOSS = 0.01
TOLERATED_BRIER_LOSS = 0.001
RECIPE = "histogram gradient boosting, sigmoid calibration on later snapshots, v1"


@dataclass(frozen=True)
class LeadModel:
    """A fitted model with everything that is needed to use it and to judge it.

    Attributes:
        version: Digest of the training data and the recipe: the same data give the same version.
        horizon_days: Days after a snapshot in which an order counts.
        feature_names: Input columns in order.
        reference: A typical value of each feature, against which reasons are told.
        metrics: What the model reached on the test part, as in the JSON of a run.
        estimator: scikit-learn classifier over a float matrix of `feature_names`.
        levels: Known values of each categorical feature; a value's code is its place.
    """

    version: str
    horizon_days: int
    feature_names: tuple[str, ...]
    reference: dict[str, float]
    metrics: dict[str, Any]
    estimator: Any
    levels: dict[str, list[str]] = field(default_factory=dict)

    def probabilities(self, frame: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Calibrated probability of an order for each row of `features/contact_features`."""
        return self.predict(matrix(frame, self.feature_names, self.levels))

    def predict(self, inputs: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The same from a matrix. One thread: more stall for seconds where cores are busy."""
        if not len(inputs):
            return np.zeros(0)
        with threadpool_limits(limits=1):
            return np.asarray(self.estimator.predict_proba(inputs)[:, 1], dtype=np.float64)


@dataclass(frozen=True)
class NotEnoughEvidence:
    """There is too little history to fit or judge a model: a defined state, not an error."""

    reason: str
    horizon_days: int


def fit(training_set: pl.DataFrame, horizon_days: int) -> LeadModel | NotEnoughEvidence:
    """Fit on `train`, calibrate on `calibrate`, measure on `test`.

    Args:
        training_set: `features/training_set`.
        horizon_days: Days after a snapshot in which an order counts.
    """
    lacking = _what_is_lacking(training_set)
    if lacking:
        return NotEnoughEvidence(lacking, horizon_days)
    parts = {
        str(key[0]): part for key, part in training_set.partition_by("split", as_dict=True).items()
    }
    levels = {name: _levels(parts["train"][name]) for name in CATEGORIES}
    names = _telling(parts["train"])
    if not names:
        return NotEnoughEvidence(
            f"no feature differs among the {parts['train'].height:,} rows of train", horizon_days
        )
    inputs = {part: matrix(rows, names, levels) for part, rows in parts.items()}
    labels = {part: rows["is_ordering"].to_numpy() for part, rows in parts.items()}
    estimator = _fit_estimator(inputs, labels)
    unmeasured = LeadModel(
        version=_version(training_set, horizon_days),
        horizon_days=horizon_days,
        feature_names=names,
        reference=_reference(inputs["train"], names),
        metrics={},
        estimator=estimator,
        levels=levels,
    )
    metrics = evaluate(unmeasured, parts["test"])
    if metrics["brier"] >= metrics["brier_no_skill"]:
        return NotEnoughEvidence(
            "on the test snapshots the model does no better than a guess of the base rate: Brier "
            f"{metrics['brier']:.4f} against {metrics['brier_no_skill']:.4f} on "
            f"{metrics['rows']:,} rows",
            horizon_days,
        )
    return LeadModel(**{**vars(unmeasured), "metrics": metrics})


@dataclass(frozen=True)
class GateVerdict:
    """Whether a candidate may go into service, and why in words with numbers."""

    is_passed: bool
    text: str


def compare(candidate: LeadModel, champion: LeadModel, rows: pl.DataFrame) -> GateVerdict:
    """Hold a candidate against the champion on the same labelled rows, the newest matured ones."""
    new, old = evaluate(candidate, rows), evaluate(champion, rows)
    is_passed = (
        new["auc"] >= old["auc"] - TOLERATED_AUC_LOSS
        and new["brier"] <= old["brier"] + TOLERATED_BRIER_LOSS
    )
    text = (
        f"on {rows.height:,} rows from {new['test_from']} to {new['test_to']} the candidate "
        f"{candidate.version} reaches AUC {new['auc']:.4f} and Brier {new['brier']:.4f}, the "
        f"champion {champion.version} {old['auc']:.4f} and {old['brier']:.4f}"
    )
    return GateVerdict(is_passed, text)


def evaluate(model: LeadModel, rows: pl.DataFrame) -> dict[str, Any]:
    """What a model reaches on labelled rows.

    AUC and PR-AUC (average precision) judge the order; Brier, against a guess of the rows' own base
    rate, and the calibration error (10 equal-count bins) judge the probabilities; lift at 10 % is
    the rate among the best tenth over the base rate.
    """
    from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

    truth = rows["is_ordering"].to_numpy()
    probability = model.probabilities(rows)
    base_rate = float(truth.mean())
    recency = -rows["recency_days"].fill_null(1e6).to_numpy()
    return {
        "version": model.version,
        "horizon_days": model.horizon_days,
        "test_from": str(rows["as_of"].min()),
        "test_to": str(rows["as_of"].max()),
        "rows": rows.height,
        "base_rate": base_rate,
        "auc": float(roc_auc_score(truth, probability)),
        "pr_auc": float(average_precision_score(truth, probability)),
        "lift_at_10": _lift(truth, probability, 0.1),
        "brier": float(brier_score_loss(truth, probability)),
        "brier_no_skill": base_rate * (1 - base_rate),
        "calibration_error": _calibration_error(truth, probability),
        "baselines": {
            "recency": {
                "auc": float(roc_auc_score(truth, recency)),
                "pr_auc": float(average_precision_score(truth, recency)),
                "lift_at_10": _lift(truth, recency, 0.1),
            }
        },
    }


def matrix(
    frame: pl.DataFrame, names: tuple[str, ...], levels: dict[str, list[str]]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Features as a float matrix; a category is its place among the levels, NaN if unknown."""
    coded = [
        pl.col(name).replace_strict(
            levels[name], list(range(len(levels[name]))), default=None, return_dtype=pl.Float64
        )
        if name in CATEGORIES and levels.get(name)
        else pl.lit(None, pl.Float64).alias(name)
        if name in CATEGORIES
        else pl.col(name)
        for name in names
    ]
    return frame.select(coded).cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _fit_estimator(
    inputs: dict[str, np.ndarray[Any, Any]], labels: dict[str, np.ndarray[Any, Any]]
) -> Any:  # noqa: ANN401  scikit-learn is untyped
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.frozen import FrozenEstimator

    boosting = HistGradientBoostingClassifier(
        max_iter=150,
        learning_rate=0.05,
        max_leaf_nodes=15,
        min_samples_leaf=50,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=SEED,
    )
    with threadpool_limits(limits=1):  # the same model whatever the number of cores
        boosting.fit(inputs["train"], labels["train"])
        calibrated = CalibratedClassifierCV(FrozenEstimator(boosting), method="sigmoid")
        calibrated.fit(inputs["calibrate"], labels["calibrate"])
    return calibrated


def _telling(rows: pl.DataFrame) -> tuple[str, ...]:
    """Features that differ at all; a company without web events has a dozen that do not."""
    return tuple(name for name in features() if rows[name].drop_nulls().n_unique() > 1)


def _levels(values: pl.Series) -> list[str]:
    """The commonest values first; of equally common ones the first in the alphabet."""
    counts = values.drop_nulls().value_counts(name="rows")
    ranked = counts.sort("rows", values.name, descending=[True, False])
    return ranked[values.name].head(MOST_LEVELS).to_list()


def _what_is_lacking(training_set: pl.DataFrame) -> str:
    """In words with numbers, or nothing."""
    lacking = []
    for part, least in LEAST_POSITIVES.items():
        rows = training_set.filter(pl.col("split") == part)
        ordering = int(rows["is_ordering"].sum())
        others = rows.height - ordering
        if min(ordering, others) < least:
            lacking.append(
                f"{part} has {rows.height:,} rows, {ordering:,} with an order and {others:,} "
                f"without, of which {least} each are needed"
            )
    return "; ".join(lacking)


def _reference(inputs: np.ndarray[Any, Any], names: tuple[str, ...]) -> dict[str, float]:
    """The median of each feature, of a category the commonest; NaN where more than half lack it."""
    present = np.isfinite(inputs).mean(axis=0) > 0.5
    typical = {
        name: 0.0 if name in CATEGORIES else float(np.nanmedian(inputs[:, place]))
        for place, name in enumerate(names)
    }
    return {
        name: typical[name] if present[place] else float("nan") for place, name in enumerate(names)
    }


def _version(training_set: pl.DataFrame, horizon_days: int) -> str:
    digest = hashlib.sha256(f"{RECIPE}|{horizon_days}|{SEED}".encode())
    digest.update(training_set.hash_rows(seed=SEED).to_numpy().tobytes())
    newest = training_set["as_of"].max()
    assert isinstance(newest, date)
    return f"{newest:%Y%m%d}-{digest.hexdigest()[:10]}"


def _lift(truth: np.ndarray[Any, Any], ranking: np.ndarray[Any, Any], share: float) -> float:
    best = np.argsort(-ranking, kind="stable")[: max(1, round(len(truth) * share))]
    base_rate = truth.mean()
    return float(truth[best].mean() / base_rate) if base_rate else 0.0


def _calibration_error(
    truth: np.ndarray[Any, Any], probability: np.ndarray[Any, Any], bins: int = 10
) -> float:
    """Expected calibration error over bins of equal count."""
    order = np.argsort(probability, kind="stable")
    error = 0.0
    for rows in np.array_split(order, bins):
        if len(rows):
            gap = abs(float(truth[rows].mean()) - float(probability[rows].mean()))
            error += gap * len(rows) / len(truth)
    return error
