"""Cancellations find what they cancel; products are described by whoever knows them."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from de_assets.contracts.audit import audit
from de_assets.contracts.base import polars_schema
from de_assets.contracts.modeled import DimProduct, FctOrderLine
from de_assets.transforms.orders import (
    CANCELLATION_LOOK_BACK_DAYS,
    describe_products,
    match_cancellations,
)
from de_assets_tests.world import ANNA, CLARA, moment, order_line, table

NOON = moment("2011-03-07 12:00")
DAY = timedelta(days=1)
LONGEST = CANCELLATION_LOOK_BACK_DAYS * DAY


def lines(*rows):
    return table("cleaned/order_lines", *rows)


def taken_back(at, **values):
    return order_line(at, **({"order_id": "C", "is_cancellation": True, "quantity": -1.0} | values))


def match(*rows):
    facts = match_cancellations(lines(*rows)).collect()
    found = facts.filter("is_cancellation")
    return found.select("cancelled_order_id", "cancellation_lag_days").rows()


def test_a_cancellation_takes_back_the_latest_earlier_purchase():
    found = match(
        order_line(NOON - 9 * DAY, order_id="oldest"),
        order_line(NOON - 2 * DAY, order_id="latest"),
        order_line(NOON + DAY, order_id="later"),
        taken_back(NOON),
    )

    assert found == [("latest", 2)]


@pytest.mark.parametrize(
    "other",
    [
        {"contact_id": CLARA},
        {"contact_id": None},
        {"product_id": "85123A"},
        {"quantity": -1.0},
        {"is_cancellation": True, "quantity": -1.0, "contact_id": None},
    ],
)
def test_what_somebody_else_bought_or_nobody_is_not_taken_back(other):
    found = match(order_line(NOON - DAY, **other), taken_back(NOON))

    assert set(found) == {(None, None)}


def test_a_cancellation_of_a_guest_takes_nothing_back():
    guest = {"contact_id": None}

    assert match(order_line(NOON - DAY, **guest), taken_back(NOON, **guest)) == [(None, None)]


def test_a_purchase_of_the_same_moment_is_earlier_enough():
    assert match(order_line(NOON, order_id="same"), taken_back(NOON)) == [("same", 0)]


@settings(max_examples=20, deadline=None)
@given(st.permutations(["1", "2", "3"]))
def test_of_purchases_at_one_moment_the_last_order_number_is_taken_back(order_ids):
    bought = [order_line(NOON - DAY, order_id=order_id) for order_id in order_ids]

    assert match(*bought, taken_back(NOON)) == [("3", 1)]


def test_the_look_back_ends_with_its_last_day():
    within = order_line(NOON - LONGEST, order_id="within")
    beyond = order_line(NOON - LONGEST - DAY, order_id="beyond")

    assert match(within, taken_back(NOON)) == [("within", CANCELLATION_LOOK_BACK_DAYS)]
    assert match(beyond, taken_back(NOON)) == [(None, None)]


LINES = st.lists(
    st.builds(
        lambda days, hour, who, is_back, order_id: (taken_back if is_back else order_line)(
            NOON + days * DAY + timedelta(hours=hour), contact_id=who, order_id=str(order_id)
        ),
        st.integers(0, 3 * CANCELLATION_LOOK_BACK_DAYS),
        st.sampled_from([-12, 0, 11]),
        st.sampled_from([ANNA, CLARA, None]),
        st.booleans(),
        st.integers(0, 50),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda line: (line["ordered_at"], line["order_id"]),
)


@settings(max_examples=40, deadline=None)
@given(LINES, st.integers(1, 900), st.randoms(use_true_random=False))
def test_days_taken_in_passes_give_what_all_days_at_once_give(rows, pass_days, random):
    whole = match_cancellations(lines(*rows)).collect()
    first, last = min(r["dt"] for r in rows), max(r["dt"] for r in rows)
    shuffled = lines(*random.sample(rows, len(rows)))

    passes = []
    while first <= last:
        end = first + (pass_days - 1) * DAY
        read = shuffled.filter(pl.col("dt").is_between(first - LONGEST, end))
        passes.append(match_cancellations(read).filter(pl.col("dt") >= first).collect())
        first = end + DAY

    by = ["ordered_at", "order_id"]
    assert_frame_equal(pl.concat(passes).sort(by), whole.sort(by), check_row_order=True)


def test_facts_keep_every_line_and_the_contract(engine):
    rows = [
        order_line(NOON, quantity=3.0, unit_price=2.5),
        order_line(NOON, order_id="2", contact_id=None),
        taken_back(NOON + DAY, quantity=-2.0, unit_price=2.5),
    ]

    facts = match_cancellations(lines(*rows)).collect(engine=engine)

    body = facts.select(*polars_schema(FctOrderLine), "dt")
    assert audit(FctOrderLine, body).failing == {}
    assert audit(FctOrderLine, body).structural == ()
    assert set(body.columns) == set(facts.columns)
    assert facts["revenue"].to_list() == [7.5, 3.0, -5.0]


def test_no_lines_make_no_facts(engine):
    facts = match_cancellations(lines()).collect(engine=engine)

    assert facts.is_empty()
    assert dict(facts.schema) == dict(polars_schema(FctOrderLine)) | {"dt": pl.Date()}


def product(**values):
    return {"product_id": "71053"} | values


def describe(products, sold, engine="in-memory"):
    frame = describe_products(table("cleaned/products", *products), lines(*sold))
    return frame.collect(engine=engine)


def test_the_catalogue_knows_better_than_the_orders():
    listed = product(name="Lantern", category="Light", unit_price=4.0)

    found = describe([listed], [order_line(NOON, description="lantrn")])

    assert found.rows(named=True) == [
        listed | {"first_ordered_on": date(2011, 3, 7), "is_in_catalogue": True}
    ]


def test_what_the_catalogue_leaves_open_the_orders_tell(engine):
    sold = [
        order_line(NOON, description="LANTERN", unit_price=2.0),
        order_line(NOON + DAY, description="LANTERN", unit_price=4.0),
        order_line(NOON + DAY, description="check", unit_price=9.0),
        taken_back(NOON + 2 * DAY, unit_price=1.0),
    ]

    found = describe([product()], sold, engine)

    assert found.select("name", "unit_price", "is_in_catalogue").rows() == [("LANTERN", 4.0, True)]


def test_every_product_sold_is_a_product(engine):
    found = describe([product(name="Lantern")], [order_line(NOON, product_id="POST")], engine)

    assert found.select("product_id", "is_in_catalogue").rows() == [
        ("71053", True),
        ("POST", False),
    ]
    assert audit(DimProduct, found).structural == ()
    assert audit(DimProduct, found).failing == {}


def test_of_descriptions_as_common_the_first_in_the_alphabet_names_a_product():
    sold = [order_line(NOON, description=text) for text in ("b", "a", "c", "a", "b")]

    for rows in (sold, sold[::-1]):
        assert describe([], rows)["name"].to_list() == ["a"]
