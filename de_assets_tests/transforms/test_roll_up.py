"""What a contact did on a day, counted by hand."""

import math

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from de_assets.contracts.audit import audit
from de_assets.contracts.base import polars_schema
from de_assets.contracts.modeled import ContactDaily
from de_assets.transforms.contacts import roll_up_contacts
from de_assets.transforms.orders import match_cancellations
from de_assets_tests.world import (
    ANNA,
    BORIS,
    CLARA,
    MONDAY,
    TUESDAY,
    active_day,
    moment,
    order_line,
    table,
)

NOON = moment("2011-03-07 12:00")


def session(**values):
    counts = dict.fromkeys(("views", "carts", "email_opens", "email_clicks", "forms"), 0)
    usual = {"session_id": "s", "contact_id": ANNA, "started_at": NOON, "dt": MONDAY}
    return usual | counts | values


def rolled(orders=(), sessions=(), engine="in-memory"):
    facts = match_cancellations(table("cleaned/order_lines", *orders))
    return roll_up_contacts(facts, table("modeled/fct_session", *sessions)).collect(engine=engine)


def test_a_day_counts_what_was_bought_taken_back_and_looked_at(engine):
    orders = [
        order_line(NOON, order_id="1", quantity=2.0, unit_price=1.5),
        order_line(NOON, order_id="1", product_id="POST", unit_price=4.0),
        order_line(NOON, order_id="2", quantity=1.0, unit_price=0.25),
        order_line(NOON, order_id="C", quantity=-2.0, unit_price=1.5, is_cancellation=True),
        order_line(NOON, order_id="3", quantity=-7.0, unit_price=0.0),  # a write-off is no order
        order_line(NOON, order_id="4", contact_id=None),
    ]
    sessions = [session(views=3, carts=1), session(views=2, email_opens=1, forms=4)]

    found = rolled(orders, sessions, engine).row(0, named=True)

    assert found == active_day(
        MONDAY,
        orders=2,
        order_lines=3,
        units=4.0,
        products=2,
        revenue=7.25,
        cancelled_lines=1,
        cancelled_revenue=3.0,
        sessions=2,
        views=5,
        carts=1,
        email_opens=1,
        forms=4,
    )


def test_who_only_bought_and_who_only_looked_each_have_their_day(engine):
    found = rolled(
        [order_line(NOON, contact_id=CLARA)],
        [session(contact_id=BORIS, views=1), session(contact_id=None), session(dt=TUESDAY)],
        engine,
    )

    assert found.select("dt", "contact_id", "orders", "sessions").rows() == [
        (MONDAY, CLARA, 1, 0),
        (MONDAY, BORIS, 0, 1),
        (TUESDAY, ANNA, 0, 1),
    ]
    assert found["views"].null_count() == found["revenue"].null_count() == 0


def test_nothing_is_never_less_than_nothing():
    given_away = order_line(NOON, order_id="C", quantity=-1.0, unit_price=0.0, is_cancellation=True)

    found = rolled([given_away, order_line(NOON, contact_id=BORIS)])

    for name in ("units", "revenue", "cancelled_revenue"):
        assert all(math.copysign(1, value) == 1 for value in found[name])


def test_no_activity_makes_no_rows_but_all_columns():
    found = rolled()

    assert found.is_empty()
    assert dict(found.schema) == dict(polars_schema(ContactDaily)) | {"dt": pl.Date()}


ORDERS = st.lists(
    st.builds(
        lambda who, quantity, pence: order_line(
            NOON,
            contact_id=who,
            quantity=float(quantity),
            unit_price=pence / 100,
            is_cancellation=quantity < 0,
        ),
        st.sampled_from([ANNA, BORIS]),
        st.integers(-50, 50).filter(bool),
        st.integers(0, 10**6),
    ),
    max_size=60,
)


@settings(max_examples=40, deadline=None)
@given(ORDERS, st.randoms(use_true_random=False))
def test_sums_are_the_same_to_the_last_bit_in_any_order_of_rows(orders, random):
    shuffled = random.sample(orders, len(orders))

    found = rolled(orders)

    assert found.equals(rolled(shuffled))
    assert found.equals(rolled(shuffled, engine="streaming"))
    verdict = audit(ContactDaily, found.select(*polars_schema(ContactDaily), "dt"))
    assert (verdict.failing, verdict.structural) == ({}, ())
