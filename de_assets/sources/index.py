"""What is known about each delivered file, remembered so that it is read only once.

One JSON object in the state store. It is a cache: without it every file is read again, and only
one thing is lost, the days that a file held before it became unreadable. Used by `files.py`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Self

from de_assets.sources.locations import Delivery
from de_assets.storage.objects import ObjectStore

_LAYOUT = 1


@dataclass(frozen=True)
class IndexedDelivery:
    """A delivery and what is in it.

    `rows_by_day` adds up to `rows` where a day is known, rows whose own day is unreadable
    (`rows_undated`) included: they stand on the delivery's first readable day, `undated_day`.
    `columns` is the header as found; `formats` read the day column. With a `problem` nothing of
    the file is read, and `fix` says what to do. `digest` identifies the content; it is empty where
    the file could only just now not be read, which the next look may see otherwise.
    """

    delivery: Delivery
    digest: str
    rows: int = 0
    rows_by_day: dict[date, int] = field(default_factory=dict)
    rows_undated: int = 0
    undated_day: date | None = None
    rows_outside_calendar: int = 0
    columns: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    problem: str | None = None
    fix: str | None = None
    days_before_problem: tuple[date, ...] = ()

    @property
    def batch(self) -> str:
        """The digest's first 16 characters: `_batch` in the rows."""
        return self.digest[:16]

    def is_of(self, delivery: Delivery) -> bool:
        """Whether this was learnt from exactly this version of the file."""
        mine = self.delivery
        return bool(self.digest) and (mine.key, mine.size_bytes, mine.version) == (
            delivery.key,
            delivery.size_bytes,
            delivery.version,
        )

    def after(self, previous: Self | None) -> Self:
        """This, remembering the days of the last good version if it is unreadable itself."""
        if previous is None or self.problem is None:
            return self
        days = previous.days_before_problem if previous.problem else tuple(previous.rows_by_day)
        return replace(self, days_before_problem=days)


def load_index(store: ObjectStore, key: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """The fingerprint of the options that the index was made with, and its entries by key."""
    try:
        stored = json.loads(store.read(key)[0])
        if stored["layout"] == _LAYOUT:
            return stored["options"], {entry["key"]: entry for entry in stored["deliveries"]}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass  # a cache: what cannot be used is made anew
    return "", {}


def save_index(
    store: ObjectStore, key: str, options: str, entries: Sequence[IndexedDelivery]
) -> None:
    """Replace the index."""
    stored = {
        "layout": _LAYOUT,
        "options": options,
        "deliveries": [_to_json(entry) for entry in entries],
    }
    store.write(key, json.dumps(stored, ensure_ascii=False, indent=1).encode())


def _to_json(entry: IndexedDelivery) -> dict[str, Any]:
    return {
        "key": entry.delivery.key,
        "size_bytes": entry.delivery.size_bytes,
        "version": entry.delivery.version,
        "digest": entry.digest,
        "rows": entry.rows,
        "rows_by_day": {day.isoformat(): rows for day, rows in entry.rows_by_day.items()},
        "rows_undated": entry.rows_undated,
        "undated_day": entry.undated_day.isoformat() if entry.undated_day else None,
        "columns": entry.columns,
        "formats": entry.formats,
        "problem": entry.problem,
        "fix": entry.fix,
        "days_before_problem": [day.isoformat() for day in entry.days_before_problem],
    }


def from_json(stored: dict[str, Any], delivery: Delivery) -> IndexedDelivery | None:
    """An entry of the index, if it is whole; `delivery` is the listed file, of any version."""
    try:
        return IndexedDelivery(
            delivery=replace(delivery, size_bytes=stored["size_bytes"], version=stored["version"]),
            digest=stored["digest"],
            rows=stored["rows"],
            rows_by_day={date.fromisoformat(d): n for d, n in stored["rows_by_day"].items()},
            rows_undated=stored["rows_undated"],
            undated_day=date.fromisoformat(stored["undated_day"])
            if stored["undated_day"]
            else None,
            columns=tuple(stored["columns"]),
            formats=tuple(stored["formats"]),
            problem=stored["problem"],
            fix=stored["fix"],
            days_before_problem=tuple(map(date.fromisoformat, stored["days_before_problem"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
