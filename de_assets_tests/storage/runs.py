"""Runs small assets of the lake: one that hands over a value, one that keeps what it is handed."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from de_assets.storage.lake import Lake
from de_assets.storage.table_io_manager import Published, TableIOManager

TABLE = "cleaned/events"
NAME = "event_id"
KEY = dg.AssetKey(TABLE.split("/"))
DAILY = dg.DailyPartitionsDefinition(start_date="2024-03-01", end_date="2024-03-08")
FIRST, SECOND, THIRD = (date(2024, 3, day) for day in (4, 5, 6))


def names(*values: str, day: date | None = None) -> pl.DataFrame:
    """A table of one of its columns, and `dt` if it is for a day."""
    frame = pl.DataFrame({NAME: values}, schema={NAME: pl.String})
    return frame if day is None else frame.with_columns(dt=pl.lit(day))


def names_of(frame: pl.DataFrame | pl.LazyFrame) -> list[str]:
    return frame.lazy().collect()[NAME].to_list()


class Runs:
    """Runs of assets over one lake and one instance; `days` of a run are a range, or none."""

    def __init__(self, lake: Lake, instance: dg.DagsterInstance) -> None:
        self._lake = lake
        self._instance = instance

    def write(self, value: object, days: Sequence[date] = ()) -> dg.ExecuteInProcessResult:
        """Materialize the table from a value; without days it is unpartitioned."""
        return self._run([_table(value, is_daily=bool(days))], KEY, days)

    def read(
        self, annotation: Any, days: Sequence[date] = (), *, is_daily: bool = True, **asset_in: Any
    ) -> Any:
        """What an asset of these days is handed of the table, by its annotation."""
        seen: list[Any] = []

        def look(events: Any) -> Published:
            seen.append(events)
            return Published(0)

        look.__annotations__["events"] = annotation
        reader = dg.asset(
            ins={"events": dg.AssetIn(key=KEY, **asset_in)}, **_facts(is_daily=bool(days))
        )(look)
        self._run([_table(None, is_daily=is_daily), reader], reader.key, days)
        return seen[0]

    def _run(
        self, assets: Sequence[Any], selected: dg.AssetKey, days: Sequence[date]
    ) -> dg.ExecuteInProcessResult:
        tags = {}
        if len(days) > 1:
            tags["dagster/asset_partition_range_start"] = str(days[0])
            tags["dagster/asset_partition_range_end"] = str(days[-1])
        return dg.materialize(
            assets,
            selection=[selected],
            resources={"tables": TableIOManager(self._lake)},
            instance=self._instance,
            partition_key=str(days[0]) if len(days) == 1 else None,
            tags=tags,
        )


def _table(value: object, *, is_daily: bool) -> dg.AssetsDefinition:
    @dg.asset(key=KEY, **_facts(is_daily=is_daily))
    def events() -> Any:
        return value

    return events


def _facts(*, is_daily: bool) -> dict[str, Any]:
    return {
        "io_manager_key": "tables",
        "partitions_def": DAILY if is_daily else None,
        "backfill_policy": dg.BackfillPolicy.single_run() if is_daily else None,
    }
