"""The calendar: the days that daily tables are partitioned by."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import dagster as dg

# What one pass over a range of days may read, compressed: enough to drown the fixed cost of a pass,
# little enough to stay in cache.
BYTES_PER_PASS = 16_000_000
MOST_DAYS_PER_PASS = 92


def daily_partitions(start: date, end: date | None) -> dg.DailyPartitionsDefinition:
    """One partition a day from `start` to `end`, both included; without an end, up to yesterday."""
    # Dagster's end is exclusive.
    after = (end + timedelta(days=1)).isoformat() if end else None
    return dg.DailyPartitionsDefinition(start_date=start.isoformat(), end_date=after)


def passes(
    days: Sequence[date],
    weights: Mapping[date, int],
    budget: int = BYTES_PER_PASS,
) -> Iterator[list[date]]:
    """Cut a range of days into passes of neighbouring days whose weights stay within the budget.

    Args:
        days: Ascending days; a gap between two of them ends a pass.
        weights: Bytes or rows of each day; days without an entry weigh nothing.
        budget: What a pass may weigh; one day alone may weigh more.
    """
    current: list[date] = []
    weight = 0
    for day in days:
        is_neighbour = bool(current) and day - current[-1] == timedelta(days=1)
        is_full = weight + weights.get(day, 0) > budget or len(current) == MOST_DAYS_PER_PASS
        if current and (is_full or not is_neighbour):
            yield current
            current, weight = [], 0
        current.append(day)
        weight += weights.get(day, 0)
    if current:
        yield current


def unbroken(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """First and last day of each unbroken stretch of ascending days, one day at least."""
    first = last = days[0]
    for day in days[1:]:
        if day - last > timedelta(days=1):
            yield first, last
            first = day
        last = day
    yield first, last
