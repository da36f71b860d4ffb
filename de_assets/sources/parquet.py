"""Delivered Parquet: scanned with its types kept, columns and row groups pruned.

Small objects on S3 come whole in one request, larger ones by ranges. Who uses it: `files.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl

from de_assets.sources.content import opened, unreadable
from de_assets.sources.locations import Delivery
from de_assets.storage.s3 import S3Options

ROW_NUMBER = "\0row"  # no supplier's column is called so
_WHOLE_BYTES = 4 * 1024 * 1024


class ParquetFile:
    """One delivered Parquet file.

    Raises:
        UnreadableDeliveryError: it is cut short, damaged, or no Parquet.
    """

    def __init__(self, delivery: Delivery, s3: S3Options) -> None:
        self._delivery = delivery
        source: Any = delivery.url
        options = None
        if delivery.is_on_s3:
            options = s3.polars
            if delivery.size_bytes <= _WHOLE_BYTES:
                with opened(delivery, s3) as stream:
                    source = stream.read()
                options = None
        with self._readable():
            self._frame = pl.scan_parquet(
                source,
                storage_options=options,
                glob=False,
                hive_partitioning=False,
                row_index_name=ROW_NUMBER,
                row_index_offset=1,
            )
            self.schema: dict[str, pl.DataType] = dict(self._frame.collect_schema())
        del self.schema[ROW_NUMBER]

    def collect(self, columns: list[pl.Expr], *, keep: pl.Expr | None = None) -> pl.DataFrame:
        """The columns of the rows to keep; `ROW_NUMBER` counts the rows of the file from 1."""
        frame = self._frame if keep is None else self._frame.filter(keep)
        with self._readable():
            return frame.select(columns).collect()

    def count(self) -> int:
        """Rows, from the footer."""
        with self._readable():
            return int(self._frame.select(pl.len()).collect().item())

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (pl.exceptions.ComputeError, pl.exceptions.PanicException, OSError) as error:
            # What the network does to a scan on S3 says nothing about the file.
            is_of_network = self._delivery.is_on_s3 and "object-store error" in str(error)
            if is_of_network or isinstance(error, FileNotFoundError | PermissionError):
                raise
            raise unreadable(
                self._delivery,
                "the Parquet file is cut short or damaged, or is no Parquet",
                "deliver the file again, complete",
            ) from None


def day_of(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """The day of a typed moment, in UTC where it has a time zone."""
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is not None:
            value = value.dt.convert_time_zone("UTC")
        return value.dt.date()
    return value.cast(pl.Date)
