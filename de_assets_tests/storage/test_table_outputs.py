"""What Dagster assets hand over becomes tables: whole, one day, or a range of days in one run."""

from datetime import date
from typing import Any

import dagster as dg
import polars as pl
import pytest

from de_assets.errors import StorageError
from de_assets.storage.lake import Lake
from de_assets.storage.table_io_manager import Published
from de_assets_tests.storage.runs import FIRST, NAME, SECOND, TABLE, THIRD, Runs, names, names_of

CANARY = "canary.of.a.person@example.com"


def metadata(result: dg.ExecuteInProcessResult) -> dict[str | None, dict[str, Any]]:
    return {
        event.partition: {
            name: value.value
            for name, value in event.step_materialization_data.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
    }


@pytest.mark.parametrize("lazily", [True, False])
def test_a_frame_of_a_table_without_days_is_its_one_file(
    local_lake: Lake, runs: Runs, lazily: bool
):
    frame = names("a", "b")

    result = runs.write(frame.lazy() if lazily else frame)

    assert names_of(local_lake.scan(TABLE)) == ["a", "b"]
    (info,) = local_lake.objects.list()
    assert metadata(result) == {
        None: {"dagster/row_count": 2, "size_bytes": info.size_bytes},
    }


@pytest.mark.parametrize("day", [None, SECOND])
@pytest.mark.parametrize("lazily", [True, False])
def test_a_frame_of_one_day_needs_no_dt(
    local_lake: Lake, runs: Runs, day: date | None, lazily: bool
):
    frame = names("a", "b", day=day)

    result = runs.write(frame.lazy() if lazily else frame, [SECOND])

    assert local_lake.days(TABLE) == [SECOND]
    assert pl.read_parquet_schema(local_lake.url(TABLE, SECOND)) == {NAME: pl.String}
    assert metadata(result) == {
        str(SECOND): {
            "dagster/partition_row_count": 2,
            "size_bytes": local_lake.sizes(TABLE)[SECOND],
        }
    }


@pytest.mark.parametrize("lazily", [True, False])
def test_a_range_of_days_in_one_run_is_split_by_dt(local_lake: Lake, runs: Runs, lazily: bool):
    frame = pl.concat([names("c", day=THIRD), names("a", "b", day=FIRST)])

    result = runs.write(frame.lazy() if lazily else frame, [FIRST, SECOND, THIRD])

    assert local_lake.days(TABLE) == [FIRST, SECOND, THIRD]
    by_day = {day: names_of(local_lake.scan_days(TABLE, [day])) for day in (FIRST, SECOND, THIRD)}
    assert by_day == {FIRST: ["a", "b"], SECOND: [], THIRD: ["c"]}
    assert pl.read_parquet_schema(local_lake.url(TABLE, SECOND)) == {NAME: pl.String}
    rows = {day: facts["dagster/partition_row_count"] for day, facts in metadata(result).items()}
    assert rows == {str(FIRST): 2, str(SECOND): 0, str(THIRD): 1}


def test_a_range_of_days_without_dt_is_refused(local_lake: Lake, runs: Runs):
    with pytest.raises(StorageError, match="3 partitions came as one frame") as caught:
        runs.write(names("a"), [FIRST, SECOND, THIRD])

    assert caught.value.where == TABLE
    assert "keep the column dt" in caught.value.fix
    assert local_lake.days(TABLE) == []


@pytest.mark.parametrize("lazily", [True, False])
@pytest.mark.parametrize("days", [[FIRST], [FIRST, SECOND]])
@pytest.mark.parametrize("other", [THIRD, None])
def test_rows_of_days_that_are_not_of_the_run_are_refused_and_not_lost(
    local_lake: Lake, runs: Runs, lazily: bool, days: list[date], other: date | None
):
    stray = names("b").with_columns(dt=pl.lit(other, dtype=pl.Date))
    frame = pl.concat([names("a", day=FIRST), stray])

    with pytest.raises(StorageError, match="1 rows are of other days than") as caught:
        runs.write(frame.lazy() if lazily else frame, days)

    assert "filter" in caught.value.fix
    assert local_lake.days(TABLE) == []


def test_what_is_no_frame_is_refused(runs: Runs):
    with pytest.raises(StorageError, match="returned dict") as caught:
        runs.write({CANARY: CANARY})

    assert caught.value.where == TABLE
    assert CANARY not in str(caught.value)


def test_a_table_that_was_published_already_is_only_passed_on(local_lake: Lake, runs: Runs):
    result = runs.write(Published(5), [FIRST])

    assert result.success
    assert list(local_lake.objects.list()) == []


def test_no_value_of_a_row_reaches_the_records_of_dagster(
    local_lake: Lake, instance: dg.DagsterInstance, runs: Runs
):
    frame = pl.concat([names(CANARY, day=FIRST), names(CANARY, "another", day=SECOND)])

    result = runs.write(frame, [FIRST, SECOND])
    runs.read(pl.DataFrame, [FIRST, SECOND])
    refused = pl.concat([frame, names(CANARY, day=THIRD)])
    with pytest.raises(StorageError):
        runs.write(refused, [FIRST, SECOND])

    records = [
        entry.to_json() + (entry.user_message or "")
        for run_id in instance.get_run_ids()
        for entry in instance.all_logs(run_id)
    ]
    assert any(result.run_id in record and "partition_row_count" in record for record in records)
    assert not [record for record in records if CANARY in record]
