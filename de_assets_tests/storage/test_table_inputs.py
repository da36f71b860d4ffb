"""What Dagster assets are handed of a table: by annotation, days, and what is there."""

from typing import Any

import dagster as dg
import polars as pl
import pytest

from de_assets.contracts.base import polars_schema
from de_assets.contracts.tables import TABLES
from de_assets.errors import StorageError
from de_assets.storage.lake import Lake
from de_assets.storage.table_io_manager import ALLOW_MISSING, LakeTable, empty_frame
from de_assets_tests.storage.runs import (
    FIRST,
    NAME,
    SECOND,
    TABLE,
    THIRD,
    Runs,
    names,
    names_of,
)


def test_the_annotation_says_how_a_table_is_handed_over(local_lake: Lake, runs: Runs):
    local_lake.write(TABLE, names("a"), FIRST)

    lazy = runs.read(pl.LazyFrame, [FIRST])
    eager = runs.read(pl.DataFrame, [FIRST])
    table = runs.read(LakeTable, [FIRST])
    unsaid = runs.read(Any, [FIRST])

    assert isinstance(lazy, pl.LazyFrame)
    assert isinstance(eager, pl.DataFrame)
    assert isinstance(table, LakeTable)
    assert isinstance(unsaid, LakeTable)
    assert [names_of(frame) for frame in (lazy, eager, table.frame())] == [["a"]] * 3
    assert eager.schema == {**polars_schema(TABLES[TABLE]), "dt": pl.Date}


def test_days_older_than_a_column_have_nulls_there_and_columns_declared_no_more_are_left_out(
    local_lake: Lake,
):
    local_lake.write(TABLE, names("a").with_columns(gone=pl.lit(1)), FIRST)
    local_lake.write(TABLE, names("b").with_columns(channel=pl.lit("email")), SECOND)

    for days in ([FIRST, SECOND], [FIRST]):
        frame = LakeTable(local_lake, TABLE, days).frame().collect()
        assert frame.schema == {**polars_schema(TABLES[TABLE]), "dt": pl.Date}
        assert frame["channel"].to_list() == [None, "email"][: len(days)]


def test_a_table_without_days_is_handed_over_whole(local_lake: Lake, runs: Runs):
    local_lake.write(TABLE, names("a", "b"))

    table = runs.read(LakeTable, is_daily=False)

    assert (table.key, table.is_daily, table.days, table.sizes()) == (TABLE, False, (), {})
    assert names_of(table.frame()) == ["a", "b"]


def test_one_mapped_day_of_many_is_a_lazy_frame_and_no_dict(local_lake: Lake, runs: Runs):
    local_lake.write(TABLE, names("a"), FIRST)
    local_lake.write(TABLE, names("b"), SECOND)
    the_day_before = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)

    frame = runs.read(pl.LazyFrame, [SECOND], partition_mapping=the_day_before)

    assert isinstance(frame, pl.LazyFrame)
    assert names_of(frame) == ["a"]


def test_all_days_come_as_one_frame_with_dt(local_lake: Lake, runs: Runs):
    for day, name in ((FIRST, "a"), (SECOND, "b"), (THIRD, "c")):
        local_lake.write(TABLE, names(name), day)
    whole = {"partition_mapping": dg.AllPartitionMapping(), "metadata": {ALLOW_MISSING: True}}

    frame = runs.read(pl.DataFrame, **whole)

    assert frame.select(NAME, "dt").rows() == [("a", FIRST), ("b", SECOND), ("c", THIRD)]


def test_a_look_back_may_be_cut_to_the_days_that_are_wanted(local_lake: Lake, runs: Runs):
    for day, name in ((FIRST, "a"), (SECOND, "b"), (THIRD, "c")):
        local_lake.write(TABLE, names(name), day)
    look_back = dg.TimeWindowPartitionMapping(start_offset=-2)

    table = runs.read(LakeTable, [THIRD], partition_mapping=look_back)

    assert table.days == (FIRST, SECOND, THIRD)
    assert names_of(table.between(FIRST, SECOND)) == ["a", "b"]
    assert list(table.sizes()) == [FIRST, SECOND, THIRD]


def test_days_that_are_missing_are_an_error_that_counts_them(local_lake: Lake, runs: Runs):
    local_lake.write(TABLE, names("a"), FIRST)

    with pytest.raises(StorageError) as caught:
        runs.read(pl.LazyFrame, [FIRST, SECOND, THIRD])

    assert "2 of 3 days are not in the lake, the first 2024-03-05" in caught.value.what
    assert caught.value.where == TABLE
    assert caught.value.fix == "materialize cleaned/events for these days first"


def test_days_may_be_missing_where_the_input_says_so(local_lake: Lake, runs: Runs):
    local_lake.write(TABLE, names("a"), FIRST)
    may_be = {"metadata": {ALLOW_MISSING: True}}

    table = runs.read(LakeTable, [FIRST, SECOND, THIRD], **may_be)

    assert table.days == (FIRST,)
    assert names_of(table.frame()) == ["a"]


def test_a_table_of_which_no_day_is_there_is_empty_with_its_declared_columns(runs: Runs):
    frame = runs.read(pl.LazyFrame, [FIRST], metadata={ALLOW_MISSING: True})

    assert frame.collect().is_empty()
    assert frame.collect_schema() == empty_frame(TABLE).collect_schema()
    assert frame.collect_schema()["dt"] == pl.Date
    assert "event_id" in frame.collect_schema()


def test_the_empty_frame_of_a_table_without_days_has_no_dt():
    assert "dt" not in empty_frame("modeled/dim_product").collect_schema()


def test_raw_days_may_differ_in_their_types(local_lake: Lake):
    local_lake.write("raw/events", pl.DataFrame({"id": [1]}), FIRST)
    local_lake.write("raw/events", pl.DataFrame({"id": ["x"]}), SECOND)

    frame = LakeTable(local_lake, "raw/events", [FIRST, SECOND]).frame().collect()

    assert frame["id"].to_list() == ["1", "x"]


def test_only_the_days_that_are_asked_for_are_opened(local_lake: Lake, runs: Runs):
    local_lake.write(TABLE, names("a"), FIRST)
    for day in (SECOND, THIRD):
        local_lake.objects.write(f"{TABLE}/dt={day}/part-0.parquet", b"no Parquet at all")

    frame = runs.read(pl.DataFrame, [FIRST])
    whole = {"partition_mapping": dg.AllPartitionMapping(), "metadata": {ALLOW_MISSING: True}}
    table = runs.read(LakeTable, **whole)

    assert names_of(frame) == ["a"]
    assert table.days == (FIRST, SECOND, THIRD)
    assert names_of(table.between(FIRST, FIRST)) == ["a"]
