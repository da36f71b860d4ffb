"""The graph of columns: what it says of them, to whom, and what Dagster is told."""

from dataclasses import replace

import dagster as dg
import polars as pl
import pytest

from de_assets.assets.cleaned import CLEANED
from de_assets.assets.lineage import (
    Column,
    LineageGraph,
    Sources,
    column_lineage,
    lineage_text,
    table_sources,
)
from de_assets.contracts.source_tables import SOURCE_TABLES
from de_assets.transforms.quarantine import IS_QUARANTINED, mark_quarantined
from de_assets_tests.assets.judged_lineage import DERIVATIONS, GRAPH
from de_assets_tests.assets.shop import Shop, line
from de_assets_tests.world import DIALECT, PII_KEY, raw


def columns_of(table, *names):
    return frozenset(Column(table, name) for name in names)


def test_directly_a_column_is_made_of_the_columns_one_step_before_it():
    direct = GRAPH.upstream("modeled/fct_order_line", "revenue", is_transitive=False)

    assert columns_of("cleaned/order_lines", "quantity", "unit_price") < direct
    assert {column.table for column in direct} == {"cleaned/order_lines"}


def test_in_the_end_a_column_is_made_of_what_arrived():
    found = GRAPH.upstream("predictions/lead_scores", "score")

    assert Column("raw/order_lines", "quantity") in found
    assert Column("raw/products", "category") not in found
    assert Column("crm/sync_plan", "lead_score") not in found


def test_downstream_is_upstream_the_other_way_round():
    for column in GRAPH.columns:
        for reader in GRAPH.downstream(*column):
            assert column in GRAPH.upstream(*reader)
    assert GRAPH.downstream("raw/contacts", "email", is_transitive=False) == {
        Column("cleaned/contacts", "email_token"),
        Column("identity/contacts", "email"),
        *(column for column in GRAPH.columns if column.table == "quarantine/contacts"),
    }


def test_a_column_that_nobody_made_and_nobody_reads_has_no_lineage():
    assert GRAPH.upstream("raw/order_lines", "_extra") == frozenset()
    assert GRAPH.downstream("raw/order_lines", "_extra") == frozenset()


def test_what_marks_duplicates_decides_the_rows_of_a_cleaned_table():
    sources = GRAPH.sources[Column("cleaned/order_lines", "quantity")]

    assert sources.values == columns_of("raw/order_lines", "quantity")
    assert Column("raw/order_lines", "country") in sources.rows


def test_a_table_is_traced_once_in_a_process():
    calls = []

    def counted(raw):
        calls.append(raw)
        return DERIVATIONS["cleaned/products"].transform(raw=raw)

    derivation = replace(DERIVATIONS["cleaned/products"], transform=counted)
    first = table_sources(derivation)

    assert table_sources(derivation) is first
    assert LineageGraph({derivation.key: derivation}).sources
    assert len(calls) == 1


def test_the_rows_that_lineage_takes_for_quarantined_are_those_that_break_a_rule():
    contract, clean = CLEANED[0]
    marked = mark_quarantined(
        raw("order_lines").with_columns(
            _source_row=pl.int_range(pl.len(), dtype=pl.Int64), _batch=pl.lit("b")
        ).drop("_row"),
        source=SOURCE_TABLES["order_lines"],
        contract=contract,
        clean=clean,
        dialect=DIALECT,
        token_key=lambda: PII_KEY,
    ).collect()  # fmt: skip

    rejected = marked.filter(IS_QUARANTINED)
    assert marked.height == 12
    assert set(rejected["order_id"]) == {"A536370", "536371", "C536372"}
    assert marked.filter(~pl.col(IS_QUARANTINED))["reasons"].null_count() == 9


@pytest.mark.parametrize(
    ("values", "rows", "text"),
    [
        ((), (), "from no column"),
        (("a",), (), "from raw/t.a"),
        (("a",), ("a",), "from raw/t.a"),
        (("a", "x"), ("b",), "from raw/t.x, raw/t.a; rows by 1 column"),
        (("a",), ("b", "c"), "from raw/t.a; rows by 2 columns"),
        (
            tuple("abcdefgh"),
            (),
            "from raw/t.a, raw/t.b, raw/t.c, raw/t.d, raw/t.e, raw/t.f and 2 more",
        ),
    ],
)
def test_the_text_of_a_lineage_begins_with_the_column_of_the_same_name(values, rows, text):
    assert (
        lineage_text("x", Sources(columns_of("raw/t", *values), columns_of("raw/t", *rows))) == text
    )


@pytest.fixture
def shop(tmp_path, instance):
    return Shop(tmp_path, instance)


def told(shop, key):
    """Of every materialization of a table, by its day: the metadata."""
    events = shop.instance.fetch_materializations(dg.AssetKey(key.split("/")), limit=10).records
    return {record.partition_key: record.asset_materialization.metadata for record in events}


def test_a_run_tells_dagster_with_its_last_day_where_each_column_comes_from(shop):
    shop.drop("a.csv", line(1, "2026-01-05"), line(2, "2026-01-06"))
    assert shop.ingest("2026-01-05", "2026-01-06").success

    metadata = told(shop, "cleaned/order_lines")
    lineage = metadata["2026-01-06"]["dagster/column_lineage"].value
    schema = metadata["2026-01-06"]["dagster/column_schema"].value
    shown = {column.name: column.constraints.other for column in schema.columns}

    deps = {
        (dep.asset_key.to_user_string(), dep.column_name)
        for dep in lineage.deps_by_column["quantity"]
    }
    assert ("raw/order_lines", "quantity") in deps
    assert shown["quantity"][-1] == "from raw/order_lines.quantity; rows by 11 columns"
    assert "dagster/column_lineage" not in metadata["2026-01-05"]
    quarantine = told(shop, "quarantine/order_lines")["2026-01-06"]
    assert "reasons" in quarantine["dagster/column_lineage"].value.deps_by_column


def test_a_state_that_is_no_table_is_not_told_to_dagster_as_an_asset():
    sources = table_sources(DERIVATIONS["crm/sync_plan"])
    assert Column("ledger", "fingerprint") in sources["action"].needed

    lineage = column_lineage(sources).deps_by_column

    tables = {dep.asset_key.to_user_string() for deps in lineage.values() for dep in deps}
    assert tables == {"predictions/lead_scores", "modeled/dim_contact"}
