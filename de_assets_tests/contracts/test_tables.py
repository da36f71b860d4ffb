"""What every declared table and column says of itself."""

import re
from collections import defaultdict

import polars as pl
import pytest

from de_assets.contracts.audit import Rule, rules
from de_assets.contracts.base import columns, polars_schema, table_info
from de_assets.contracts.cleaned import CleanedOrderLines
from de_assets.contracts.features import ContactFeatures, TrainingSet, features
from de_assets.contracts.raw import QUARANTINE, RAW
from de_assets.contracts.source_tables import SOURCE_TABLES
from de_assets.contracts.tables import TABLES

every_table = pytest.mark.parametrize("key", TABLES)


@every_table
def test_a_table_says_what_a_row_is_and_who_owns_it(key):
    info = table_info(TABLES[key])

    assert info.key == f"{info.stage}/{info.entity}" == key
    assert info.title
    assert info.grain
    assert re.fullmatch(r"team:[a-z-]+", info.owner)


@every_table
def test_every_column_says_what_it_means_and_whom_it_could_identify(key):
    declared = columns(TABLES[key])

    for column in declared:
        assert len(column.title) > 3, column.name
        assert column.pii in ("direct", "quasi", "none")
        assert column.owner.startswith("team:")
    titles = [column.title for column in declared]
    assert all(title[-1] != "." for title in titles)


@every_table
def test_every_rule_has_a_name_of_its_own_and_the_frame_comes_first(key):
    declared = rules(TABLES[key])

    names = [rule.name for rule in declared]
    assert len(names) == len(set(names))
    assert declared[0] == Rule("columns", "schema", None, "error")


@every_table
def test_a_key_is_made_of_columns_that_are_never_null(key):
    contract = TABLES[key]
    nullable = {column.name: column.is_nullable for column in columns(contract)}

    assert not any(nullable[name] for name in table_info(contract).unique_by)


@every_table
def test_the_day_column_is_one_of_the_table_and_a_moment(key):
    info, schema = table_info(TABLES[key]), polars_schema(TABLES[key])

    assert "dt" not in schema
    if info.day_column:
        assert info.is_daily
        assert schema[info.day_column].is_temporal()


def test_no_direct_identifier_gets_further_than_raw_but_into_the_identity_table_encrypted():
    holders = {
        key
        for key, contract in TABLES.items()
        if any(column.pii == "direct" for column in columns(contract))
    }

    assert holders <= {f"raw/{name}" for name in RAW} | {"identity/contacts"}
    assert all(
        "encrypted" in column.title
        for column in columns(TABLES["identity/contacts"])
        if column.pii == "direct"
    )


def test_a_column_has_one_privacy_class_in_all_tables_behind_raw_and_identity():
    classes = defaultdict(set)
    for key, contract in TABLES.items():
        if not key.startswith(("raw/", "identity/")):
            for column in columns(contract):
                classes[column.name].add(column.pii)

    assert {name for name, found in classes.items() if len(found) > 1} == set()


def test_the_rules_of_order_lines_are_these():
    found = {(rule.name, rule.dimension, rule.column) for rule in rules(CleanedOrderLines)}

    assert {
        ("quantity.not_null", "completeness", "quantity"),
        ("quantity.parseable", "validity", "quantity"),
        ("quantity.not_equal_to(0)", "validity", "quantity"),
        ("unit_price.greater_than_or_equal_to(0)", "validity", "unit_price"),
        ("cancellation_is_not_a_sale", "consistency", None),
    } <= found
    assert not any(name.startswith("description.") for name, _, _ in found)


def test_features_are_the_contract_without_its_keys_and_have_names_to_tell_apart():
    names = features()

    assert list(names) == list(polars_schema(ContactFeatures))[2:]
    assert len(set(names.values())) == len(names)
    assert [*polars_schema(ContactFeatures), "is_ordering", "split"] == list(
        polars_schema(TrainingSet)
    )


@pytest.mark.parametrize("name", SOURCE_TABLES)
def test_raw_and_quarantine_hold_all_columns_of_the_source_and_where_they_came_from(name):
    source = SOURCE_TABLES[name]
    provenance = {"_source", "_source_row", "_batch"}

    arrived, broken = polars_schema(RAW[name]), polars_schema(QUARANTINE[name])

    assert set(arrived) == {*source.columns, *provenance, "_extra", "_ingested_at"}
    assert set(broken) == {*source.columns, *provenance, "reasons"}
    assert broken["reasons"] == pl.List(pl.String)
    assert set(source.required) <= set(source.columns)
    assert source.day_column is None or source.day_column in source.columns


def test_a_nullable_column_is_no_matter_of_completeness():
    nullable = {column.name for column in columns(ContactFeatures) if column.is_nullable}

    complete = {rule.column for rule in rules(ContactFeatures) if rule.dimension == "completeness"}

    assert "recency_days" in nullable
    assert nullable.isdisjoint(complete)


@pytest.mark.parametrize("key", [key for key in TABLES if key.startswith("cleaned/")])
def test_only_what_is_read_as_a_number_or_a_moment_can_be_unreadable(key):
    fallible = {info.name for info in columns(TABLES[key]) if info.read in ("number", "moment")}

    readable = {rule.column for rule in rules(TABLES[key]) if rule.name.endswith(".parseable")}

    assert readable == fallible
