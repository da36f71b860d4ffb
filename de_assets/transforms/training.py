"""Which snapshots a model is trained on, what came of them, and how time divides them."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial

import polars as pl

# Four weeks: snapshots fall on the same day of the week, and a month of labels hardly overlaps.
SNAPSHOT_SPACING_DAYS = 28
DEFAULT_HORIZON_DAYS = 30
# A snapshot with less history than that cannot fill the windows that matter most.
LEAST_HISTORY_DAYS = 84
LATE_SHARE = 6  # of the snapshots, one in so many is kept for the test, and one for calibration


def snapshot_days(start: date, end: date) -> list[date]:
    """The days of a calendar on which snapshots for training are taken, ascending.

    A fixed grid from the calendar's start, so that a later end adds snapshots and moves none.
    """
    count = (end - start).days // SNAPSHOT_SPACING_DAYS
    return [start + timedelta(days=SNAPSHOT_SPACING_DAYS * (n + 1)) for n in range(count)]


def matured(snapshots: Sequence[date], last_day: date, horizon_days: int) -> list[date]:
    """Snapshots whose horizon is over: every order that could count is in the data."""
    return [day for day in snapshots if day + timedelta(days=horizon_days) <= last_day]


def split_by_time(snapshots: Sequence[date], start: date, horizon_days: int) -> dict[date, str]:
    """Cut matured snapshots into train, calibrate and test, in this order of time.

    Between two parts lies an embargo of one horizon: no label of the earlier part is still open
    when the later one begins. Snapshots inside an embargo, or with too little history, are left
    out. With too few snapshots some part is missing; the model says so.

    Args:
        snapshots: Matured snapshots, ascending.
        start: First day of the data.
        horizon_days: Days after a snapshot in which an order counts.
    """
    late = max(1, len(snapshots) // LATE_SHARE)
    embargo = timedelta(days=horizon_days)
    parts: dict[date, str] = dict.fromkeys(snapshots[-late:], "test")
    if not parts:
        return {}
    before_test = [day for day in snapshots if day + embargo <= min(parts)]
    calibrate = before_test[-late:]
    parts |= dict.fromkeys(calibrate, "calibrate")
    if calibrate:
        since = start + timedelta(days=LEAST_HISTORY_DAYS)
        early = [day for day in before_test if day + embargo <= calibrate[0]]
        full = [day for day in early if day >= since]
        parts |= dict.fromkeys(full or early, "train")
    return dict(sorted(parts.items()))


def training_set(
    snapshots: pl.LazyFrame, activity: pl.LazyFrame, *, start: date, horizon_days: int
) -> pl.LazyFrame:
    """Snapshots of the grid whose horizon is over, with what came of them.

    Args:
        snapshots: `features/contact_features` of any days.
        activity: `modeled/contact_daily` of all days, with `dt`.
        start: First day of the calendar.
        horizon_days: Days after a snapshot in which an order counts.

    Returns:
        `features/training_set`.
    """
    # Lazily, though a day's part depends on all days: so the plan is the same whatever there is.
    last_day = activity.select(_last_day=pl.col("dt").max())
    parts = pl.struct("as_of", "_last_day").map_batches(
        partial(_parts, start=start, horizon_days=horizon_days), return_dtype=pl.String
    )
    split = (
        snapshots.select(pl.col("as_of").unique())
        .join(last_day, how="cross")
        .select("as_of", split=parts)
        .filter(pl.col("split").is_not_null())
    )
    return _labelled(snapshots, activity, split, horizon_days)


def label_snapshots(
    features: pl.LazyFrame,
    activity: pl.LazyFrame,
    parts: dict[date, str],
    horizon_days: int,
) -> pl.LazyFrame:
    """Features of matured snapshots with what came of them.

    Args:
        features: `features/contact_features` of the snapshots.
        activity: `modeled/contact_daily` of all days, with `dt`.
        parts: The part of each snapshot (`split_by_time`); others are left out.
        horizon_days: Days after a snapshot in which an order counts.

    Returns:
        `features/training_set`.
    """
    split = pl.LazyFrame(
        {"as_of": list(parts), "split": list(parts.values())},
        schema={"as_of": pl.Date, "split": pl.String},
    )
    return _labelled(features, activity, split, horizon_days)


def _labelled(
    features: pl.LazyFrame, activity: pl.LazyFrame, split: pl.LazyFrame, horizon_days: int
) -> pl.LazyFrame:
    ordering = activity.filter(pl.col("orders") > 0).select("contact_id", "dt")
    labels = (
        split.join(ordering, how="cross")
        .filter(
            pl.col("dt") > pl.col("as_of"),
            pl.col("dt") <= pl.col("as_of").dt.offset_by(f"{horizon_days}d"),
        )
        .select("contact_id", "as_of", is_ordering=pl.lit(value=True))
        .unique()
    )
    return (
        features.drop("dt", strict=False)
        .join(split, on="as_of", how="inner")
        .join(labels, on=["contact_id", "as_of"], how="left")
        .with_columns(pl.col("is_ordering").fill_null(value=False))
        .sort("as_of", "contact_id")
    )


def _parts(snapshots: pl.Series, start: date, horizon_days: int) -> pl.Series:
    """The part of each snapshot day (`as_of`), where `_last_day` is the last day of the data."""
    days = snapshots.struct.field("as_of").to_list()
    last_days = snapshots.struct.field("_last_day").drop_nulls()
    parts: dict[date, str] = {}
    if not last_days.is_empty():
        last_day = last_days[0]
        grid = sorted(set(days).intersection(snapshot_days(start, last_day)))
        parts = split_by_time(matured(grid, last_day, horizon_days), start, horizon_days)
    return pl.Series([parts.get(day) for day in days], dtype=pl.String)
