"""The trading calendar: season, weekdays, the Christmas shut-down, and business time.

Business time runs as fast as the shop trades: a day in November is long, a Saturday has no length.
Purchases are simulated in it and mapped back to days.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from de_assets.sandbox.company.chance import Flags, Floats, Ints
from de_assets.sandbox.company.parameters import Company

WARM_UP_DAYS = 365
"""Contacts may be this much older than the first file."""

# January to December, mean 1; November is 2.3 times February, as measured in a real gift shop.
_SEASON = (0.75, 0.68, 0.88, 0.85, 0.93, 0.93, 0.90, 0.92, 1.20, 1.30, 1.56, 1.10)
# Monday to Sunday, mean 1; nothing is sent on a Saturday.
_WEEKDAY = (1.20, 1.25, 1.20, 1.30, 1.10, 0.0, 0.95)


def is_trading_day(day: date) -> bool:
    """Whether the shop trades: not on a Saturday, nor from 24 December to 3 January."""
    is_shut_down = (day.month == 12 and day.day >= 24) or (day.month == 1 and day.day <= 3)
    return not is_shut_down and _WEEKDAY[day.weekday()] > 0


@dataclass(frozen=True)
class Calendar:
    """Days of one company, numbered from its start; the warm-up has negative numbers.

    Attributes:
        weights: Length of each day in business time, from the first day of the warm-up.
        clock: Business time at the beginning of each of these days, and at the end of the last.
    """

    weights: Floats
    clock: Floats

    def weight(self, days: Ints) -> Floats:
        """How busy these days are: 1 on an average day, 0 where the shop is shut."""
        return self.weights[days + WARM_UP_DAYS]

    def business_time(self, days: Ints) -> Floats:
        """Business time at the beginning of these days."""
        return self.clock[days + WARM_UP_DAYS]

    def day_at(self, business_time: Floats) -> Ints:
        """The trading day of each moment; the day after the last where it lies beyond."""
        found = np.searchsorted(self.clock, business_time, side="right") - 1
        return np.minimum(found, len(self.weights)).astype(np.int64) - WARM_UP_DAYS

    def next_trading_day(self, days: Ints) -> Ints:
        """Each day itself if the shop trades, else the next that it does."""
        inside = np.minimum(days, self.last_day + 1)
        return self.day_at(self.clock[inside + WARM_UP_DAYS])

    @property
    def last_day(self) -> int:
        """Number of the last day with files."""
        return len(self.weights) - WARM_UP_DAYS - 1

    @property
    def is_open(self) -> Flags:
        """Whether the shop trades, for each day from the first day with files."""
        return self.weights[WARM_UP_DAYS:] > 0


def calendar_of(company: Company) -> Calendar:
    """The calendar of a company, warm-up included."""
    first = company.start - timedelta(days=WARM_UP_DAYS)
    days = [first + timedelta(days=n) for n in range(WARM_UP_DAYS + company.length_days)]
    weights = np.array(
        [_SEASON[d.month - 1] * _WEEKDAY[d.weekday()] * is_trading_day(d) for d in days]
    )
    return Calendar(weights, np.concatenate([[0.0], np.cumsum(weights)]))
