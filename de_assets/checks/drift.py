"""Whether the values of a day look like those of the weeks before it.

Distributions are compared by the population stability index (PSI), the sum of (p-q) ln(p/q) over
bins. Rows of one order or session come together, so chance alone moves a day further than the
bound for independent rows says: what a day may move is learnt from the days before it, too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist

import numpy as np
import polars as pl
from numpy.typing import NDArray

from de_assets.checks.baseline import DayAxis, Floats, Measured, Positions
from de_assets.checks.judgement import SCHEMA, Judgement
from de_assets.checks.profile import (
    AGREEING,
    CATEGORY,
    GROUPED,
    NULLS,
    NUMBER,
    OTHERS,
    ROWS,
)

REFERENCE_DAYS = 28
FEWEST_REFERENCE_DAYS = 7
OWN_DAYS = 56  # of which the largest movement is remembered: eight of each weekday
FEWEST_OWN_DAYS = 14
BACK_DAYS = REFERENCE_DAYS + 2 * OWN_DAYS  # reference, own history, and as much to settle in
LEAST_PSI = 0.3
FEWEST_GROUPED_ROWS = 15  # fewer agree or not by chance
LEAST_FALL = 0.2  # of the agreement
OWN_FACTOR = 2.0
CONFIDENCE = 0.9999
QUANTILES = 10
RARE_SHARE = 0.01  # rarer labels are compared together
NEW_CATEGORY_SHARE = 0.01
FEWEST_NEW_ROWS = 5
PSI = "PSI"
NULL_PSI = "PSI of nulls"
AGREEMENT = "agreement"
NEW_CATEGORY = "share of new labels"


@dataclass(frozen=True)
class _Movement:
    """How far each day is from its reference, by one measure of one column.

    Attributes:
        moved: The distance; NaN where it cannot be told.
        bound: What chance and irrelevance explain of it.
        usual: The reference itself, where it is one number.
    """

    column: str
    measure: str
    moved: Floats
    bound: Floats
    usual: Floats | None = None


def judge_drift(profiles: pl.DataFrame, days: Sequence[date]) -> Judgement:
    """How far each profiled column of some days has moved from the 28 days before each.

    Args:
        profiles: What is known of the table's days, with the columns of `profile.SCHEMA`.
        days: The days to judge, each by what came before it; those without rows cannot be.
    """
    axis = DayAxis(profiles, days, BACK_DAYS)
    rows = axis.values(profiles, ROWS)
    is_open = np.nan_to_num(rows) > 0
    recent = profiles.filter((pl.col("column") != "") & (pl.col("dt") >= axis.first))
    parts = recent.partition_by("column", as_dict=True)
    movements = [
        movement
        for (column,), part in sorted(parts.items())
        for movement in _movements(axis, str(column), part, rows, is_open)
    ]
    reference_days = _before(is_open[:, None].astype(float))[:, 0]
    can_be_told = is_open & (reference_days >= FEWEST_REFERENCE_DAYS)
    judged = axis.positions_of(days)
    found = [_new_labels(axis, profiles, rows, can_be_told, judged)]
    if movements:
        found.append(_judged(axis, movements, can_be_told, reference_days, judged))
    return Judgement(pl.concat(found), tuple(days))


def _movements(
    axis: DayAxis, column: str, part: pl.DataFrame, rows: Floats, is_open: NDArray[np.bool_]
) -> Iterator[_Movement]:
    """Every measure that a column's profile allows."""
    measures = set(part["measure"])
    nulls = _counts(axis, part.filter(measure=NULLS))[:, 0] if NULLS in measures else 0 * rows
    nulls = np.where(is_open, np.nan_to_num(nulls), 0.0)
    if NUMBER in measures:
        counts = _counts(axis, part.filter(measure=NUMBER), "bin") * is_open[:, None]
        yield _moved(column, PSI, *_in_quantiles(counts, _before(counts)), nulls)
    elif CATEGORY in measures:
        labels = part.filter(pl.col("measure").is_in([CATEGORY, OTHERS]))
        counts = _counts(axis, labels, "label") * is_open[:, None]
        yield _moved(column, PSI, *_without_rare(counts, _before(counts)), nulls)
    elif NULLS in measures:
        present = (np.where(is_open, rows, 0.0) - nulls)[:, None]
        yield _moved(column, NULL_PSI, present, _before(present), nulls)
    if GROUPED in measures:
        grouped = _counts(axis, part.filter(measure=GROUPED))[:, 0] * is_open
        agreeing = _counts(axis, part.filter(measure=AGREEING))[:, 0] * is_open
        yield _fallen(column, grouped, agreeing)


def _counts(axis: DayAxis, part: pl.DataFrame, by: str | None = None) -> Floats:
    """Counts of each day (rows) and each bin or label (columns, in ascending order)."""
    within, at = axis.positions(part)
    if by is None:
        kinds, names = np.zeros(within.height, dtype=np.int64), 1
    else:
        kinds = within[by].rank("dense").fill_null(0).to_numpy().astype(np.int64)
        names = int(kinds.max(initial=0)) + 1
    counts = np.zeros((axis.length, names))
    np.add.at(counts, (at, kinds), within["value"].to_numpy())
    return counts


def _before(counts: Floats) -> Floats:
    """Sums of the reference days before each day."""
    sums: Floats = np.concatenate([np.zeros((1, counts.shape[1])), np.cumsum(counts, axis=0)])
    ends = np.arange(counts.shape[0])
    before: Floats = sums[ends] - sums[np.maximum(ends - REFERENCE_DAYS, 0)]
    return before


def _in_quantiles(counts: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Both in the deciles of the reference of each day; a heavy bin is a decile by itself."""
    total = np.maximum(reference.sum(axis=1, keepdims=True), 1.0)
    middle = (np.cumsum(reference, axis=1) - reference / 2) / total
    quantile = np.minimum((middle * QUANTILES).astype(np.int64), QUANTILES - 1)
    cells = (np.arange(len(counts))[:, None] * QUANTILES + quantile).ravel()

    def summed(each: Floats) -> Floats:
        sums = np.bincount(cells, each.ravel(), len(counts) * QUANTILES)
        return sums.reshape(-1, QUANTILES).astype(np.float64)

    return summed(counts), summed(reference)


def _without_rare(counts: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Both with the labels that are rare in the reference taken together."""
    total = np.maximum(reference.sum(axis=1, keepdims=True), 1.0)
    is_rare = reference < RARE_SHARE * total
    return (
        np.column_stack([counts * ~is_rare, (counts * is_rare).sum(axis=1)]),
        np.column_stack([reference * ~is_rare, (reference * is_rare).sum(axis=1)]),
    )


def _moved(
    column: str, measure: str, counts: Floats, reference: Floats, nulls: Floats
) -> _Movement:
    """PSI with half a row added to every bin, so that an empty one is not infinitely far."""
    day = np.column_stack([counts, nulls])
    past = np.column_stack([reference, _before(nulls[:, None])])
    is_there = (day + past) > 0
    bins = is_there.sum(axis=1)
    rows, past_rows = day.sum(axis=1), past.sum(axis=1)
    p = (day + 0.5) / (rows + 0.5 * bins)[:, None].clip(min=1)
    q = (past + 0.5) / (past_rows + 0.5 * bins)[:, None].clip(min=1)
    psi = np.where(is_there, (p - q) * np.log(p / q), 0.0).sum(axis=1)
    is_known = (rows > 0) & (past_rows > 0)
    chance = _chi_squared(bins - 1) * (1 / rows.clip(min=1) + 1 / past_rows.clip(min=1))
    return _Movement(
        column, measure, np.where(is_known, psi, np.nan), np.maximum(chance, LEAST_PSI)
    )


def _fallen(column: str, grouped: Floats, agreeing: Floats) -> _Movement:
    """How much less the values of a group agree than they used to."""
    past, past_agreeing = (_before(counts[:, None])[:, 0] for counts in (grouped, agreeing))
    is_known = (grouped >= FEWEST_GROUPED_ROWS) & (past >= FEWEST_GROUPED_ROWS)
    usual = np.where(is_known, past_agreeing / past.clip(min=1), np.nan)
    fall = usual - agreeing / grouped.clip(min=1)
    noise = np.sqrt((usual * (1 - usual)).clip(min=0.01) / grouped.clip(min=1))
    chance = NormalDist().inv_cdf(CONFIDENCE) * noise
    return _Movement(column, AGREEMENT, fall, np.fmax(chance, LEAST_FALL), usual)


def _chi_squared(freedom: NDArray[np.int64]) -> Floats:
    """Quantiles of chi-squared by Wilson and Hilferty (1931), which are 0 to 7 % too large here."""
    spread = 2 / (9 * freedom.clip(min=1))
    return np.asarray(
        freedom * (1 - spread + NormalDist().inv_cdf(CONFIDENCE) * np.sqrt(spread)) ** 3
    )


def _judged(
    axis: DayAxis,
    movements: Sequence[_Movement],
    can_be_told: NDArray[np.bool_],
    reference_days: Floats,
    judged: Positions,
) -> pl.DataFrame:
    """Hold each movement against its bound, and against the largest one of the days before.

    A day that gave the alarm is among these for its own weekday only: Sundays may differ, but what
    is wrong for a week does not become usual within it.
    """
    moved = np.column_stack([movement.moved for movement in movements])
    moved[~can_be_told] = np.nan
    bound = np.column_stack([movement.bound for movement in movements])
    is_alarm = np.zeros(moved.shape, dtype=bool)
    own, upper = np.full_like(moved, np.nan), np.full_like(moved, np.nan)
    for day in range(axis.length):
        first = max(day - OWN_DAYS, 0)
        is_same_weekday = (np.arange(first, day) - day) % 7 == 0
        is_usual = ~is_alarm[first:day] | is_same_weekday[:, None]
        before = moved[first:day]
        is_enough = (~np.isnan(before)).sum(axis=0) >= FEWEST_OWN_DAYS
        largest = np.fmax.reduce(np.where(is_usual, before, np.nan), axis=0, initial=0.0)
        own[day] = np.where(is_enough, largest, np.nan)
        upper[day] = np.maximum(bound[day], OWN_FACTOR * own[day])
        is_alarm[day] = moved[day] > upper[day]
    return pl.concat(
        _as_measured(movement, moved[:, n], own[:, n], upper[:, n], reference_days).on(axis, judged)
        for n, movement in enumerate(movements)
    )


def _as_measured(
    movement: _Movement, moved: Floats, own: Floats, upper: Floats, reference_days: Floats
) -> Measured:
    """A movement and its bound; the fall of an agreement is said as the agreement itself."""
    name, column = movement.measure, movement.column
    if movement.usual is None:
        return Measured(name, moved, own, reference_days, upper=upper, column=column)
    usual = np.where(np.isnan(upper), np.nan, movement.usual)
    value, lower = movement.usual - moved, movement.usual - upper
    return Measured(name, value, usual, reference_days, lower=lower, column=column)


def _new_labels(
    axis: DayAxis,
    profiles: pl.DataFrame,
    rows: Floats,
    can_be_told: NDArray[np.bool_],
    judged: Positions,
) -> pl.DataFrame:
    """Labels that were never seen before the day, as far back as is known."""
    labels = profiles.filter(measure=CATEGORY)
    first_seen = labels.group_by("column", "label").agg(pl.col("dt").min())
    new = (
        labels.join(first_seen, on=["column", "label", "dt"], how="semi")
        .group_by("column", "dt")
        .agg(pl.col("value").sum())
    )
    known_days = np.cumsum(np.nan_to_num(rows) > 0).astype(np.float64)
    parts = [pl.DataFrame(schema=SCHEMA)]
    for column in first_seen["column"].unique().sort():
        within, at = axis.positions(new.filter(column=column))
        share = np.where(can_be_told, 0.0, np.nan)
        share[at] = np.where(can_be_told[at], within["value"].to_numpy() / rows[at], np.nan)
        fewest = np.maximum(NEW_CATEGORY_SHARE, (FEWEST_NEW_ROWS - 0.5) / rows.clip(min=1))
        measured = Measured(NEW_CATEGORY, share, 0 * share, known_days, upper=fewest, column=column)
        parts.append(measured.on(axis, judged))
    return pl.concat(parts)
