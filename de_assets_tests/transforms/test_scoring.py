"""From a probability to what a sales person reads: percent, grade, trend and reasons."""

from collections import Counter

import numpy as np
import polars as pl
import pytest

from de_assets.contracts.audit import audit
from de_assets.contracts.base import polars_schema
from de_assets.contracts.features import LeadScores
from de_assets.transforms.learning import LeadModel
from de_assets.transforms.scoring import GRADE_SHARES, REASONS, explain, score_contacts
from de_assets_tests.transforms.evidence import FIRST, contacts


class LogOdds:
    """Stands in for a fitted estimator: log-odds are a weighted sum; nothing counts as zero."""

    def __init__(self, *weights):
        self.weights = np.array(weights)

    def predict_proba(self, inputs):
        positive = 1 / (1 + np.exp(-np.nan_to_num(inputs) @ self.weights))
        return np.column_stack([1 - positive, positive])


class Told:
    """Stands in for a fitted estimator: the probability is the input."""

    def predict_proba(self, inputs):
        return np.column_stack([1 - inputs[:, 0], inputs[:, 0]])


TOLD = LeadModel("v1", 30, ("sessions_30d",), {"sessions_30d": 0.5}, {}, Told())
NAMES = ("recency_days", "country", "sessions_30d", "tenure_days")
WEIGHED = LeadModel(
    "v2",
    30,
    NAMES,
    {"recency_days": 10.0, "country": 0.0, "sessions_30d": 1.0, "tenure_days": 500.0},
    {},
    LogOdds(-0.01, 0.5, 0.2, 0.0),
    {"country": ["UK", "France"]},
)


def told(*probabilities):
    return contacts(len(probabilities)).with_columns(
        sessions_30d=pl.Series(probabilities, dtype=pl.Float64)
    )


def scored(now, before=None):
    earlier = told() if before is None else before
    return score_contacts(now.lazy(), earlier.lazy(), TOLD, FIRST).collect()


def weighed(**values):
    usual = {"recency_days": 10.0, "country": "UK", "sessions_30d": 1.0, "tenure_days": 500.0}
    row = contacts(1).with_columns(
        pl.lit(value, pl.String if name == "country" else pl.Float64).alias(name)
        for name, value in (usual | values).items()
    )
    found = score_contacts(row.lazy(), row.clear().lazy(), WEIGHED, FIRST).collect()
    return found["reasons"].item()


def test_the_score_is_the_probability_in_percent():
    probabilities = [0.0, 0.004, 0.006, 0.123, 0.5, 0.999, 1.0]

    found = scored(told(*probabilities))

    assert found["score"].to_list() == [0, 0, 1, 12, 50, 100, 100]
    assert found["probability"].to_list() == probabilities


def test_scores_keep_their_contract():
    rows = told(*np.random.default_rng(1).random(500))

    found = scored(rows, rows)

    body = found.select(*polars_schema(LeadScores))
    verdict = audit(LeadScores, body)
    assert (verdict.failing, verdict.structural) == ({}, ())
    assert set(found.columns) == {*body.columns, "dt"}
    assert found["model_version"].unique().to_list() == ["v1"]
    assert found["scored_for"].unique().to_list() == found["dt"].unique().to_list() == [FIRST]


@pytest.mark.parametrize("count", [10, 30, 70, 1000])
def test_grades_go_to_their_declared_shares_of_the_contacts(count):
    found = scored(told(*np.linspace(0.01, 0.99, count)))

    counts = Counter(found["grade"])
    place = 0
    for grade, share in GRADE_SHARES.items():
        assert place + counts[grade] == round(share * count)
        place += counts[grade]
    assert found.sort("probability", descending=True)["grade"].is_sorted()


def test_contacts_with_the_same_probability_still_keep_the_shares_and_their_place():
    found = scored(told(*[0.5] * 100))
    shuffled = scored(told(*[0.5] * 100).sample(fraction=1, shuffle=True, seed=1))

    assert Counter(found["grade"]) == {"A": 10, "B": 20, "C": 30, "D": 40}
    assert found.sort("contact_id").equals(shuffled.sort("contact_id"))
    assert found.sort("contact_id")["grade"].is_sorted()


@pytest.mark.parametrize(
    ("before", "now", "trend"),
    [
        (0.5, 0.5501, "up"),
        (0.5, 0.5499, "steady"),
        (0.5, 0.4501, "steady"),
        (0.5, 0.4499, "down"),
        (0.0, 1.0, "up"),
    ],
)
def test_a_trend_is_five_points_in_a_week(before, now, trend):
    assert scored(told(now), told(before))["trend"].to_list() == [trend]


def test_who_was_not_known_a_week_ago_is_steady():
    found = scored(told(0.9, 0.1), told(0.1))

    assert found["trend"].to_list() == ["up", "steady"]


def test_the_order_of_the_rows_is_kept():
    rows = told(*np.linspace(0, 1, 50)).sample(fraction=1, shuffle=True, seed=2)

    found = scored(rows, told(*np.linspace(0, 1, 50)))

    assert found["contact_id"].to_list() == rows["contact_id"].to_list()
    assert set(found["trend"]) == {"steady"}


def test_nobody_gets_no_score():
    found = scored(told())

    assert found.is_empty()
    assert dict(found.schema) == dict(polars_schema(LeadScores)) | {"dt": pl.Date()}


@pytest.mark.parametrize(
    ("values", "reasons"),
    [
        ({}, ""),
        ({"recency_days": 110.0}, "- days since the last order: 110"),
        ({"recency_days": 0.0}, "+ days since the last order: 0"),
        ({"recency_days": None}, "+ days since the last order: none"),
        ({"country": "France"}, "+ country: France"),
        ({"country": "France", "sessions_30d": 6.5},
         "+ web sessions in the last 30 days: 6.5; + country: France"),
        ({"recency_days": 1210.0}, "- days since the last order: 1,210"),
        ({"tenure_days": 9000.0}, ""),
    ],
)  # fmt: skip
def test_a_reason_says_what_moved_the_score_and_which_way(values, reasons):
    assert weighed(**values) == reasons


def test_a_country_that_nobody_knows_is_said_to_be_unknown():
    lone = LeadModel("v", 30, ("country",), {"country": 1.0}, {}, LogOdds(1.0), WEIGHED.levels)
    rows = contacts(1).with_columns(country=pl.lit("Atlantis"))

    found = score_contacts(rows.lazy(), rows.lazy(), lone, FIRST).collect()

    assert found["reasons"].to_list() == ["- country: unknown"]


def test_the_feature_that_matters_most_comes_first_and_there_are_three_at_most():
    rng = np.random.default_rng(3)
    names = ("recency_days", "tenure_days", "sessions_7d", "sessions_30d", "views_30d")
    weights = rng.normal(size=5)
    model = LeadModel("v", 30, names, dict.fromkeys(names, 0.0), {}, LogOdds(*weights))
    inputs = rng.normal(size=(40, 5))

    found = explain(inputs, model.predict(inputs), model)

    for row, text in zip(inputs, found, strict=True):
        effects = np.abs(row * weights)
        order = [place for place in np.argsort(-effects) if effects[place] >= 0.05][:REASONS]
        signs = [sentence[0] for sentence in text.split("; ")]
        assert signs == ["+" if row[p] * weights[p] > 0 else "-" for p in order]
        shown = [float(sentence.rsplit(": ")[1]) for sentence in text.split("; ")]
        assert shown == pytest.approx([row[place] for place in order], rel=0.01)
