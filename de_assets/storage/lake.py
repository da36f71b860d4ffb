"""Tables as plain Parquet: `<lake>/<stage>/<entity>/dt=YYYY-MM-DD/part-0.parquet`.

Reads are lazy scans of exactly the files asked for; writes are seen whole or not at all. Not here:
what a table must look like (`contracts`), and Dagster (`table_io_manager.py`).
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from de_assets.errors import StorageError
from de_assets.storage.objects import LocalStore, ObjectInfo, ObjectStore, open_store
from de_assets.storage.s3 import S3Options

FILE_NAME = "part-0.parquet"
COMPRESSION_LEVEL = 1  # zstd 1 is a third cheaper than the default and no larger on event data
PARTITION = re.compile(r"dt=([0-9]{4}-[0-9]{2}-[0-9]{2})/part-0\.parquet$")


@dataclass(frozen=True)
class Written:
    """What a write left behind."""

    rows: int
    size_bytes: int


class Lake:
    """Tables below one directory or S3 prefix, by their key `stage/entity`."""

    def __init__(self, uri: str, s3: S3Options) -> None:
        self.objects: ObjectStore = open_store(uri, s3)
        self._storage_options = None if isinstance(self.objects, LocalStore) else s3.polars

    def url(self, table: str, day: date | None = None) -> str:
        """Address of a table's file, or of one day's."""
        return self.objects.url(_key(table, day))

    def days(self, table: str) -> list[date]:
        """Days of which the table has a partition, ascending."""
        return sorted(partitions(self.objects, table))

    def has(self, table: str) -> bool:
        """Whether the unpartitioned table has been written."""
        return any(info.key == _key(table, None) for info in self.objects.list(_key(table, None)))

    def write(
        self, table: str, frame: pl.DataFrame | pl.LazyFrame, day: date | None = None
    ) -> Written:
        """Replace a table, or one day of it; a lazy frame is streamed and need not fit in memory.

        The file is made and counted on the local disk and put in place when it is whole, on S3 too:
        Polars' own sink to S3 publishes what it has when the frame breaks off in mid-stream.

        Raises:
            StorageError: the file holds another number of rows than were written, and the old one
                stays; or the bucket does not exist.
        """
        with self.objects.replacing(_key(table, day)) as temporary:
            written = _sink(frame.lazy(), temporary)
            expected = frame.height if isinstance(frame, pl.DataFrame) else written.rows
            self._verify(temporary, expected, table)
            return written

    def scan(self, table: str) -> pl.LazyFrame:
        """An unpartitioned table, lazily.

        Raises:
            StorageError: it has not been written yet.
        """
        if not self.has(table):
            raise StorageError(
                f"{table} is not in the lake",
                where=self.url(table),
                fix=f"materialize {table} first",
            )
        return pl.scan_parquet(self.url(table), storage_options=self._storage_options, glob=False)

    def scan_days(
        self, table: str, days: Collection[date], schema: pl.Schema | None = None
    ) -> pl.LazyFrame:
        """Some days of a table as one lazy frame with `dt` (Date); each day must be there.

        Args:
            table: Asset key, `stage/entity`.
            days: The days.
            schema: The table's columns as they are declared now. A day that was written before one
                of them was has nulls there; what is declared no more is left out. Left out: all
                days have the same columns.
        """
        if "=" in self.objects.root:  # Polars would take a part such as env=prod for a column
            return pl.concat([self._scan_day(table, day, schema) for day in sorted(days)])
        return pl.scan_parquet(
            [self.url(table, day) for day in sorted(days)],
            storage_options=self._storage_options,
            hive_partitioning=True,
            hive_schema={"dt": pl.Date},
            glob=False,
            **_as_declared(schema),
        )

    def scan_days_of_any_type(self, table: str, days: Sequence[date]) -> pl.LazyFrame:
        """As `scan_days`, where a column's type may differ by day (raw keeps what arrives)."""
        frames = [self._scan_day(table, day) for day in sorted(days)]
        return pl.concat(frames, how="diagonal_relaxed")

    def sizes(self, table: str) -> dict[date, int]:
        """Bytes of each day's file."""
        return {day: info.size_bytes for day, info in partitions(self.objects, table).items()}

    def _scan_day(self, table: str, day: date, schema: pl.Schema | None = None) -> pl.LazyFrame:
        return pl.scan_parquet(
            self.url(table, day),
            storage_options=self._storage_options,
            hive_partitioning=False,
            glob=False,
            **_as_declared(schema),
        ).with_columns(dt=pl.lit(day))

    def _verify(self, path: Path, rows: int, table: str) -> None:
        """A writer that failed in mid-stream can leave a valid file with too few rows."""
        found = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
        if found != rows:
            raise StorageError(
                f"{rows:,} rows were written and {found:,} arrived; the old file stays",
                where=f"{table} ({self.objects.root})",
                fix="check the disk for space and errors, then run again",
            )


def partitions(objects: ObjectStore, table: str) -> dict[date, ObjectInfo]:
    """The file of each day of a table."""
    return {
        date.fromisoformat(match[1]): info
        for info in objects.list(f"{table}/")
        if (match := PARTITION.search(info.key))
    }


def _as_declared(schema: pl.Schema | None) -> dict[str, Any]:
    """Arguments of `scan_parquet` for files that may be older than their declaration."""
    if schema is None:
        return {}
    return {"schema": schema, "missing_columns": "insert", "extra_columns": "ignore"}


def _key(table: str, day: date | None) -> str:
    return f"{table}/{FILE_NAME}" if day is None else f"{table}/dt={day}/{FILE_NAME}"


def _sink(frame: pl.LazyFrame, path: Path) -> Written:
    """Stream into one file; the sink itself tells how many rows and bytes it wrote."""
    files: list[Written] = []
    frame.sink_parquet(
        path,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        statistics=True,
        sinked_paths_callback=lambda sunk: files.extend(
            Written(path.num_rows, path.num_bytes) for path in sunk.paths
        ),
    )
    return files[0]
