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
        return self._lake.scan_days(self.key, days, polars_schema(TABLES[self.key]))


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
            StorageError: the value is no frame, a range comes without `dt`, or rows belong to days
                that were not asked for. Nothing is written then.
        """
        if isinstance(obj, Published):
            return
        table = context.asset_key.to_user_string()
        if not isinstance(obj, pl.DataFrame | pl.LazyFrame):
            raise StorageError(
                f"an asset of the lake returned {type(obj).__name__}",
                where=table,
                fix="return a polars DataFrame or LazyFrame, or name another io_manager_key",
            )
        if not context.has_asset_partitions:
            written = self.lake.write(table, obj)
            context.add_output_metadata(
                {"dagster/row_count": written.rows, "size_bytes": written.size_bytes}
            )
            return
        for day, frame in _by_day(table, obj, _days(context.asset_partition_keys)).items():
            written = self.lake.write(table, frame, day)
            # Output metadata would say the same of every day of the run.
            context.step_context.add_asset_metadata(
                {"dagster/partition_row_count": written.rows, "size_bytes": written.size_bytes},
                asset_key=context.asset_key,
                partition_key=str(day),
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


def _by_day(
    table: str, frame: pl.DataFrame | pl.LazyFrame, days: Sequence[date]
) -> dict[date, pl.DataFrame | pl.LazyFrame]:
    """The frame of each day, without `dt`; a day without rows has an empty one."""
    if "dt" not in frame.lazy().collect_schema():
        if len(days) == 1:
            return {days[0]: frame}
        raise StorageError(
            f"{len(days)} partitions came as one frame without the column dt",
            where=table,
            fix="keep the column dt (Date) of the inputs in what the asset returns",
        )
    is_asked_for = pl.col("dt").is_in(list(days)).fill_null(value=False)
    others = frame.lazy().select((~is_asked_for).sum()).collect(engine="streaming").item()
    if others:
        raise StorageError(
            f"{others:,} rows are of other days than the {len(days)} of this run, or of none",
            where=table,
            fix="filter what the asset returns to the days of the run, by the column dt (Date)",
        )
    return {day: frame.filter(pl.col("dt") == day).drop("dt") for day in days}


def _days(keys: Sequence[str]) -> list[date]:
    return sorted(date.fromisoformat(key) for key in keys)
