"""Whether as many rows came as usual, and whether they came once.

Rows are held against the same weekday on the log scale, where doubling is as far as halving.
`docs/observability.md` says how the thresholds were found.
"""

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
import polars as pl

from de_assets.checks.baseline import (
    BACK_DAYS,
    DayAxis,
    Floats,
    Measured,
    Positions,
    levels,
    medians,
    spreads,
)
from de_assets.checks.judgement import SCHEMA, Judgement
from de_assets.checks.profile import DUPLICATES, ROWS

SMALL_COUNT = 10.0  # added to both counts before they are compared: 2 rows are not twice 1 row
LEAST_FACTOR = 2.0
SPREADS = 5.0
FEWEST_USUAL_ROWS = 5.0  # a weekday with fewer rows may well have none
MOST_DAYS_WITHOUT_ROWS = 1 / 8
LEAST_DUPLICATE_SHARE = 0.1


def judge_volume(
    profiles: pl.DataFrame, days: Sequence[date], is_gap: Callable[[date], bool]
) -> Judgement:
    """Rows, and the share of them that came again, of each of some days.

    Args:
        profiles: What is known of the table's days, with the columns of `profile.SCHEMA`.
        days: The days to judge, each by what came before it.
        is_gap: Whether nothing is due on a day; it is neither judged nor held against others.
    """
    due = [day for day in days if not is_gap(day)]
    gaps = tuple(day for day in days if is_gap(day))
    if not due:
        return Judgement(pl.DataFrame(schema=SCHEMA), tuple(days), gaps)
    axis = DayAxis(profiles, due, BACK_DAYS)
    rows = axis.values(profiles, ROWS)
    rows[axis.where(is_gap)] = np.nan
    judged = axis.positions_of(due)
    again = np.nan_to_num(axis.values(profiles, DUPLICATES))
    measures = [_rows(axis, rows - again, judged), _duplicates(axis, rows, again, judged)]
    return Judgement(pl.concat(measures), tuple(days), gaps)


def _rows(axis: DayAxis, rows: Floats, judged: Positions) -> pl.DataFrame:
    """Rows that came for the first time, or the only one."""
    level, counts = levels(rows)
    logs, usual = np.log(rows + SMALL_COUNT), np.log(level + SMALL_COUNT)
    is_closed = (rows == 0) & (level == 0)  # says nothing about how much open days differ
    spread = spreads(np.where(is_closed, np.nan, logs - usual))
    width = np.maximum(np.log(LEAST_FACTOR), SPREADS * spread)
    lower = np.maximum(np.exp(usual - width) - SMALL_COUNT, 0.0)
    # None at all is more than few: where there are always some, it needs no spread to be unusual.
    without, _ = levels(np.where(np.isnan(rows), np.nan, rows == 0), np.mean)
    is_due = (level >= FEWEST_USUAL_ROWS) & (without <= MOST_DAYS_WITHOUT_ROWS)
    lower = np.where(is_due, np.fmax(lower, 1.0), lower)
    upper = np.exp(usual + width) - SMALL_COUNT
    return Measured("rows", rows, level, counts, lower, upper).on(axis, judged)


def _duplicates(axis: DayAxis, rows: Floats, again: Floats, judged: Positions) -> pl.DataFrame:
    """A doubled delivery changes no cleaned row, but somebody sent it, and may send it again."""
    share = np.where(rows > 0, again / np.maximum(rows, 1.0), np.nan)
    usual, counts = medians(share)
    upper = usual + np.fmax(LEAST_DUPLICATE_SHARE, SPREADS * spreads(share))
    return Measured("duplicate share", share, usual, counts, upper=upper).on(axis, judged)
