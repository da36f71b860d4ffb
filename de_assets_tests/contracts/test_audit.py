"""What an audit finds, which rows it blames, and what it keeps to itself."""

from datetime import date, timedelta
from types import MappingProxyType

import pandera.polars as pa
import polars as pl
import pytest

from de_assets.contracts.audit import audit, rules
from de_assets.contracts.base import Contract, TableInfo, Terms, column, row_rule
from de_assets.contracts.tables import TABLES
from de_assets_tests.world import (
    MONDAY,
    TUESDAY,
    active_day,
    crm_record,
    event,
    known_contact,
    moment,
    order_line,
    table,
)

NOON = moment("2011-03-07 12:00")
SECRET = "anna@example.com"
WARNED = {"ge": Terms("warn"), "le": Terms("warn")}
PARCELS_INFO = TableInfo("cleaned/parcels", "Parcels", "one", unique_by=("parcel_id",))


class Parcels(Contract):
    """A table with one rule of each kind, one of them a warning."""

    parcel_id: pl.String = column("Parcel")
    weight_kg: pl.Float64 = column("Weight", nullable=True, ge=0, le=30, terms=WARNED)
    size: pl.String = column("Size", isin=("S", "L"))

    class Config:
        """The table."""

        metadata = MappingProxyType({"table": PARCELS_INFO})

    small_is_light = row_rule(
        "small_is_light",
        "No small parcel weighs more than ten.",
        (pl.col("size") != "S") | (pl.col("weight_kg") <= 10),
        Terms("warn"),
    )


PARCELS = pl.DataFrame({"parcel_id": ["a", "b", "c"], "weight_kg": [1.0, 20, None], "size": "L"})


def broken_rows(contract, frame):
    verdict = audit(contract, frame)
    assert verdict.structural == ()
    return {name: mask.arg_true().to_list() for name, mask in verdict.failing.items()}


def test_a_frame_that_keeps_its_contract_breaks_nothing():
    verdict = audit(Parcels, PARCELS)

    assert verdict.failing == {}
    assert verdict.structural == ()
    assert verdict.rules == rules(Parcels)
    assert verdict.rejected().to_list() == [False, False, False]
    assert verdict.reasons().to_list() == [[], [], []]


@pytest.mark.parametrize("key", TABLES)
def test_an_empty_table_keeps_every_contract(key):
    empty = table(key).collect()

    verdict = audit(TABLES[key], empty.drop("dt", strict=False))

    assert (verdict.failing, verdict.structural) == ({}, ())
    assert verdict.rejected().len() == verdict.reasons().len() == 0


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"parcel_id": [None, "b", "c"]}, "parcel_id.not_null"),
        ({"size": ["M", "L", "L"]}, "size.isin(('S', 'L'))"),
        ({"size": [None, "L", "L"]}, "size.not_null"),
        ({"weight_kg": [-1.0, 20, None]}, "weight_kg.greater_than_or_equal_to(0)"),
        ({"weight_kg": [31.0, 20, None]}, "weight_kg.less_than_or_equal_to(30)"),
        ({"weight_kg": [float("nan"), 20, None]}, "weight_kg.finite"),
        ({"weight_kg": [float("inf"), 20, None]}, "weight_kg.finite"),
        ({"weight_kg": [float("-inf"), 20, None]}, "weight_kg.finite"),
        ({"size": ["S", "L", "L"], "weight_kg": [11.0, 20, None]}, "small_is_light"),
    ],
)
def test_a_broken_rule_is_named_and_blamed_on_its_row_alone(change, rule):
    frame = PARCELS.with_columns(**{name: pl.Series(values) for name, values in change.items()})

    assert broken_rows(Parcels, frame) == {rule: [0]}
    assert rule in {declared.name for declared in rules(Parcels)}


def test_a_warning_is_a_reason_but_rejects_no_row():
    frame = PARCELS.with_columns(weight_kg=pl.Series([99.0, 20, None]), size=pl.lit("S"))

    verdict = audit(Parcels, frame)

    assert {rule.name for rule in verdict.rules if rule.severity == "warn"} >= set(verdict.failing)
    assert verdict.reasons().to_list() == [
        ["weight_kg.less_than_or_equal_to(30)", "small_is_light"],
        ["small_is_light"],
        [],  # what is not known breaks no rule but `not_null`
    ]
    assert not verdict.rejected().any()


def test_a_row_has_all_its_reasons():
    frame = PARCELS.with_columns(
        parcel_id=pl.Series([None, "b", "c"]), size=pl.Series(["M", "L", "X"])
    )

    verdict = audit(Parcels, frame)

    assert [sorted(reasons) for reasons in verdict.reasons().to_list()] == [
        ["parcel_id.not_null", "size.isin(('S', 'L'))"],
        [],
        ["size.isin(('S', 'L'))"],
    ]
    assert verdict.rejected().to_list() == [True, False, True]


def test_all_copies_of_a_key_are_blamed_and_a_missing_key_is_nobodys_copy():
    frame = pl.concat([PARCELS, PARCELS.head(1)]).with_columns(
        parcel_id=pl.Series(["a", None, None, "a"])
    )

    assert broken_rows(Parcels, frame) == {
        "parcel_id.not_null": [1, 2],
        "unique(parcel_id)": [0, 3],
    }


def test_a_key_may_come_again_on_another_day():
    twice = PARCELS.head(1).vstack(PARCELS.head(1))
    two_days = twice.with_columns(dt=pl.Series([MONDAY, TUESDAY]))
    one_day = twice.with_columns(dt=pl.lit(MONDAY))

    assert broken_rows(Parcels, two_days) == {}
    assert broken_rows(Parcels, one_day) == {"unique(parcel_id)": [0, 1]}


def test_text_that_could_not_be_read_is_said_once():
    frame = table(
        "cleaned/order_lines",
        order_line(NOON),
        order_line(NOON, quantity=None),
        order_line(NOON, quantity=None),
    ).collect()
    marked = frame.with_columns(_unparsed_quantity=pl.Series([False, True, False]))

    assert broken_rows(TABLES["cleaned/order_lines"], marked) == {
        "quantity.parseable": [1],
        "quantity.not_null": [2],
    }


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        (PARCELS.drop("size"), "column not in dataframe: size"),
        (PARCELS.with_columns(colour=pl.lit("red")), "column not in schema: colour"),
        (PARCELS.with_columns(weight_kg=pl.lit("1")), "weight_kg: dtype('Float64') expected"),
        (PARCELS.select("size", "weight_kg", "parcel_id"), "columns are not in the declared order"),
    ],
)
def test_a_frame_of_another_shape_is_told_by_its_cause_alone(frame, found):
    verdict = audit(Parcels, frame)

    assert verdict.structural == (found,)


def test_a_rule_that_cannot_be_checked_is_named():
    class Odd(Contract):
        """A rule that asks for a column that is not declared."""

        size: pl.String = column("Size")

        class Config:
            """The table."""

            metadata = MappingProxyType({"table": TableInfo("modeled/odd", "Odd", "one")})

        @pa.dataframe_check(name="asks_for_too_much")
        def asks_for_too_much(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
            """There is no such column."""
            return data.lazyframe.select(pl.col("colour") == "red")

    verdict = audit(Odd, pl.DataFrame({"size": ["S"]}))

    assert verdict.structural == ("rule cannot be checked: asks_for_too_much",)


def test_no_value_gets_out_of_an_audit():
    broken = PARCELS.with_columns(parcel_id=pl.lit(SECRET), size=pl.lit(SECRET))
    misshapen = broken.with_columns(weight_kg=pl.lit(SECRET))

    said = [audit(Parcels, frame) for frame in (broken, misshapen, broken.drop("size"))]

    assert said[0].rejected().all()
    assert said[1].structural
    for verdict in said:
        text = f"{verdict.rules} {verdict.structural} {list(verdict.failing)}"
        assert SECRET not in text


def test_the_audit_changes_nothing_of_what_it_is_shown():
    frame = PARCELS.with_columns(_unparsed_weight_kg=pl.lit(value=False), dt=pl.lit(MONDAY))
    before = frame.clone()

    audit(Parcels, frame)

    assert frame.equals(before)


LATER = NOON + timedelta(hours=1)
SCORE = {
    "contact_id": "1",
    "scored_for": MONDAY,
    "probability": 0.25,
    "score": 25,
    "grade": "A",
    "trend": "up",
    "model_version": "1",
}
FACT = {
    "order_id": "1",
    "line_number": 1,
    "product_id": "1",
    "ordered_at": NOON,
    "quantity": 1.0,
    "unit_price": 1.0,
    "revenue": 1.0,
    "is_cancellation": False,
    "dt": MONDAY,
}
SESSION = dict.fromkeys(
    ("views", "carts", "purchases", "email_opens", "email_clicks", "forms", "products"), 0
) | {"session_id": "s", "started_at": NOON, "ended_at": LATER, "events": 1, "dt": MONDAY}


@pytest.mark.parametrize(
    ("key", "row", "change", "rule"),
    [
        (
            "cleaned/order_lines",
            order_line(NOON),
            {"is_cancellation": True},
            "cancellation_is_not_a_sale",
        ),
        ("cleaned/events", event(NOON), {"contact_id": None}, "somebody_did_it"),
        ("cleaned/contacts", crm_record(MONDAY), {"has_name": None}, "has_name.not_null"),
        (
            "modeled/dim_contact",
            known_contact(MONDAY),
            {"valid_to": MONDAY - timedelta(days=1), "is_current": False},
            "period_is_not_empty",
        ),
        ("modeled/dim_contact", known_contact(MONDAY), {"is_current": False}, "current_is_open"),
        ("modeled/fct_order_line", FACT, {"cancelled_order_id": "2"}, "only_cancellations_cancel"),
        ("modeled/fct_session", SESSION, {"ended_at": NOON - LATER + NOON}, "ends_after_it_starts"),
        (
            "modeled/contact_daily",
            active_day(MONDAY),
            {"revenue": -1.0},
            "revenue.greater_than_or_equal_to(0)",
        ),
        ("predictions/lead_scores", SCORE, {"score": 26}, "score_is_the_probability"),
        ("predictions/lead_scores", SCORE, {"grade": "E"}, "grade.isin(('A', 'B', 'C', 'D'))"),
    ],
)
def test_the_rules_about_whole_rows_mean_what_they_say(key, row, change, rule):
    good = {"dt": date(2011, 3, 7)} | row
    frame = table(key, good, good | change).collect().drop("dt", strict=False)

    found = broken_rows(TABLES[key], frame)

    assert found.pop(rule) == [1]
    assert all(name.startswith("unique(") for name in found)
