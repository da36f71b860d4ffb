"""The history of each contact: which versions there are, from when to when, and who is known."""

import itertools
from datetime import timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from de_assets.contracts.audit import audit
from de_assets.contracts.base import polars_schema
from de_assets.contracts.modeled import DimContact
from de_assets.transforms.contacts import track_contacts
from de_assets_tests.world import (
    ANNA,
    BORIS,
    CLARA,
    MONDAY,
    TUESDAY,
    crm_record,
    event,
    moment,
    order_line,
    table,
)

NOON = moment("2011-03-07 12:00")
DAY = timedelta(days=1)
SUNDAY, FRIDAY = MONDAY - DAY, MONDAY + 4 * DAY


def history(records=(), orders=(), events=(), engine="in-memory"):
    return track_contacts(
        table("cleaned/contacts", *records),
        table("cleaned/order_lines", *orders),
        table("cleaned/events", *events),
    ).collect(engine=engine)


def versions(*columns, **inputs):
    return history(**inputs).select(columns).rows()


def test_reading_the_same_values_again_makes_no_version():
    records = [crm_record(MONDAY + n * DAY) for n in range(5)]

    assert versions("valid_from", "valid_to", "is_current", records=records) == [
        (MONDAY, None, True)
    ]


def test_a_change_ends_a_version_on_the_day_before():
    records = [
        crm_record(MONDAY),
        crm_record(TUESDAY),
        crm_record(FRIDAY, lifecycle_stage="customer"),
    ]

    found = versions("valid_from", "valid_to", "is_current", "lifecycle_stage", records=records)

    assert found == [
        (MONDAY, FRIDAY - DAY, False, "lead"),
        (FRIDAY, None, True, "customer"),
    ]


def test_a_value_that_comes_back_is_a_third_version():
    stages = ["lead", "customer", "lead"]
    records = [crm_record(MONDAY + n * DAY, lifecycle_stage=s) for n, s in enumerate(stages)]

    assert [stage for (stage,) in versions("lifecycle_stage", records=records)] == stages


def test_a_value_that_is_taken_away_is_a_change():
    records = [crm_record(MONDAY), crm_record(TUESDAY, lifecycle_stage=None)]

    assert versions("lifecycle_stage", records=records) == [("lead",), (None,)]


def test_the_first_values_hold_since_the_crm_made_the_record():
    record = crm_record(FRIDAY, created_at=NOON)

    found = versions("valid_from", "first_seen_on", "created_on", records=[record])

    assert found == [(MONDAY, MONDAY, MONDAY)]


def test_a_record_made_in_the_future_holds_since_it_was_read():
    record = crm_record(MONDAY, created_at=NOON + 9999 * DAY)

    assert versions("valid_from", "valid_to", records=[record]) == [(MONDAY, None)]


def test_a_trace_before_the_record_is_a_version_without_crm():
    found = versions(
        "valid_from",
        "valid_to",
        "is_in_crm",
        "crm_id",
        "first_seen_on",
        records=[crm_record(FRIDAY)],
        events=[event(NOON)],
    )

    assert found == [
        (MONDAY, FRIDAY - DAY, False, None, MONDAY),
        (FRIDAY, None, True, "1", MONDAY),
    ]


def test_a_trace_on_or_after_the_day_of_the_record_makes_no_version():
    for at in (NOON, NOON + DAY):
        found = versions(
            "valid_from", "is_in_crm", records=[crm_record(MONDAY)], events=[event(at)]
        )
        assert found == [(MONDAY, True)]


def test_a_contact_known_from_its_orders_alone_is_a_contact():
    orders = [
        order_line(NOON + DAY, contact_id=CLARA, country="Spain"),
        order_line(NOON, contact_id=CLARA, country="France"),
    ]

    found = versions("contact_id", "valid_from", "is_in_crm", "country", orders=orders)

    assert found == [(CLARA, MONDAY, False, "France")]


def test_guests_and_unknown_visitors_are_no_contacts():
    nobody = {"contact_id": None}

    found = history(orders=[order_line(NOON, **nobody)], events=[event(NOON, **nobody)])

    assert found.is_empty()


def test_the_country_of_an_order_is_not_known_before_the_order():
    found = versions(
        "valid_from",
        "valid_to",
        "country",
        "lifecycle_stage",
        records=[crm_record(MONDAY), crm_record(FRIDAY, lifecycle_stage="customer")],
        orders=[order_line(NOON + 2 * DAY, country="France")],
    )

    assert found == [
        (MONDAY, TUESDAY, None, "lead"),
        (MONDAY + 2 * DAY, FRIDAY - DAY, "France", "lead"),
        (FRIDAY, None, "France", "customer"),
    ]


def test_the_country_of_the_crm_goes_before_that_of_an_order():
    found = versions(
        "country",
        "is_current",
        records=[crm_record(MONDAY, country="UK")],
        orders=[order_line(NOON + DAY, country="France")],
    )

    assert found == [("UK", True)]


def test_of_two_countries_at_one_moment_the_first_in_the_alphabet_counts():
    orders = [order_line(NOON, country=country) for country in ("UK", None, "France")]

    for rows in (orders, orders[::-1]):
        assert versions("country", orders=rows) == [("France",)]


DAYS = st.integers(0, 30).map(lambda n: MONDAY + n * DAY)
WHO = st.sampled_from([ANNA, BORIS, CLARA])
COUNTRIES = st.sampled_from([None, "UK", "France"])
MOMENTS = st.integers(0, 30 * 24).map(lambda n: NOON + timedelta(hours=n))
RECORDS = st.lists(
    st.builds(
        lambda day, who, stage, country, created: crm_record(
            day, contact_id=who, lifecycle_stage=stage, country=country, created_at=created
        ),
        DAYS,
        WHO,
        st.sampled_from(["lead", "customer", None]),
        COUNTRIES,
        st.none() | MOMENTS,
    ),
    unique_by=lambda record: (record["contact_id"], record["dt"]),
    max_size=12,
)
ORDERS = st.lists(
    st.builds(
        lambda at, who, c: order_line(at, contact_id=who, country=c), MOMENTS, WHO, COUNTRIES
    ),
    max_size=6,
)
EVENTS = st.lists(st.builds(lambda at, who: event(at, contact_id=who), MOMENTS, WHO), max_size=6)


@settings(max_examples=50, deadline=None)
@given(RECORDS, ORDERS, EVENTS, st.randoms(use_true_random=False))
def test_any_history_is_without_gap_or_overlap_and_ends_in_one_open_version(
    records, orders, events, random
):
    found = history(records, orders, events)

    verdict = audit(DimContact, found)
    assert (verdict.failing, verdict.structural) == ({}, ())
    assert found.schema == polars_schema(DimContact)
    known = {row["contact_id"] for row in [*records, *orders, *events]}
    assert set(found["contact_id"]) == known
    for periods in found.partition_by("contact_id"):
        assert periods["is_current"].sum() == 1
        assert periods["valid_to"].to_list()[:-1] == [
            since - DAY for since in periods["valid_from"].to_list()[1:]
        ]
        assert periods["valid_from"].min() == periods["first_seen_on"].unique().item()
        values = periods.drop("valid_from", "valid_to", "is_current").rows()
        assert all(one != other for one, other in itertools.pairwise(values))
    shuffled = [random.sample(rows, len(rows)) for rows in (records, orders, events)]
    assert found.equals(history(*shuffled))
    assert found.equals(history(*shuffled, engine="streaming"))


@settings(max_examples=50, deadline=None)
@given(RECORDS, ORDERS, EVENTS, DAYS)
def test_what_is_done_later_changes_no_version_that_holds_today(records, orders, events, today):
    def known(rows):
        return [row for row in rows if row["dt"] <= today]

    whole = history(records, orders, events)
    so_far = history(records, known(orders), known(events))

    columns = ["contact_id", "valid_from", "country", "lifecycle_stage", "is_in_crm"]
    holds = (pl.col("valid_from") <= today) & (
        pl.col("valid_to").is_null() | (pl.col("valid_to") >= today)
    )
    assert whole.filter(holds).select(columns).equals(so_far.filter(holds).select(columns))
