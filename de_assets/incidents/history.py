"""The table `incidents/history`: the book of incidents as one Parquet file in the lake.

Every change is a conditional write of the whole file, repeated on what another writer left, so
that watchers and commands can work at once and none undoes what another has written.
"""

import json
from collections.abc import Callable, Collection, Sequence
from copy import deepcopy
from dataclasses import asdict, fields
from datetime import datetime
from io import BytesIO
from typing import Any, TypeVar

import polars as pl

from de_assets.contracts.base import polars_schema, table_info
from de_assets.contracts.incidents import Incidents
from de_assets.errors import PreconditionFailedError
from de_assets.incidents.book import Book, Change, Notice
from de_assets.incidents.findings import Observed
from de_assets.incidents.incident import Incident, Pending
from de_assets.storage.objects import ObjectStore

KEY = f"{table_info(Incidents).key}/part-0.parquet"
# Runs that were taken in travel with the table, in the file's own metadata: they change together.
APPLIED = "de_assets.applied_runs"
WRITE_ATTEMPTS = 20
T = TypeVar("T")


class IncidentHistory:
    """The incidents of one lake."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def read(self) -> Book:
        """Every incident, oldest first; an empty book if there never was one.

        Raises:
            StorageError: the lake cannot be reached.
        """
        return self._read()[0]

    def frame(self) -> pl.DataFrame:
        """Every incident as a frame with the columns of `contracts.incidents.Incidents`."""
        return _frame(self.read())

    def record(self, runs: Sequence[Observed], channels: Sequence[str]) -> list[Change]:
        """Take in what finished runs found, in this order; those already taken in change nothing.

        Args:
            runs: What they found, by the order of their ends.
            channels: Names of the channels that are to be told of each change.

        Raises:
            StorageError: the lake cannot be reached, or others wrote faster each time.
        """
        return self._update(
            lambda book: [change for run in runs for change in book.apply(run, channels)]
        )

    def acknowledge(self, incident_id: str, by: str, at: datetime) -> Incident:
        """Somebody takes an incident on; `incident_id` may be the beginning of an id.

        Raises:
            DeAssetsError: there is no such incident, more than one, or it is over.
        """
        return self._update(lambda book: book.acknowledge(incident_id, by, at))

    def claim(self, channels: Collection[str], now: datetime) -> list[Notice]:
        """Notices that are due, which nobody else will send for some minutes."""
        return self._update(lambda book: book.claim(channels, now))

    def settle(self, delivered: Collection[Notice], failed: Collection[Notice]) -> None:
        """Forget what was delivered; what failed is due again at once."""
        self._update(lambda book: book.settle(delivered, failed))

    def _update(self, change: Callable[[Book], T]) -> T:
        for attempt in range(1, WRITE_ATTEMPTS + 1):
            book, version = self._read()
            before = deepcopy(book)
            result = change(book)
            if book == before:
                return result
            try:
                self._objects.write(KEY, _bytes(book), if_match=version, if_absent=version is None)
            except PreconditionFailedError:
                if attempt == WRITE_ATTEMPTS:
                    raise
                continue
            return result
        raise AssertionError("the loop returns or raises")

    def _read(self) -> tuple[Book, str | None]:
        """The book and the version of its file; None if there is no file yet."""
        try:
            data, version = self._objects.read(KEY)
        except FileNotFoundError:
            return Book(), None
        rows = pl.read_parquet(BytesIO(data)).to_dicts()
        applied = json.loads(pl.read_parquet_metadata(BytesIO(data))[APPLIED])
        return Book([_incident(row) for row in rows], dict(applied)), version


def _incident(row: dict[str, Any]) -> Incident:
    row["pending"] = [Pending(**pending) for pending in row["pending"]]
    return Incident(**{name: row[name] for name in _NAMES})


_NAMES = tuple(field.name for field in fields(Incident))


def _frame(book: Book) -> pl.DataFrame:
    rows = [asdict(incident) for incident in book.incidents]
    return pl.DataFrame(rows, schema=polars_schema(Incidents), orient="row")


def _bytes(book: Book) -> bytes:
    buffer = BytesIO()
    # As pairs, since their order says which are the oldest.
    applied = json.dumps(list(book.applied.items()))
    _frame(book).write_parquet(buffer, compression="zstd", metadata={APPLIED: applied})
    return buffer.getvalue()
