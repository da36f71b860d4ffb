"""A model is fitted only on evidence, is the same each time, and says honestly how good it is."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from de_assets.transforms.learning import (
    LEAST_POSITIVES,
    LeadModel,
    NotEnoughEvidence,
    compare,
    evaluate,
    fit,
    matrix,
)
from de_assets_tests.transforms.evidence import HORIZON_DAYS, contacts, snapshots


class Telling:
    """Stands in for a fitted estimator: its probability is its first input."""

    def __init__(self, scale=1.0, shift=0.0):
        self.scale, self.shift = scale, shift

    def predict_proba(self, inputs):
        positive = self.shift + self.scale * inputs[:, 0]
        return np.column_stack([1 - positive, positive])


def telling(version="told", **estimator):
    return LeadModel(
        version, 30, ("sessions_30d",), {"sessions_30d": 0.0}, {}, Telling(**estimator)
    )


def judged(probabilities, truth, recency=None):
    """Labelled rows whose probability is written in one of their features."""
    rows = contacts(len(truth)).with_columns(
        sessions_30d=pl.Series(probabilities, dtype=pl.Float64), is_ordering=pl.Series(truth)
    )
    return rows if recency is None else rows.with_columns(recency_days=pl.Series(recency))


@pytest.fixture(scope="module")
def evidence():
    return snapshots()


@pytest.fixture(scope="module")
def model(evidence):
    fitted = fit(evidence, HORIZON_DAYS)
    assert isinstance(fitted, LeadModel)
    return fitted


def test_a_signal_is_found_and_its_probabilities_are_calibrated(model):
    metrics = model.metrics

    assert 0.7 < metrics["auc"] < 0.95
    assert metrics["brier"] < 0.9 * metrics["brier_no_skill"]
    assert metrics["calibration_error"] < 0.05
    assert metrics["lift_at_10"] > 1.5
    assert metrics["baselines"]["recency"]["auc"] < metrics["auc"] + 0.02


def test_the_numbers_are_those_of_the_test_part_alone(model, evidence):
    test = evidence.filter(split="test")

    assert model.metrics == evaluate(model, test)
    assert model.metrics["rows"] == test.height
    assert model.metrics["test_from"] == model.metrics["test_to"] == str(test["as_of"][0])


def test_the_same_evidence_makes_the_same_model(model, evidence):
    again = fit(evidence.clone(), HORIZON_DAYS)

    assert again.version == model.version
    rows = contacts(500, seed=9)
    assert np.array_equal(again.probabilities(rows), model.probabilities(rows))
    assert again.levels == model.levels
    assert again.reference == pytest.approx(model.reference, nan_ok=True)


def test_other_evidence_or_another_horizon_makes_another_version(model, evidence):
    changed = evidence.with_columns(
        is_ordering=pl.col("is_ordering") ^ (pl.int_range(pl.len()) == 0)
    )

    versions = {fit(changed, HORIZON_DAYS).version, fit(evidence, 60).version, model.version}

    assert len(versions) == 3
    assert all(version.startswith("20110425-") for version in versions)


REFIT = """
import numpy as np
from de_assets.transforms.learning import fit
from de_assets_tests.transforms.evidence import HORIZON_DAYS, contacts, snapshots
model = fit(snapshots(), HORIZON_DAYS)
print(model.version, model.probabilities(contacts(500, seed=9)).tobytes().hex())
"""


def test_the_number_of_cores_changes_no_bit_of_a_model(model):
    found = subprocess.run(
        ["env", "POLARS_MAX_THREADS=1", "OMP_NUM_THREADS=1", sys.executable, "-c", REFIT],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    probabilities = model.probabilities(contacts(500, seed=9))
    assert found == [model.version, probabilities.tobytes().hex()]


def test_features_that_tell_nothing_are_not_read(model):
    assert set(model.feature_names) == {"country", "recency_days", "tenure_days", "sessions_30d"}
    assert set(model.reference) == set(model.feature_names)
    assert model.levels["channel"] == []


def test_the_typical_contact_is_the_median_and_of_the_commonest_country(model, evidence):
    train = evidence.filter(split="train")

    assert model.levels["country"][int(model.reference["country"])] == "UK"
    for name in ("recency_days", "tenure_days", "sessions_30d"):
        assert model.reference[name] == train[name].median()


def test_levels_as_common_as_each_other_are_in_alphabetical_order(evidence):
    names = [f"country {n:03}" for n in range(300)]
    is_train = pl.col("split") == "train"
    number = pl.int_range(pl.len()).over("split") % 300
    named = pl.format("country {}", number.cast(pl.String).str.zfill(3))

    fitted = fit(
        evidence.with_columns(country=pl.when(is_train).then(named).otherwise("country")), 30
    )

    assert fitted.levels["country"] == names[:200]


def test_where_more_than_half_lack_a_feature_the_typical_contact_lacks_it(evidence):
    rare = pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.col("tenure_days"))

    fitted = fit(evidence.with_columns(order_value_mean=rare), HORIZON_DAYS)

    assert np.isnan(fitted.reference["order_value_mean"])


def test_no_rows_are_no_evidence(evidence):
    found = fit(evidence.clear(), HORIZON_DAYS)

    assert isinstance(found, NotEnoughEvidence)
    assert found.horizon_days == HORIZON_DAYS
    for part, least in LEAST_POSITIVES.items():
        assert (
            f"{part} has 0 rows, 0 with an order and 0 without, of which {least} each"
            in found.reason
        )


@pytest.mark.parametrize("part", LEAST_POSITIVES)
@pytest.mark.parametrize("label", [True, False])
def test_a_part_without_both_outcomes_is_no_evidence(evidence, part, label):
    one_sided = evidence.with_columns(
        is_ordering=pl.when(split=part).then(pl.lit(label)).otherwise("is_ordering")
    )

    found = fit(one_sided, HORIZON_DAYS)

    assert isinstance(found, NotEnoughEvidence)
    assert found.reason.startswith(f"{part} has 1,500 rows, {1500 if label else 0:,} with an order")


def test_a_handful_of_contacts_is_no_evidence():
    found = fit(snapshots(40), HORIZON_DAYS)

    assert isinstance(found, NotEnoughEvidence)
    assert "train has 40 rows" in found.reason


def test_a_world_without_signal_is_refused_or_says_that_it_tells_nothing():
    for seed in range(4):
        found = fit(snapshots(800, seed, is_learnable=False), HORIZON_DAYS)

        if isinstance(found, NotEnoughEvidence):
            assert "no better than a guess of the base rate" in found.reason
            assert "800 rows" in found.reason
        else:
            assert abs(found.metrics["auc"] - 0.5) < 0.08


def test_a_model_that_a_changed_world_proves_wrong_is_refused(evidence):
    is_test = pl.col("split") == "test"
    turned = evidence.with_columns(is_ordering=pl.col("is_ordering") ^ is_test)

    found = fit(turned, HORIZON_DAYS)

    assert isinstance(found, NotEnoughEvidence)
    assert "no better than a guess of the base rate: Brier 0." in found.reason
    assert found.reason.endswith("on 1,500 rows")


def test_contacts_that_are_all_alike_are_no_evidence(evidence):
    first = evidence.row(0, named=True)
    same = [
        pl.lit(first[name], dtype).alias(name)
        for name, dtype in evidence.schema.items()
        if name not in ("contact_id", "as_of", "is_ordering", "split")
    ]

    found = fit(evidence.with_columns(same), HORIZON_DAYS)

    assert found == NotEnoughEvidence(
        "no feature differs among the 1,500 rows of train", HORIZON_DAYS
    )


PROBABILITIES = [0.9, 0.8, 0.7, 0.6, 0.55, 0.4, 0.35, 0.3, 0.2, 0.1]
TRUTH = [True, True, False, True, False, False, True, False, False, False]


def test_the_metrics_are_those_of_scikit_learn_and_of_a_count_by_hand():
    recency = [5.0, 1.0, None, 2.0, 9.0, 50.0, 3.0, None, 60.0, 70.0]

    found = evaluate(telling(), judged(PROBABILITIES, TRUTH, recency))

    ranking = [-(1e6 if days is None else days) for days in recency]
    assert found["auc"] == roc_auc_score(TRUTH, PROBABILITIES)
    assert found["pr_auc"] == average_precision_score(TRUTH, PROBABILITIES)
    assert found["brier"] == pytest.approx(brier_score_loss(TRUTH, PROBABILITIES))
    assert found["brier_no_skill"] == pytest.approx(0.4 * 0.6)
    assert found["lift_at_10"] == pytest.approx(1 / 0.4)
    gaps = [abs(p - t) for p, t in zip(PROBABILITIES, TRUTH, strict=True)]
    assert found["calibration_error"] == pytest.approx(sum(gaps) / 10)
    assert found["baselines"]["recency"] == {
        "auc": roc_auc_score(TRUTH, ranking),
        "pr_auc": average_precision_score(TRUTH, ranking),
        "lift_at_10": pytest.approx(1 / 0.4),
    }


def test_a_handful_of_rows_is_judged_row_by_row():
    found = evaluate(telling(), judged([0.5, 0.25, 0.0], [True, False, False]))

    assert found["calibration_error"] == pytest.approx((0.5 + 0.25 + 0.0) / 3)


def test_a_perfectly_calibrated_guess_has_no_calibration_error():
    found = evaluate(telling(), judged([0.25] * 400, [True, False, False, False] * 100))

    assert found["calibration_error"] == pytest.approx(0.0)
    assert found["brier"] == pytest.approx(found["brier_no_skill"])
    assert found["auc"] == 0.5


@pytest.mark.parametrize(
    ("candidate", "is_passed"),
    [
        ({}, True),
        ({"scale": 0.99}, True),  # a hair less calibrated
        ({"scale": 0.5}, False),  # the same order, worse probabilities
        ({"scale": -1.0, "shift": 1.0}, False),  # the wrong way round
    ],
)
def test_the_gate_lets_pass_what_is_no_worse_beyond_chance(candidate, is_passed):
    rows = judged(PROBABILITIES * 20, TRUTH * 20)

    verdict = compare(telling("new", **candidate), telling("old"), rows)

    assert verdict.is_passed is is_passed
    assert verdict.text.startswith("on 200 rows from 2011-01-03 to 2011-01-03 the candidate new")
    assert verdict.text.endswith("the champion old 0.8333 and 0.1725")


def test_a_candidate_far_better_than_the_champion_passes():
    rows = judged(PROBABILITIES * 20, TRUTH * 20)

    assert compare(telling("new"), telling("old", scale=0.1), rows).is_passed


def test_a_category_is_its_place_and_an_unknown_one_is_missing():
    rows = contacts(4).with_columns(
        country=pl.Series(["France", "UK", "Atlantis", None]), channel=pl.lit("email")
    )

    found = matrix(rows, ("country", "channel", "tenure_days"), {"country": ["UK", "France"]})

    assert found[:, 0].tolist()[:2] == [1.0, 0.0]
    assert np.isnan(found[2:, 0]).all()
    assert np.isnan(found[:, 1]).all()
    assert found[:, 2].tolist() == rows["tenure_days"].to_list()
    assert found.dtype == np.float64


def test_nobody_has_no_probability(model):
    assert model.probabilities(contacts(0)).tolist() == []
