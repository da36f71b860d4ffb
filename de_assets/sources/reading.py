"""One delivered file: what is in it, and its rows in our columns.

Brings the formats, the matching of columns and the reading of days together. Which files there
are, and what is remembered of them, is not here. Who uses it: `files.py`.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl

from de_assets.contracts.source_tables import SourceTable
from de_assets.errors import UnreadableDeliveryError
from de_assets.sources.columns import Matches, extra_column, folded, match_columns, our_columns
from de_assets.sources.config import Calendar, TableSource
from de_assets.sources.content import (
    UnreadableNowError,
    digest_of,
    text_chunks,
    unchanged,
    unreadable,
)
from de_assets.sources.csv_text import Chunks, CsvText
from de_assets.sources.index import IndexedDelivery
from de_assets.sources.json_lines import JsonLines
from de_assets.sources.locations import Delivery
from de_assets.sources.parquet import ROW_NUMBER, ParquetFile, day_of
from de_assets.storage.s3 import S3Options
from de_assets.transforms.dates import DayCensus, to_datetime

_REPLAYED_BYTES = 2 * 1024 * 1024

Schema = dict[str, pl.DataType]


class DeliveryReader:
    """Reads the deliveries of one table."""

    def __init__(
        self, table: SourceTable, source: TableSource, s3: S3Options, calendar: Calendar | None
    ) -> None:
        self._table = table
        self._source = source
        self._s3 = s3
        self._calendar = calendar

    def examine(self, delivery: Delivery) -> IndexedDelivery:
        """Read a file for what is in it; a file that cannot be read has a `problem`."""
        digest = ""
        try:
            with unchanged(delivery, self._s3):
                digest = digest_of(delivery)
                return self._examined(delivery, digest)
        except UnreadableNowError as error:
            return IndexedDelivery(delivery, "", problem=error.what, fix=error.fix)
        except UnreadableDeliveryError as error:
            return IndexedDelivery(delivery, digest, problem=error.what, fix=error.fix)

    def rows(self, entry: IndexedDelivery, days: Collection[date] | None) -> Iterator[pl.DataFrame]:
        """The rows of these days (None: all) of a readable delivery, in pieces and in order.

        Raises:
            UnreadableDeliveryError: it changed since it was indexed, or is damaged after all.
        """
        with unchanged(entry.delivery, self._s3):
            if entry.delivery.kind == "parquet":
                yield self._typed_rows(entry, days)
                return
            for first, frame in self._text(entry.delivery).frames():
                numbers = pl.int_range(first, first + len(frame), dtype=pl.Int64)
                numbered = frame.with_columns(numbers.alias(ROW_NUMBER))
                schema = dict(frame.schema)
                matches = match_columns(self._table, self._source, schema)
                if days is not None:
                    day = self._day(entry, matches, schema)
                    numbered = _compact(numbered.filter(day.is_in(list(days))))
                yield numbered.select(self._columns(entry, matches, schema))

    def _typed_rows(self, entry: IndexedDelivery, days: Collection[date] | None) -> pl.DataFrame:
        file = ParquetFile(entry.delivery, self._s3)
        matches = match_columns(self._table, self._source, file.schema)
        # Polars passes over row groups by their statistics, through `dt.date()` and `is_in` too.
        keep = None
        if days is not None:
            keep = self._day(entry, matches, file.schema).is_in(list(days))
        return file.collect(self._columns(entry, matches, file.schema), keep=keep)

    def _columns(self, entry: IndexedDelivery, matches: Matches, schema: Schema) -> list[pl.Expr]:
        nulls = self._source.null_values
        columns = [
            *our_columns(matches, schema, nulls),
            extra_column(matches, schema, nulls),
            pl.lit(entry.delivery.key).alias("_source"),
            pl.col(ROW_NUMBER).cast(pl.Int64).alias("_source_row"),
            pl.lit(entry.batch).alias("_batch"),
        ]
        if self._table.day_column is not None:
            columns.append(self._day(entry, matches, schema).alias("dt"))
        return columns

    def _day(self, entry: IndexedDelivery, matches: Matches, schema: Schema) -> pl.Expr:
        value = self._day_value(matches, schema)
        types = {schema[name] for name in matches[self._table.day_column or ""]}
        if len(types) == 1 and (dtype := types.pop()).is_temporal():
            day = day_of(value, dtype)
        else:
            day = to_datetime(value, entry.formats).dt.date()
        return day if entry.undated_day is None else day.fill_null(entry.undated_day)

    def _day_value(self, matches: Matches, schema: Schema) -> pl.Expr:
        column = self._table.day_column
        assert column is not None
        return our_columns({column: matches[column]}, schema, self._source.null_values)[0]

    def _text(self, delivery: Delivery) -> CsvText | JsonLines:
        chunks = self._chunks(delivery)
        if delivery.kind == "jsonl":
            return JsonLines(delivery, chunks)
        expected = [name for c in self._table.columns for name in self._source.names_of(c)]
        return CsvText(delivery, chunks, self._source.separator, expected)

    def _chunks(self, delivery: Delivery) -> Chunks:
        def opened() -> Iterator[bytes]:
            return text_chunks(delivery, self._s3, self._source.encoding)

        if delivery.size_bytes > _REPLAYED_BYTES:
            return opened
        small = list(opened())  # one request, though the header is read before the rows
        return lambda: iter(small)

    def _examined(self, delivery: Delivery, digest: str) -> IndexedDelivery:
        census = DayCensus(self._source.datetime_format)
        if delivery.kind == "parquet":
            columns, rows = self._survey_parquet(delivery, census)
        else:
            columns, rows = self._survey_text(delivery, census)
        entry = IndexedDelivery(delivery, digest, rows=rows, columns=columns)
        day_column = self._table.day_column
        if day_column is None:
            return entry
        if day_column not in self._table.required:
            is_there = bool(match_columns(self._table, self._source, columns)[day_column])
            if not is_there:
                return replace(entry, rows_undated=rows)
        return self._dated(entry, census, day_column)

    def _survey_parquet(self, delivery: Delivery, census: DayCensus) -> tuple[tuple[str, ...], int]:
        file = ParquetFile(delivery, self._s3)
        matches = self._complete(delivery, tuple(file.schema))
        if matches.get(self._table.day_column or ""):
            census.add(file.collect([self._day_value(matches, file.schema)]).to_series())
        return tuple(file.schema), file.count()

    def _survey_text(self, delivery: Delivery, census: DayCensus) -> tuple[tuple[str, ...], int]:
        text = self._text(delivery)
        header = text.header if isinstance(text, CsvText) else ()
        if header:
            self._complete(delivery, header)
        day_column = self._table.day_column or ""
        names = {folded(name) for name in self._source.names_of(day_column)}
        rows = 0
        for _, frame in text.frames(lambda name: folded(name) in names):
            rows += len(frame)
            matches = match_columns(self._table, self._source, frame.columns)
            if matches.get(day_column):
                census.add(frame.select(self._day_value(matches, dict(frame.schema))).to_series())
        if isinstance(text, JsonLines) and rows:
            header = tuple(text.keys)
            self._complete(delivery, header)
        return header, rows

    def _complete(self, delivery: Delivery, columns: Sequence[str]) -> Matches:
        """Which columns are ours, once all required ones are there and none of ours is doubled."""
        matches = match_columns(self._table, self._source, columns)
        missing = [name for name in self._table.required if not matches[name]]
        ours = {name for theirs in matches.values() for name in theirs}
        if missing:
            wanted = ", ".join(
                f"{name} (as {' or '.join(self._source.names_of(name))})" for name in missing
            )
            # A file without header must not have its first row, which may be personal, repeated.
            has = f"its columns are {', '.join(columns)}" if ours else "is the first line a header?"
            raise unreadable(
                delivery,
                f"the file has no column for {wanted}; {has}",
                f"add the file's name for it under `{self._table.name}.columns` of the sources "
                "file, or set `separator`",
            )
        doubled = sorted({name for name in ours if list(columns).count(name) > 1})
        if doubled:
            raise unreadable(
                delivery,
                f"the header names {', '.join(doubled)} twice",
                "have the file delivered again with one of them renamed or left out",
            )
        return matches

    def _dated(self, entry: IndexedDelivery, census: DayCensus, day_column: str) -> IndexedDelivery:
        verdict = census.verdict()
        by_day = census.rows_by_day()
        examples = ", ".join(census.examples())
        such = f", such as {examples}" if examples else ""
        fix = f"set `datetime_format` under `{self._table.name}` of the sources file, for example"
        if verdict.problem:
            raise unreadable(
                entry.delivery,
                f"{day_column}: {verdict.problem}{such}",
                f"{fix} '%d/%m/%Y %H:%M' or '%m/%d/%Y %H:%M'",
            )
        if entry.rows and not by_day:
            tried = ", ".join(self._source.datetime_format) or "ISO 8601 and its like, epoch"
            raise unreadable(
                entry.delivery,
                f"{day_column}: not one of {entry.rows:,} rows has a readable date{such}; tried: "
                f"{tried}",
                f"{fix} '%d.%m.%Y', or correct the name of the column under `columns`",
            )
        undated = entry.rows - sum(by_day.values())
        undated_day = self._first_day(by_day) if undated else None
        if undated_day is not None:
            by_day[undated_day] += undated
        return replace(
            entry,
            rows_by_day=by_day,
            rows_undated=undated,
            undated_day=undated_day,
            formats=verdict.formats,
        )

    def _first_day(self, days: Iterable[date]) -> date:
        """The first day that the calendar has, since rows of other days are never returned."""
        calendar = self._calendar
        today = datetime.now(UTC).date()
        inside = [d for d in days if calendar is None or calendar.has(d, today=today)]
        return min(inside or days)


def _compact(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows in memory of their own: filtered text would hold on to all that was read."""
    return rows.with_columns(
        pl.concat_str(name, pl.lit("")).alias(name)
        for name, dtype in rows.schema.items()
        if dtype == pl.String
    )
