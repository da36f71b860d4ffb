"""A source of delivered files: what lies there, which days it holds, and the rows of some days.

A delivery is read whole or has a problem; a problem never stops the others. Typing, duplicates
and rules come later. Who uses it: the raw assets, the sensor that watches the landing, `doctor`.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl

from de_assets.contracts.source_tables import SourceTable
from de_assets.errors import SourcesError
from de_assets.sources.columns import stack
from de_assets.sources.config import Calendar, TableSource
from de_assets.sources.index import IndexedDelivery, from_json, load_index, save_index
from de_assets.sources.locations import Delivery, Ignored, Location
from de_assets.sources.reading import DeliveryReader
from de_assets.storage.objects import ObjectStore
from de_assets.storage.s3 import S3Options


class FileSource:
    """The files that are delivered for one table.

    Args:
        table: which table they hold.
        source: where they lie and how they are written.
        s3: how to reach S3, where the source or the index lies there.
        index_store: keeps the index of what was read before.
        index_key: the index's key; one for each table.
        calendar: the days that count; rows of other days are counted, not returned.
    """

    def __init__(
        self,
        table: SourceTable,
        source: TableSource,
        *,
        s3: S3Options,
        index_store: ObjectStore,
        index_key: str,
        calendar: Calendar | None = None,
    ) -> None:
        if not source.is_files:
            raise SourcesError(
                "this source is a CRM, not files",
                where=f"{table.name}.url",
                fix="read it through the CRM's client",
            )
        self.table = table
        self._location = Location(source.url, where=f"{table.name}.url", s3=s3)
        self._reader = DeliveryReader(table, source, s3, calendar)
        self._store = index_store
        self._index_key = index_key
        self._calendar = calendar
        options = [table.name, source.model_dump(mode="json"), repr(calendar)]
        self._options = hashlib.sha256(json.dumps(options).encode()).hexdigest()[:16]

    def deliveries(self) -> list[Delivery]:
        """The files that are read, by ascending key.

        Raises:
            SourcesError: the path does not exist, or is one file of a kind that is not read.
        """
        return self._location.scan()[0]

    def ignored(self) -> list[Ignored]:
        """The files that are passed over, and why."""
        return self._location.scan()[1]

    def index(self) -> list[IndexedDelivery]:
        """What is in each delivery; only files that are new or overwritten are read."""
        made_with, stored = load_index(self._store, self._index_key)
        entries = []
        is_changed = made_with != self._options
        for delivery in self.deliveries():
            previous = None
            if delivery.key in stored:
                previous = from_json(stored.pop(delivery.key), delivery)
            if previous and previous.is_of(delivery) and made_with == self._options:
                entries.append(previous)
            else:
                entries.append(self._reader.examine(delivery).after(previous))
                is_changed = True
        if is_changed or stored:
            save_index(self._store, self._index_key, self._options, entries)
        return [self._counted(entry) for entry in entries]

    def days_at_risk(self) -> dict[date, str]:
        """Days that a file held before its present version became unreadable, and the problem.

        Whoever rewrites such a day now would lose the rows of that file.
        """
        risks: dict[date, str] = {}
        for entry in self.index():
            for day in entry.days_before_problem:
                risk = f"{entry.delivery.key}: {entry.problem}"
                risks[day] = f"{risks[day]}; {risk}" if day in risks else risk
        return dict(sorted(risks.items()))

    def read(self, days: Collection[date]) -> pl.DataFrame:
        """All rows of these days from all readable deliveries, by delivery and row.

        Columns: those of the table (text from text formats, else the file's type; String where
        deliveries disagree), `_extra` (JSON of other columns, null if none), `_source` (key),
        `_source_row` (Int64, from 1), `_batch` (String), `dt` (Date).

        Raises:
            UnreadableDeliveryError: a delivery changed since it was indexed, or is damaged where
                the index did not look (inside a Parquet column).
            ValueError: the table has no day column; it has `read_all`.
        """
        if self.table.day_column is None:
            msg = f"{self.table.name} has no days: use read_all"
            raise ValueError(msg)
        today = datetime.now(UTC).date()
        wanted = {d for d in days if self._calendar is None or self._calendar.has(d, today=today)}
        holding = [
            entry
            for entry in self.index()
            if entry.problem is None and not wanted.isdisjoint(entry.rows_by_day)
        ]
        return self._stacked(holding, wanted)

    def read_all(self) -> pl.DataFrame:
        """All rows of all readable deliveries; columns as `read` has them.

        Without `dt` for a table that has no day column; `dt` is null where a file has none.
        """
        return self._stacked([entry for entry in self.index() if entry.problem is None], None)

    def pieces(self) -> Iterator[pl.DataFrame]:
        """All rows of all readable deliveries as `read` has them, as they are parsed.

        Types are those of each delivery, so that nothing of the whole need fit in memory.

        Raises:
            UnreadableDeliveryError: as `read`.
        """
        for entry in self.index():
            if entry.problem is None:
                yield from self._reader.rows(entry, None)

    def _stacked(
        self, entries: Sequence[IndexedDelivery], days: Collection[date] | None
    ) -> pl.DataFrame:
        frames = [frame for entry in entries for frame in self._reader.rows(entry, days)]
        return stack(frames, self.table)

    def _counted(self, entry: IndexedDelivery) -> IndexedDelivery:
        if self._calendar is None:
            return entry
        today = datetime.now(UTC).date()
        inside = (n for d, n in entry.rows_by_day.items() if self._calendar.has(d, today=today))
        outside = sum(entry.rows_by_day.values()) - sum(inside)
        return replace(entry, rows_outside_calendar=outside)
