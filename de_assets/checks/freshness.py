"""Whether a day was delivered to its end, and whether anything comes at all.

Both are measured by event time, the time in the rows themselves: a file of old rows is new, too.
Dagster's own policy, on assets of a calendar without end, watches that they are made at all.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import dagster as dg
import numpy as np
import polars as pl

from de_assets.checks.baseline import (
    BACK_DAYS,
    DayAxis,
    Floats,
    Measured,
    Positions,
    levels,
    spreads,
)
from de_assets.checks.history import KEPT_DAYS
from de_assets.checks.judgement import SCHEMA, Judgement
from de_assets.checks.profile import LAST_SECOND, ROWS

LAG = "hours from the last row to the end of the day"
PAUSE = "days on end without rows"
LEAST_LAG_HOURS = 3.0
SPREADS = 5.0  # the time since the last event is skewed: more than a bell curve needs
FEWEST_DAYS_FOR_PAUSES = 28
LEAST_PAUSE_DAYS = 1.0  # one missing day is told by the volume
FAIL_AFTER = timedelta(hours=36)  # a day is made in the morning after it
WARN_AFTER = timedelta(hours=30)


def freshness_policy(end: date | None) -> dg.FreshnessPolicy | None:
    """The policy of assets that a schedule makes every day; none for a calendar that has ended."""
    if end is not None:
        return None
    return dg.FreshnessPolicy.time_window(fail_window=FAIL_AFTER, warn_window=WARN_AFTER)


def judge_freshness(
    profiles: pl.DataFrame, days: Sequence[date], is_gap: Callable[[date], bool]
) -> Judgement:
    """How long before the end of each day its last row happened, and how long nothing came.

    Args:
        profiles: What is known of the table's days, with the columns of `profile.SCHEMA`.
        days: The days to judge, each by what came before it.
        is_gap: Whether nothing is due on a day; a pause does not grow on it.
    """
    due = [day for day in days if not is_gap(day)]
    gaps = tuple(day for day in days if is_gap(day))
    if not due:
        return Judgement(pl.DataFrame(schema=SCHEMA), tuple(days), gaps)
    axis = DayAxis(profiles, due, max(BACK_DAYS, KEPT_DAYS))
    rows = axis.values(profiles, ROWS)
    closed = axis.where(is_gap)
    rows[closed] = np.nan
    last_second = axis.values(profiles, LAST_SECOND)
    last_second[closed] = np.nan
    judged = axis.positions_of(due)
    measures = [_lags(axis, last_second, judged), _pauses(axis, rows, judged)]
    return Judgement(pl.concat(measures), tuple(days), gaps)


def _lags(axis: DayAxis, last_second: Floats, judged: Positions) -> pl.DataFrame:
    lag = 24.0 - last_second / 3600
    usual, counts = levels(lag)
    upper = usual + np.maximum(LEAST_LAG_HOURS, SPREADS * spreads(lag - usual))
    return Measured(LAG, lag, usual, counts, upper=upper).on(axis, judged)


def _pauses(axis: DayAxis, rows: Floats, judged: Positions) -> pl.DataFrame:
    """Days on end without rows, since the first row came. A too long one does not become usual."""
    pause, usual, known_days = (np.full(axis.length, np.nan) for _ in range(3))
    longest, current, known = 0.0, 0.0, 0
    is_too_long = False
    for position in range(axis.length):
        if np.isnan(rows[position]) or (known == 0 and rows[position] == 0):
            continue
        if rows[position] > 0:
            longest = longest if is_too_long else max(longest, current)
            current, is_too_long = 0.0, False
        else:
            current += 1
        if known >= FEWEST_DAYS_FOR_PAUSES:
            pause[position], usual[position], known_days[position] = current, longest, known
            is_too_long |= current > max(longest, LEAST_PAUSE_DAYS)
        known += 1
    upper = np.maximum(usual, LEAST_PAUSE_DAYS)
    return Measured(PAUSE, pause, usual, known_days, upper=upper).on(axis, judged)
