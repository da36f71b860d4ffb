"""Rows made from the contracts: good ones pass, and one bad cell is found by its rule."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from de_assets.contracts.audit import audit, rules
from de_assets.contracts.base import polars_schema, table_info
from de_assets.contracts.tables import TABLES
from de_assets_tests.world import moment

DAILY = [key for key in TABLES if key.startswith("cleaned/")]
KEYS = [*DAILY, "features/contact_features"]
WINDOWS = ("orders_7d", "orders_30d", "orders_90d", "orders_365d", "orders_730d")
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=5)


def cell(declared, dtype):
    """Values that keep every rule of a column, from the statistics of its checks."""
    low, high = -1e6, 1e6
    for check in declared.checks:
        bounds = check.statistics or {}
        low = max(low, bounds.get("min_value", low))
        high = min(high, bounds.get("max_value", high))
    if dtype == pl.Boolean:
        values = st.booleans()
    elif dtype == pl.Date:
        values = st.dates()
    elif dtype.is_temporal():
        values = st.datetimes(moment("1990-01-01"), moment("2030-01-01"))
    elif dtype.is_integer():
        values = st.integers(int(low), int(high))
    elif dtype.is_float():
        values = st.floats(low, high).filter(bool)  # quantities may not be 0
    else:
        values = TEXT
    return st.none() | values if declared.nullable else values


def row(contract):
    declared = contract.to_schema().columns
    schema = polars_schema(contract)
    return st.fixed_dictionaries({name: cell(declared[name], schema[name]) for name in schema}).map(
        consistent
    )


def consistent(values):
    """The rules about whole rows, kept by hand."""
    if values.get("is_cancellation"):
        values["quantity"] = -abs(values["quantity"])
    if "visitor_id" in values:
        values["visitor_id"] = values["visitor_id"] or "v"
    if WINDOWS[0] in values:
        values |= zip(WINDOWS, sorted(values[name] for name in WINDOWS), strict=True)
    return values


@st.composite
def frames(draw):
    contract = TABLES[draw(st.sampled_from(KEYS))]
    key = table_info(contract).unique_by
    rows = draw(
        st.lists(
            row(contract),
            min_size=1,
            max_size=8,
            unique_by=(lambda r: tuple(r[name] for name in key)) if key else None,
        )
    )
    return contract, pl.DataFrame(rows, schema=polars_schema(contract), orient="row")


@settings(max_examples=60, deadline=None)
@given(frames())
def test_rows_made_from_a_contract_keep_it(made):
    contract, frame = made

    verdict = audit(contract, frame)

    assert (verdict.failing, verdict.structural) == ({}, ())


def spoiled(rule, dtype):
    """A value that breaks a rule of a column."""
    if rule.name.endswith(".not_null"):
        return pl.lit(None, dtype)
    name, _, bound = rule.name.split(".", 1)[1].rstrip(")").partition("(")
    off = {"greater_than_or_equal_to": -1, "less_than_or_equal_to": 1, "not_equal_to": 0}
    return pl.lit(float(bound) + off[name]).cast(dtype)


@settings(max_examples=120, deadline=None)
@given(frames(), st.data())
def test_one_spoiled_cell_is_found_by_its_rule_and_in_its_row(made, data):
    contract, frame = made
    of_cells = [
        rule for rule in rules(contract) if rule.column and not rule.name.endswith(".parseable")
    ]
    rule = data.draw(st.sampled_from(of_cells))
    place = data.draw(st.integers(0, frame.height - 1))
    value = spoiled(rule, frame.schema[rule.column])
    is_spoiled = pl.int_range(pl.len()) == place

    verdict = audit(
        contract,
        frame.with_columns(
            pl.when(is_spoiled).then(value).otherwise(rule.column).alias(rule.column)
        ),
    )

    assert verdict.structural == ()
    assert verdict.failing[rule.name].arg_true().to_list() == [place]
    of_other_columns = [
        name for name in verdict.failing if "." in name and not name.startswith(f"{rule.column}.")
    ]
    assert of_other_columns == []


@pytest.mark.parametrize("key", DAILY)
def test_only_what_is_not_text_can_be_unreadable(key):
    schema = polars_schema(TABLES[key])

    readable = {rule.column for rule in rules(TABLES[key]) if rule.name.endswith(".parseable")}

    assert readable == {name for name, dtype in schema.items() if dtype != pl.String}
