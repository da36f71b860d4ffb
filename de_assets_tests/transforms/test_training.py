"""Which days become snapshots, how time divides them, and what counts as having come of them."""

import itertools
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from de_assets.contracts.audit import audit
from de_assets.contracts.base import polars_schema
from de_assets.contracts.features import SPLITS, TrainingSet
from de_assets.transforms.features import contact_features
from de_assets.transforms.training import (
    LEAST_HISTORY_DAYS,
    SNAPSHOT_SPACING_DAYS,
    label_snapshots,
    matured,
    snapshot_days,
    split_by_time,
)
from de_assets_tests.world import ANNA, BORIS, MONDAY, active_day, known_contact, table

DAY = timedelta(days=1)
DAYS = st.integers(0, 1500)
HORIZONS = st.integers(1, 200)


@given(DAYS, DAYS)
def test_a_later_end_adds_snapshots_and_moves_none(length, more):
    short = snapshot_days(MONDAY, MONDAY + length * DAY)
    long = snapshot_days(MONDAY, MONDAY + (length + more) * DAY)

    assert long[: len(short)] == short
    assert all(day.weekday() == MONDAY.weekday() for day in long)
    assert all(MONDAY < day <= MONDAY + (length + more) * DAY for day in long)
    assert len(long) == (length + more) // SNAPSHOT_SPACING_DAYS


def test_a_calendar_that_ends_before_it_begins_has_no_snapshots():
    assert snapshot_days(MONDAY, MONDAY - DAY) == []
    assert snapshot_days(MONDAY, MONDAY - 60 * DAY) == []


def test_a_snapshot_is_mature_once_the_last_day_of_its_horizon_is_in_the_data():
    last_day = MONDAY + 30 * DAY

    assert matured([MONDAY, MONDAY + DAY], last_day, 30) == [MONDAY]


@given(DAYS, HORIZONS)
def test_no_label_is_open_when_a_later_part_begins(length, horizon):
    end = MONDAY + length * DAY
    snapshots = matured(snapshot_days(MONDAY, end), end, horizon)

    parts = split_by_time(snapshots, MONDAY, horizon)

    by_part = {part: [day for day, of in parts.items() if of == part] for part in SPLITS}
    known = [by_part[part] for part in SPLITS if by_part[part]]
    for earlier, later in itertools.pairwise(known):
        assert max(earlier) + horizon * DAY <= min(later)
    assert list(parts) == sorted(parts)
    assert set(parts) <= set(snapshots)
    if snapshots:
        assert parts[snapshots[-1]] == "test"


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, []),
        (1, ["test"]),
        (2, ["test"]),
        (3, ["calibrate", "test"]),
        (5, ["train", "calibrate", "test"]),
        (7, ["train", "calibrate", "test"]),
    ],
)
def test_few_snapshots_are_for_the_test_first_then_for_calibration(count, expected):
    snapshots = [MONDAY + n * SNAPSHOT_SPACING_DAYS * DAY for n in range(1, count + 1)]

    parts = split_by_time(snapshots, MONDAY, 30)

    assert list(parts.values()) == expected


def test_snapshots_with_too_little_history_train_only_if_there_are_no_others():
    spacing = SNAPSHOT_SPACING_DAYS * DAY
    snapshots = [MONDAY + n * spacing for n in range(1, 13)]

    parts = split_by_time(snapshots, MONDAY, 28)

    since = MONDAY + LEAST_HISTORY_DAYS * DAY
    trained = [day for day, part in parts.items() if part == "train"]
    assert trained == [day for day in snapshots if since <= day <= snapshots[-4]][: len(trained)]
    assert trained[0] == since
    few = split_by_time(snapshots[:3], MONDAY, 28)
    assert list(few.values()) == ["train", "calibrate", "test"]
    assert min(few) < since


def labelled(activity, snapshots, horizon=30, engine="in-memory"):
    contacts = table(
        "modeled/dim_contact",
        known_contact(date(2011, 1, 1)),
        known_contact(date(2011, 1, 1), contact_id=BORIS),
    )
    days = table("modeled/contact_daily", *activity)
    features = pl.concat([contact_features(days, contacts, day) for day in snapshots])
    parts = dict.fromkeys(snapshots[1:], "test") | {snapshots[0]: "train"}
    return label_snapshots(features, days, parts, horizon).collect(engine=engine)


@pytest.mark.parametrize(
    ("after", "counts"), [(-1, False), (0, False), (1, True), (30, True), (31, False)]
)
def test_an_order_counts_after_the_snapshot_to_the_last_day_of_the_horizon(after, counts, engine):
    found = labelled([active_day(MONDAY + after * DAY, orders=1)], [MONDAY], engine=engine)

    assert found.select("contact_id", "is_ordering").rows() == [(BORIS, False), (ANNA, counts)]


def test_only_an_order_counts_and_several_count_once():
    visits = [active_day(MONDAY + DAY, sessions=5, cancelled_lines=1, contact_id=BORIS)]
    orders = [active_day(MONDAY + n * DAY, orders=2) for n in (1, 2, 3)]

    found = labelled(visits + orders, [MONDAY])

    assert found.select("contact_id", "is_ordering").rows() == [(BORIS, False), (ANNA, True)]


def test_one_order_counts_for_every_snapshot_whose_horizon_it_is_in(engine):
    snapshots = [MONDAY, MONDAY + 28 * DAY, MONDAY + 56 * DAY]

    found = labelled([active_day(MONDAY + 29 * DAY, orders=1)], snapshots, engine=engine)

    anna = found.filter(contact_id=ANNA)
    assert anna["is_ordering"].to_list() == [True, True, False]
    assert anna["split"].to_list() == ["train", "test", "test"]
    verdict = audit(TrainingSet, found.select(*polars_schema(TrainingSet)))
    assert (verdict.failing, verdict.structural) == ({}, ())
    assert set(found.columns) == set(polars_schema(TrainingSet))


def test_a_snapshot_without_a_part_is_left_out(engine):
    features = contact_features(
        table("modeled/contact_daily"), table("modeled/dim_contact", known_contact(MONDAY)), MONDAY
    )

    found = label_snapshots(features, table("modeled/contact_daily"), {}, 30).collect(engine=engine)

    assert found.is_empty()
    assert set(found.columns) == set(polars_schema(TrainingSet))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([ANNA, BORIS]), st.integers(-5, 100)), max_size=12),
    st.integers(1, 60),
)
def test_labels_are_those_of_a_count_by_hand(orders, horizon):
    orders = list(dict.fromkeys(orders))
    snapshots = [MONDAY + n * 28 * DAY for n in range(3)]
    activity = [active_day(MONDAY + n * DAY, orders=1, contact_id=who) for who, n in orders]

    found = labelled(activity, snapshots, horizon)

    for who, day, is_ordering in found.select("contact_id", "as_of", "is_ordering").iter_rows():
        after = (day - MONDAY).days
        assert is_ordering == any(
            who == other and after < n <= after + horizon for other, n in orders
        )
