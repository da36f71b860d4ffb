"""The event files of the landing directory: JSON Lines, gzipped, with late and doubled events."""

import io
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from de_assets.sandbox.company.atomic import gzipped, write_whole
from de_assets.sandbox.company.catalogue import catalogue_of
from de_assets.sandbox.company.chance import Chance, Keys, hexadecimal
from de_assets.sandbox.company.events import NO_PRODUCT, NONE, TYPES, WAYS, Events, events_of
from de_assets.sandbox.company.orders import NOBODY
from de_assets.sandbox.company.parameters import Company, Days
from de_assets.sandbox.company.population import population_of
from de_assets.sandbox.company.written import WrittenEvents

COLUMNS = ("id", "ts", "type", "customer", "visitor", "session", "sku", "channel")
"""The keys of each JSON object, in this order; a missing value is null."""

_BLOCK_CELLS = 2_000_000
"""Contacts times days made at once."""
_LONGEST_BLOCK_DAYS = 28
_NO_TIMES = ("1970-01-01", "yesterday", "2025-04-31T00:00:00Z", "")


def write_events(company: Company, directory: Path, *, days: Days | None = None) -> WrittenEvents:
    """Write `events/events-YYYY-MM-DD.jsonl.gz` for each day, closed days of the shop included.

    Keys: `id, ts, type, customer, visitor, session, sku, channel`; `ts` is ISO 8601 in UTC with
    milliseconds. A late event stands in the file of the day after it happened; those of the last
    day never arrive. Without events (`events_per_day` 0) nothing is written.

    Args:
        company: The company.
        directory: The landing directory; `events` is made in it.
        days: First and last day to write, both included; all days unless told. The bytes of a
            file do not depend on it.

    Raises:
        CompanyError: `days` reaches outside the company's days.
    """
    first, last = company.day_range(days)
    counts: Counter[str] = Counter()
    length = min(_LONGEST_BLOCK_DAYS, max(1, _BLOCK_CELLS // company.contacts))
    begins = range(first, last + 1, length) if company.events_per_day else range(0)
    for begin in begins:
        end = min(begin + length - 1, last)
        text = _event_text(company, begin, end)
        counts.update(_counted(text))
        by_day = {
            int(key[0]): frame for key, frame in text.partition_by("file_day", as_dict=True).items()
        }
        for day in range(begin, end + 1):
            content = io.BytesIO()
            by_day.get(day, text.clear()).select(COLUMNS).write_ndjson(content)
            name = f"events-{company.start + timedelta(days=day)}.jsonl.gz"
            size = write_whole(directory / "events" / name, gzipped(content.getvalue()))
            counts.update(files=1, size_bytes=size)
    return WrittenEvents(
        files=counts["files"],
        events=counts["events"],
        anonymous_events=counts["anonymous_events"],
        duplicate_events=counts["duplicate_events"],
        late_events=counts["late_events"],
        unreadable_events=counts["unreadable_events"],
        size_bytes=counts["size_bytes"],
    )


def _event_text(company: Company, begin: int, end: int) -> pl.DataFrame:
    """The rows of the files of these days, by file and time.

    Columns: those of `COLUMNS` (String), `file_day` (Int64), `is_late`, `is_duplicate` and
    `is_unreadable` (Boolean).
    """
    chance = Chance(company.seed)
    # Late events of the day before arrive in the first file.
    events = _together(events_of(company, max(begin - 1, 0), end))
    is_late = chance.happens(company.dirt.late_events, "late", events.keys)
    is_doubled = chance.happens(company.dirt.duplicate_events, "doubled", events.keys)
    file_day = events.days + is_late
    rows = np.lexsort((events.keys, events.times_ms, events.days, file_day))
    rows = rows[(file_day[rows] >= begin) & (file_day[rows] <= end)]
    rows = np.repeat(rows, 1 + is_doubled[rows])
    is_repeated = np.concatenate([[False], rows[1:] == rows[:-1]])[: len(rows)]
    keys = events.keys[rows]
    fault = chance.uniform("fault", keys) / max(company.dirt.unreadable_events, 1e-12)
    is_badly_timed, is_untyped = fault < 0.5, (fault >= 0.5) & (fault < 1)
    start = datetime.combine(company.start, time.min, tzinfo=UTC)
    moments = (
        pl.Series(events.days[rows] * 86_400_000 + events.times_ms[rows])
        * timedelta(milliseconds=1)
        + start
    )
    no_time = pl.Series(_NO_TIMES).gather(chance.below(len(_NO_TIMES), "no time", keys))
    ids = pl.Series(population_of(company).ids).cast(pl.String)
    codes = pl.Series(catalogue_of(company).codes)
    contacts, products = events.contacts[rows], events.products[rows]
    return pl.DataFrame(
        {
            "id": pl.Series(hexadecimal(keys, 16)),
            "ts": no_time.zip_with(
                pl.Series(is_badly_timed), moments.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
            ),
            "type": _blanked(pl.Series(TYPES).gather(events.types[rows]), pl.Series(~is_untyped)),
            "customer": _blanked(
                ids.gather(np.maximum(contacts, 0)), pl.Series(contacts != NOBODY)
            ),
            "visitor": _names("v", events.visitors[rows]),
            "session": _names("s", events.sessions[rows]),
            "sku": _blanked(
                codes.gather(np.maximum(products, 0)), pl.Series(products != NO_PRODUCT)
            ),
            "channel": pl.Series(WAYS).gather(events.ways[rows]),
            "file_day": pl.Series(file_day[rows]),
            "is_late": pl.Series(is_late[rows]),
            "is_duplicate": pl.Series(is_repeated, dtype=pl.Boolean),
            "is_unreadable": pl.Series(is_badly_timed | is_untyped),
        }
    )


def _together(parts: list[Events]) -> Events:
    return Events(
        keys=np.concatenate([part.keys for part in parts]),
        days=np.concatenate([part.days for part in parts]),
        times_ms=np.concatenate([part.times_ms for part in parts]),
        types=np.concatenate([part.types for part in parts]),
        contacts=np.concatenate([part.contacts for part in parts]),
        visitors=np.concatenate([part.visitors for part in parts]),
        sessions=np.concatenate([part.sessions for part in parts]),
        products=np.concatenate([part.products for part in parts]),
        ways=np.concatenate([part.ways for part in parts]),
    )


def _blanked(values: pl.Series, is_there: pl.Series) -> pl.Series:
    nothing = pl.repeat(None, len(values), dtype=pl.String, eager=True)
    return values.zip_with(is_there, nothing)


def _names(prefix: str, keys: Keys) -> pl.Series:
    return _blanked(prefix + pl.Series(hexadecimal(keys, 12)), pl.Series(keys != NONE))


def _counted(text: pl.DataFrame) -> dict[str, int]:
    counted = text.select(
        events=pl.len(),
        anonymous_events=pl.col("customer").is_null().sum(),
        duplicate_events=pl.col("is_duplicate").sum(),
        late_events=pl.col("is_late").sum(),
        unreadable_events=pl.col("is_unreadable").sum(),
    )
    return {name: int(value) for name, value in counted.row(0, named=True).items()}
