"""Drift: how far a day may move from the weeks before it."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import chi2

from de_assets.checks import drift
from de_assets.checks.drift import AGREEMENT, NEW_CATEGORY, NULL_PSI, PSI, judge_drift
from de_assets.checks.profile import Watched, profile_of_rows, profile_of_values
from de_assets_tests.checks.series import day

DAYS, ROWS = 70, 200
LAST = DAYS - 1
WATCHED = Watched(
    numbers=("price",),
    labels=("kind",),
    nullable=("price", "kind", "owner"),
    follows=(("price", "product"), ("owner", "order")),
)


def rows_of(number: int, rows: int = ROWS) -> pl.DataFrame:
    """One day of orders of four lines; the price of a product, but for a few pence."""
    chance = np.random.default_rng(number)
    product = chance.integers(0, 25, rows)
    return pl.DataFrame(
        {
            "dt": [day(number)] * rows,
            "order": np.arange(rows) // 4,
            "product": product,
            "price": np.exp(product / 5) * chance.uniform(0.95, 1.05, rows),
            "kind": chance.choice(["view", "cart", "form"], rows, p=[0.8, 0.15, 0.05]),
            "owner": [f"c{n // 4}" if n // 4 % 5 else None for n in range(rows)],
        }
    )


HISTORY = pl.concat([rows_of(n) for n in range(LAST)])


def alarms(*last: pl.DataFrame) -> set[tuple[str, str]]:
    frame = pl.concat([HISTORY, *last], how="vertical_relaxed")
    days = sorted(set(frame["dt"]))
    profiles = pl.concat([profile_of_rows(frame, days), profile_of_values(WATCHED, frame)])
    found = judge_drift(profiles, [day for part in last for day in part["dt"].unique()]).alarms
    return set(found.select("column", "measure").rows())


def test_a_day_like_the_others_is_no_alarm():
    assert alarms(rows_of(LAST)) == set()


@pytest.mark.parametrize("factor", [100, 0.01, -1])
def test_another_unit_is_an_alarm(factor):
    assert ("price", PSI) in alarms(rows_of(LAST).with_columns(pl.col("price") * factor))


def test_nulls_are_an_alarm_in_watched_and_in_identifying_columns():
    half = pl.int_range(pl.len()) % 2 == 0

    found = alarms(
        rows_of(LAST).with_columns(price=pl.when(half).then("price"), owner=pl.lit(None, pl.String))
    )

    assert {("price", PSI), ("owner", NULL_PSI)} <= found


def test_a_column_shuffled_among_rows_is_an_alarm_though_its_distribution_is_the_same():
    shuffled = rows_of(LAST).with_columns(pl.col("price", "owner").shuffle(seed=1))

    assert alarms(shuffled) == {("price", AGREEMENT), ("owner", AGREEMENT)}


def test_a_label_that_was_never_there_is_an_alarm_from_a_share_on():
    def with_new(count):
        is_new = pl.int_range(pl.len()) < count
        return rows_of(LAST).with_columns(
            kind=pl.when(is_new).then(pl.lit("hover")).otherwise("kind")
        )

    assert alarms(with_new(4)) == set()
    assert alarms(with_new(6)) == {("kind", NEW_CATEGORY)}


def test_labels_in_other_shares_are_an_alarm():
    assert alarms(rows_of(LAST).with_columns(kind=pl.lit("cart"))) == {("kind", PSI)}


def test_few_rows_may_look_like_anything():
    assert alarms(rows_of(LAST, rows=6)) == set()


def test_what_is_wrong_for_a_week_is_an_alarm_on_each_of_its_days():
    wrong = [rows_of(LAST + n).with_columns(pl.col("price") * 100) for n in range(6)]

    frame = pl.concat([HISTORY, *wrong])
    days = [day(LAST + n) for n in range(6)]
    profiles = pl.concat(
        [profile_of_rows(frame, sorted(set(frame["dt"]))), profile_of_values(WATCHED, frame)]
    )

    assert judge_drift(profiles, days).failing_days == days


def test_a_weekday_that_begins_to_differ_is_an_alarm_once():
    is_new_sunday = (pl.col("dt").dt.weekday() == 7) & (pl.col("dt") > day(40))
    frame = HISTORY.with_columns(
        price=pl.when(is_new_sunday).then(pl.col("price") * 5).otherwise("price")
    )
    days = sorted(set(frame["dt"]))
    profiles = pl.concat([profile_of_rows(frame, days), profile_of_values(WATCHED, frame)])

    judgement = judge_drift(profiles, days[28:])

    sundays = [each for each in days if each > day(40) and each.weekday() == 6]
    assert judgement.failing_days == sundays[:1]
    of_price = judgement.measures.filter(column="price", measure=PSI)
    assert (of_price.filter(pl.col("dt").is_in(sundays))["value"] > drift.LEAST_PSI).all()


def test_a_young_table_and_a_day_without_rows_pass():
    few = HISTORY.filter(pl.col("dt") < day(20)).with_columns(pl.col("price") * 100)
    profiles = pl.concat(
        [profile_of_rows(few, [day(n) for n in range(21)]), profile_of_values(WATCHED, few)]
    )

    judgement = judge_drift(profiles, [day(5), day(20)])

    assert judgement.failing_days == []
    assert judgement.days_without_history == 2


def test_days_alone_and_days_of_a_range_get_the_same_verdict():
    days = sorted(set(HISTORY["dt"]))
    profiles = pl.concat([profile_of_rows(HISTORY, days), profile_of_values(WATCHED, HISTORY)])

    at_once = judge_drift(profiles, days).measures.filter(pl.col("dt") == days[-1])
    alone = judge_drift(profiles, days[-1:]).measures

    assert at_once.drop("upper", "lower").equals(alone.drop("upper", "lower"))


def test_the_bound_of_chance_is_that_of_the_chi_squared_distribution():
    freedom = np.arange(1, 60)

    ratio = drift._chi_squared(freedom) / chi2.ppf(drift.CONFIDENCE, freedom)

    assert (ratio >= 0.995).all()
    assert (ratio < 1.08).all()


def test_psi_is_the_textbook_sum():
    day_counts, past = np.array([[30.0, 70.0]]), np.array([[500.0, 500.0]])

    counts, reference = np.vstack([past, day_counts]), np.vstack([0 * past, past])
    movement = drift._moved("c", PSI, counts, reference, np.zeros(2))

    expected = (0.3 - 0.5) * np.log(0.3 / 0.5) + (0.7 - 0.5) * np.log(0.7 / 0.5)
    assert movement.moved[1] == pytest.approx(expected, rel=0.03)
