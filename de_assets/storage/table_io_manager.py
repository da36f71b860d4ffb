"""Dagster's view of the lake: how assets get their inputs and hand over their outputs.

Inputs are lazy and know their days. Outputs are frames, written here, or the receipt of an asset
that has already published its days one by one (`assets/publish.py`), which is only passed on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg
import polars as pl

from de_assets.contracts.base import polars_schema, table_info
from de_assets.contracts.tables import TABLES
from de_assets.errors import StorageError
from de_assets.storage.lake import Lake

ALLOW_MISSING = "allow_missing_partitions"


@dataclass(frozen=True)
class Published:
    """Receipt of a table that is already in the lake."""

    rows: int


class LakeTable:
    """A table as an input: lazily, whole or by its days.

    Attributes:
        key: Asset key, `stage/entity`.
        is_daily: Whether it is partitioned by day.
        days: The days that were asked for and are there, ascending; empty for a whole table.
    """

    def __init__(self, lake: Lake, key: str, days: Sequence[date] | None) -> None:
        self._lake = lake
        self.key = key
        self.is_daily = days is not None
        self.days = tuple(days or ())

    def frame(self) -> pl.LazyFrame:
        """All that was asked for; daily tables with `dt` (Date)."""
        if not self.is_daily:
            return self._lake.scan(self.key)
        return self._scan(self.days)

    def between(self, first: date, last: date) -> pl.LazyFrame:
        """The days from `first` to `last`, both included, with `dt` (Date)."""
        return self._scan([day for day in self.days if first <= day <= last])

    def sizes(self) -> dict[date, int]:
        """Bytes of each day's file."""
        return self._lake.sizes(self.key) if self.is_daily else {}

    def _scan(self, days: Sequence[date]) -> pl.LazyFrame:
        if not days:
            return empty_frame(self.key)
        if self.key.startswith("raw/"):
            return self._lake.scan_days_of_any_type(self.key, days)
        return self._lake.scan_days(self.key, days)


def empty_frame(key: str) -> pl.LazyFrame:
    """No rows of a declared table, with the types of its contract and, if it is daily, `dt`."""
    contract = TABLES[key]
    schema = dict(polars_schema(contract))
    if table_info(contract).is_daily:
        schema["dt"] = pl.Date()
    return pl.LazyFrame(schema=schema)


class TableIOManager(dg.IOManager):
    """Reads and writes Polars frames as tables of the lake, local or on S3.

    An input annotated `pl.LazyFrame` is one lazy frame over all its partitions, `pl.DataFrame` the
    same in memory, and `LakeTable` leaves the choice of days to the asset.
    """

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Write a frame; a range of partitions is split by its column `dt`.

        Raises:
            StorageError: the value is no frame, or a range comes without `dt`.
        """
        if isinstance(obj, Published):
            return
        if not isinstance(obj, pl.DataFrame | pl.LazyFrame):
            raise StorageError(
                f"an asset of the lake returned {type(obj).__name__}",
                where=context.asset_key.to_user_string(),
                fix="return a polars DataFrame or LazyFrame, or name another io_manager_key",
            )
        table = context.asset_key.to_user_string()
        if not context.has_asset_partitions:
            written = self.lake.write(table, obj)
            context.add_output_metadata(
                {"dagster/row_count": written.rows, "size_bytes": written.size_bytes}
            )
            return
        days = _days(context.asset_partition_keys)
        names = obj.lazy().collect_schema().names()
        if len(days) == 1:
            frames = {days[0]: obj.lazy().drop("dt", strict=False)}
        elif "dt" in names:
            whole = obj.lazy()
            frames = {day: whole.filter(pl.col("dt") == day).drop("dt") for day in days}
        else:
            raise StorageError(
                f"{len(days)} partitions came as one frame without the column dt",
                where=table,
                fix="keep the column dt (Date) of the inputs in what the asset returns",
            )
        written_days = [self.lake.write(table, frame, day) for day, frame in frames.items()]
        context.add_output_metadata(
            {
                "dagster/partition_row_count": sum(written.rows for written in written_days),
                "size_bytes": sum(written.size_bytes for written in written_days),
            }
        )

    def load_input(self, context: dg.InputContext) -> object:
        """Find the partitions that were asked for and hand them over lazily.

        Raises:
            StorageError: some are not in the lake, unless the input's metadata says that they may
                be missing (`allow_missing_partitions`).
        """
        key = context.asset_key.to_user_string()
        days: list[date] | None = None
        if context.has_asset_partitions:
            asked = _days(context.asset_partition_keys)
            there = set(self.lake.days(key))
            days = [day for day in asked if day in there]
            missing = [day for day in asked if day not in there]
            if missing and not (context.definition_metadata or {}).get(ALLOW_MISSING):
                raise StorageError(
                    f"{len(missing)} of {len(asked)} days are not in the lake, the first "
                    f"{missing[0]}",
                    where=key,
                    fix=f"materialize {key} for these days first",
                )
        table = LakeTable(self.lake, key, days)
        wanted = context.dagster_type.typing_type
        if wanted is pl.LazyFrame:
            return table.frame()
        if wanted is pl.DataFrame:
            return table.frame().collect()
        return table


def _days(keys: Sequence[str]) -> list[date]:
    return sorted(date.fromisoformat(key) for key in keys)
