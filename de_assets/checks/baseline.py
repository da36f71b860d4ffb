"""What is usual for a day, from the days before it: the level of its weekday, and the spread.

The level is the median of the same weekday; the spread is pooled over all weekdays, since eight
values say little about one. Both are robust: a bad day or two among them change little.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from de_assets.checks.judgement import SCHEMA

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]

WEEKDAYS_LOOKED_AT = 8
FEWEST_WEEKDAYS = 4
MOST_WEEKS_BACK = 16
SPREAD_DAYS = 56
FEWEST_SPREAD_DAYS = 14
BACK_DAYS = 7 * MOST_WEEKS_BACK + SPREAD_DAYS  # as far as anything here looks
SIGMA = 1.4826  # of a median absolute deviation, for what is spread like a bell curve


class DayAxis:
    """Neighbouring days as positions of an array, from the first known day to the last."""

    def __init__(self, profiles: pl.DataFrame, days: Sequence[date], back: int) -> None:
        """Cover `days` and as much of `profiles` as lies up to `back` days before them."""
        known = profiles["dt"].min()
        first = min(days) - timedelta(days=back)
        self.first: date = max(first, min(known, *days)) if isinstance(known, date) else min(days)
        self.length = (max(days) - self.first).days + 1

    def position(self, day: date) -> int:
        """Where a day is."""
        return (day - self.first).days

    def day(self, position: int) -> date:
        """The day at a position."""
        return self.first + timedelta(days=position)

    def positions_of(self, days: Sequence[date]) -> Positions:
        """Where some days are."""
        return np.array([self.position(day) for day in days], dtype=np.int64)

    def where(self, is_so: Callable[[date], bool]) -> Positions:
        """The positions of all days of which something is true."""
        found = [position for position in range(self.length) if is_so(self.day(position))]
        return np.array(found, dtype=np.int64)

    def positions(self, profiles: pl.DataFrame) -> tuple[pl.DataFrame, Positions]:
        """The profiles within the axis, and the position of each of their rows."""
        last = self.day(self.length - 1)
        within = profiles.filter(pl.col("dt").is_between(self.first, last))
        offset = within.select((pl.col("dt") - self.first).dt.total_days())
        return within, offset.to_series().to_numpy().astype(np.int64)

    def values(self, profiles: pl.DataFrame, measure: str) -> Floats:
        """A measure of whole days; NaN where nothing is known."""
        values = np.full(self.length, np.nan)
        within, at = self.positions(profiles.filter(measure=measure, column=""))
        values[at] = within["value"].to_numpy()
        return values


def levels(
    values: Floats, statistic: Callable[[Floats], np.floating] = np.median
) -> tuple[Floats, Floats]:
    """Median, or another statistic, of the same weekday's last values before each day.

    NaN, where a value is not known or not usual, is passed over. A day before which the weekday
    has fewer than `FEWEST_WEEKDAYS` values has no level: NaN. Also returns of how many it is.
    """
    found = np.full(len(values), np.nan)
    counts = np.zeros(len(values))
    for position in range(7, len(values)):
        earliest = max(position - 7 * MOST_WEEKS_BACK, position % 7)
        before = values[earliest:position:7]
        known = before[~np.isnan(before)][-WEEKDAYS_LOOKED_AT:]
        counts[position] = len(known)
        if len(known) >= FEWEST_WEEKDAYS:
            found[position] = statistic(known)
    return found, counts


def spreads(residuals: Floats) -> Floats:
    """Robust standard deviation of the residuals before each day; NaN where there are too few."""
    found = np.full(len(residuals), np.nan)
    for position in range(len(residuals)):
        before = residuals[max(position - SPREAD_DAYS, 0) : position]
        known = before[~np.isnan(before)]
        if len(known) >= FEWEST_SPREAD_DAYS:
            found[position] = SIGMA * np.median(np.abs(known - np.median(known)))
    return found


def medians(values: Floats) -> tuple[Floats, Floats]:
    """Median of the days before each day, as far back as `spreads` looks, and of how many."""
    found = np.full(len(values), np.nan)
    counts = np.zeros(len(values))
    for position in range(len(values)):
        before = values[max(position - SPREAD_DAYS, 0) : position]
        known = before[~np.isnan(before)]
        counts[position] = len(known)
        if len(known) >= FEWEST_SPREAD_DAYS:
            found[position] = np.median(known)
    return found, counts


@dataclass(frozen=True)
class Measured:
    """One measure of every day of an axis, with its bounds; NaN where it cannot be told.

    Attributes:
        measure: What is measured, in words.
        value: Of each day.
        usual: What the days before each day say.
        of_days: How many these are.
        lower: The least that is not unusual; None where nothing is too small.
        upper: The most that is not unusual; None where nothing is too large.
        column: The column that is measured; empty for the whole day.
    """

    measure: str
    value: Floats
    usual: Floats
    of_days: Floats
    lower: Floats | None = None
    upper: Floats | None = None
    column: str = ""

    def on(self, axis: DayAxis, positions: Positions) -> pl.DataFrame:
        """Rows of `judgement.SCHEMA` of some days, without those that cannot be judged."""
        none = np.full(axis.length, np.nan)
        frame = pl.DataFrame(
            {
                "dt": [axis.day(int(position)) for position in positions],
                "column": self.column,
                "measure": self.measure,
                "value": self.value[positions],
                "usual": self.usual[positions],
                "lower": (none if self.lower is None else self.lower)[positions],
                "upper": (none if self.upper is None else self.upper)[positions],
                "reference_days": np.nan_to_num(self.of_days[positions]).astype(np.int64),
            },
            schema=SCHEMA,
            nan_to_null=True,
        )
        return frame.drop_nulls(["value", "usual"])
