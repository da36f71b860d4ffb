"""Every feature on a history that can be counted by hand, and the edges of every window."""

import math
from datetime import date, timedelta

import polars as pl
import pytest

from de_assets.contracts.audit import audit
from de_assets.contracts.base import polars_schema
from de_assets.contracts.features import ContactFeatures
from de_assets.transforms.features import HISTORY_DAYS, contact_features
from de_assets_tests.world import BORIS, active_day, known_contact, table

TODAY = date(2011, 6, 30)
LONG_AGO = date(2005, 1, 1)
OLD_CONTACT = known_contact(LONG_AGO)


def ago(days):
    return TODAY - timedelta(days=days)


def features(activity=(), contacts=(OLD_CONTACT,), engine="in-memory"):
    return contact_features(
        table("modeled/contact_daily", *activity), table("modeled/dim_contact", *contacts), TODAY
    ).collect(engine=engine)


def test_a_history_that_can_be_counted_by_hand(engine):
    activity = [
        active_day(ago(0), sessions=1, views=4, carts=1),
        active_day(ago(5), orders=2, revenue=30.0, products=3, cancelled_lines=1),
        active_day(ago(15), orders=1, revenue=10.0, products=1, email_opens=2, email_clicks=1),
        active_day(ago(35), orders=1, revenue=20.0, products=2, cancelled_revenue=5.0, forms=1),
        active_day(ago(345), orders=3, revenue=40.0, products=9, sessions=2, views=5),
    ]

    found = features(activity, [known_contact(ago(400), country="UK")], engine).row(0, named=True)

    gaps = [310, 20, 10]
    mean = sum(gaps) / 3
    deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / 2)
    middle_of_season = (TODAY + timedelta(days=15)).timetuple().tm_yday
    angle = 2 * math.pi * middle_of_season / 365.25
    assert found == {
        "contact_id": "17850",
        "as_of": TODAY,
        "dt": TODAY,
        "country": "UK",
        "channel": None,
        "tenure_days": 400.0,
        "recency_days": 5.0,
        "first_order_age_days": 345.0,
        "orders_7d": 2.0,
        "orders_30d": 3.0,
        "orders_90d": 4.0,
        "orders_365d": 7.0,
        "orders_730d": 7.0,
        "orders_same_month_last_year": 3.0,
        "revenue_30d": 40.0,
        "revenue_90d": 60.0,
        "revenue_365d": 100.0,
        "order_value_mean": 100 / 7,
        "products_365d": 15.0,
        "order_gap_mean_days": pytest.approx(mean),
        "order_gap_deviation_days": pytest.approx(deviation),
        "overdue_ratio": pytest.approx(5 / mean),
        "cancelled_lines_365d": 1.0,
        "cancelled_revenue_365d": 5.0,
        "sessions_7d": 1.0,
        "sessions_30d": 1.0,
        "sessions_90d": 1.0,
        "session_recency_days": 0.0,
        "views_30d": 4.0,
        "carts_7d": 1.0,
        "carts_30d": 1.0,
        "email_opens_90d": 2.0,
        "email_clicks_90d": 1.0,
        "forms_90d": 1.0,
        "season_sine": pytest.approx(math.sin(angle)),
        "season_cosine": pytest.approx(math.cos(angle)),
    }


@pytest.mark.parametrize(
    ("days", "windows"),
    [
        (-1, set()),
        (0, {7, 30, 90, 365, 730}),
        (6, {7, 30, 90, 365, 730}),
        (7, {30, 90, 365, 730}),
        (29, {30, 90, 365, 730}),
        (30, {90, 365, 730}),
        (89, {90, 365, 730}),
        (90, {365, 730}),
        (364, {365, 730}),
        (365, {730}),
        (729, {730}),
        (730, set()),
    ],
)
def test_a_window_of_n_days_ends_today_and_begins_n_minus_one_days_ago(days, windows):
    found = features([active_day(ago(days), orders=1, revenue=2.0)]).row(0, named=True)

    for window in (7, 30, 90, 365, 730):
        assert found[f"orders_{window}d"] == (window in windows)
    for window in (30, 90, 365):
        assert found[f"revenue_{window}d"] == 2 * (window in windows)
    assert found["recency_days"] == (days if windows else None)
    assert HISTORY_DAYS == 730


@pytest.mark.parametrize(("days", "counts"), [(334, 0), (335, 1), (364, 1), (365, 0)])
def test_last_years_season_is_that_of_the_weeks_to_come(days, counts):
    found = features([active_day(ago(days), orders=1)]).row(0, named=True)

    assert found["orders_same_month_last_year"] == counts


def test_a_contact_without_history_has_zero_of_everything_and_no_recency():
    found = features().row(0, named=True)

    nothing = {name for name, value in found.items() if value is None}
    assert nothing == {
        "country",
        "channel",
        "recency_days",
        "first_order_age_days",
        "order_value_mean",
        "order_gap_mean_days",
        "order_gap_deviation_days",
        "overdue_ratio",
        "session_recency_days",
    }
    counts = [name for name in found if name.endswith("d") and name[-2].isdigit()]
    assert len(counts) == 20
    assert all(found[name] == 0 for name in counts)


def test_one_order_has_no_gap_and_two_have_no_deviation():
    one = features([active_day(ago(9), orders=1)]).row(0, named=True)
    two = features([active_day(ago(n), orders=1) for n in (9, 19)]).row(0, named=True)

    assert (one["order_gap_mean_days"], one["overdue_ratio"]) == (None, None)
    assert (two["order_gap_mean_days"], two["order_gap_deviation_days"]) == (10.0, None)


def test_a_day_of_visits_is_no_day_of_orders():
    activity = [
        active_day(ago(1), sessions=1),
        active_day(ago(3), cancelled_lines=1, cancelled_revenue=2.0),
        active_day(ago(8), orders=1, revenue=3.0),
    ]

    found = features(activity).row(0, named=True)

    assert (found["recency_days"], found["session_recency_days"]) == (8.0, 1.0)
    assert found["order_value_mean"] == 3.0


@pytest.mark.parametrize(
    ("since", "until", "is_known"),
    [(0, None, True), (-1, None, False), (9, 0, True), (9, 1, False), (9, 5, False)],
)
def test_the_version_that_holds_today_is_the_one_that_counts(since, until, is_known):
    valid_to = None if until is None else ago(until)

    found = features(contacts=[known_contact(ago(since), valid_to=valid_to)])

    assert (found.height == 1) is is_known


def test_of_several_versions_one_gives_its_values():
    versions = [
        known_contact(ago(9), valid_to=ago(3), country="UK", is_current=False),
        known_contact(ago(2), valid_to=ago(0), country="France", first_seen_on=ago(9)),
        known_contact(ago(-1), country="Spain", first_seen_on=ago(9)),
    ]

    found = features(contacts=versions)

    assert found.select("country", "tenure_days").rows() == [("France", 9.0)]


def test_features_keep_their_contract_and_have_its_columns(engine):
    activity = [active_day(ago(n), orders=1, revenue=0.1, contact_id=BORIS) for n in range(9)]
    contacts = [known_contact(LONG_AGO), known_contact(LONG_AGO, contact_id=BORIS)]

    for rows in ((activity, contacts), ([], contacts), ([], [])):
        found = features(*rows, engine)
        body = found.select(*polars_schema(ContactFeatures))
        assert set(found.columns) == {*body.columns, "dt"}
        assert body.schema == polars_schema(ContactFeatures)
        verdict = audit(ContactFeatures, body)
        assert (verdict.failing, verdict.structural) == ({}, ())
        assert found["contact_id"].is_sorted()


def test_activity_of_nobody_we_know_makes_no_row():
    assert features([active_day(ago(1), contact_id=BORIS)])["contact_id"].to_list() == ["17850"]


def test_an_order_of_today_after_a_gap_of_one_day_is_not_overdue():
    found = features([active_day(ago(1), orders=1), active_day(ago(0), orders=1)])

    assert found["overdue_ratio"].to_list() == [0.0]
    assert not any(found.select(pl.col(pl.Float64).is_infinite().any()).row(0))
