"""What Dagster is told of audits: one result a dimension, its rules, and the days that fail."""

from datetime import date, timedelta

import dagster as dg
import polars as pl
import pytest

from de_assets.assets.tally import Tally, is_beyond
from de_assets.contracts.audit import audit, rules
from de_assets.contracts.base import table_info
from de_assets.contracts.modeled import DimProduct
from de_assets.contracts.tables import TABLES
from de_assets_tests.contract_rows import seeded

MONDAY = date(2026, 1, 5)
TUESDAY, THURSDAY = MONDAY + timedelta(1), MONDAY + timedelta(3)
MOST_CHECKS = 6  # each costs a tenth of a second or more on SQLite


def tallied(frame, days, contract=DimProduct):
    tally = Tally(contract)
    tally.add(audit(contract, frame), frame, days)
    return tally


def results(tally, *, is_blocked=False):
    return {each.check_name: each for each in tally.results(is_blocked=is_blocked)}


def failing(result):
    table = result.metadata["rules"]
    return {r.data["rule"]: r.data["failing_rows"] for r in table.records if r.data["failing_rows"]}


def products(**changes):
    frame = seeded(DimProduct, 8).with_columns(dt=pl.lit(MONDAY))
    return frame.with_columns(**changes)


@pytest.mark.parametrize("key", TABLES)
def test_a_table_has_one_result_for_each_dimension_and_each_of_its_rules_is_in_one(key):
    contract = TABLES[key]
    frame = seeded(contract, 3)

    found = results(tallied(frame, [None], contract))

    shown = [r.data["rule"] for each in found.values() for r in each.metadata["rules"].records]
    assert sorted(shown) == sorted(rule.name for rule in rules(contract))
    assert set(found) == {rule.dimension for rule in rules(contract)}
    # `conservation` comes on top of a cleaned table's.
    assert len(found) + (table_info(contract).stage == "cleaned") <= MOST_CHECKS
    assert all(each.passed for each in found.values())


def test_rows_that_fail_are_counted_by_rule_and_day():
    frame = products(
        unit_price=pl.Series([-1.0, -1, 1, 1, 1, 1, 1, 1]),
        dt=pl.Series([MONDAY, THURSDAY, *[TUESDAY] * 6]),
    )

    validity = results(tallied(frame, [MONDAY, TUESDAY, THURSDAY]))["validity"]

    assert failing(validity) == {"unit_price.greater_than_or_equal_to(0)": 2}
    assert validity.metadata["failing_rows"].value == 2
    assert validity.metadata["checked_rows"].value == 8
    assert validity.metadata["days"].value == f"{MONDAY}, {THURSDAY}"
    assert not validity.passed


def test_passes_of_one_run_add_up():
    tally = tallied(products(unit_price=pl.lit(-1.0)), [MONDAY])
    tuesday = products(unit_price=pl.lit(-2.0), dt=pl.lit(TUESDAY))

    tally.add(audit(DimProduct, tuesday), tuesday, [TUESDAY])

    validity = results(tally)["validity"]
    assert validity.metadata["failing_rows"].value == 16
    assert validity.metadata["failing_days"].value == 2


def test_a_table_of_another_shape_fails_its_schema_on_its_days_and_says_how():
    schema = results(tallied(products().drop("name"), [MONDAY]))["schema"]

    assert not schema.passed
    assert schema.metadata["found"].value == "column not in dataframe: name"
    assert schema.metadata["days"].value == str(MONDAY)


def test_a_failing_check_is_a_warning_unless_a_day_was_withheld():
    tally = tallied(products(unit_price=pl.lit(-1.0)), [MONDAY])

    severities = [
        results(tally, is_blocked=is_blocked)["validity"].severity for is_blocked in (False, True)
    ]

    assert severities == [dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR]


def test_an_empty_table_passes_and_its_rates_are_nothing():
    found = results(tallied(products().clear(), [MONDAY]))

    assert all(each.passed for each in found.values())
    rates = {r.data["rate"] for each in found.values() for r in each.metadata["rules"].records}
    assert rates == {0.0}


@pytest.mark.parametrize(
    ("rows_failing", "rows", "rate", "expected"),
    [
        (19, 20, 0.5, False),  # too few to say anything
        (20, 40, 0.5, False),
        (20, 39, 0.5, True),
        (1, 1_000_000, 0.0, True),
        (0, 10, 0.0, False),
        (0, 0, 0.5, False),
    ],
)
def test_a_rate_counts_from_twenty_rows_on_and_none_tolerated_means_none(
    rows_failing, rows, rate, expected
):
    assert is_beyond(rows_failing, rows, rate) is expected
