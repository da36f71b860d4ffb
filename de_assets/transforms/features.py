"""What is known about each contact at the end of a day.

One function for the daily run, for training and for serving. It reads the daily rollup, never the
facts, so its cost does not grow with them.
"""

import math
from datetime import date, timedelta

import polars as pl

from de_assets.transforms.typing import exact_sum

# Older activity is forgotten, so that a day costs the same however long the history grows.
HISTORY_DAYS = 730
YEAR_DAYS = 365
SEASON_WINDOW_DAYS = 30
AMOUNTS = ("revenue", "cancelled_revenue")
COUNTS = "^(orders|revenue|products|cancelled|sessions|views|carts|email|forms)_.*$"


def contact_features(activity: pl.LazyFrame, contacts: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    """One row per contact known at the end of `as_of`, from nothing that came later.

    Args:
        activity: `modeled/contact_daily` with `dt`; days after `as_of` are not looked at, nor are
            those `HISTORY_DAYS` before it.
        contacts: `modeled/dim_contact`.
        as_of: The day at whose end the features are known.

    Returns:
        `features/contact_features` with `dt`, sorted by contact. Counts of a contact without
        history are 0; what has no meaning without an order (recency, gaps) is null.
    """
    age = (pl.lit(as_of) - pl.col("dt")).dt.total_days()
    known = activity.filter(age.is_between(0, HISTORY_DAYS - 1)).with_columns(_age=age)
    return (
        _known_contacts(contacts, as_of)
        .join(known.sort("dt").group_by("contact_id").agg(_activity()), on="contact_id", how="left")
        .with_columns(
            overdue_ratio=pl.col("recency_days")
            / pl.col("order_gap_mean_days").clip(lower_bound=1.0)
        )
        .with_columns(pl.col(COUNTS).fill_null(0.0))
        .with_columns(
            as_of=pl.lit(as_of),
            season_sine=pl.lit(math.sin(_season_angle(as_of))),
            season_cosine=pl.lit(math.cos(_season_angle(as_of))),
            dt=pl.lit(as_of),
        )
        .sort("contact_id")
    )


def features_of_the_day(activity: pl.LazyFrame, contacts: pl.LazyFrame, day: date) -> pl.LazyFrame:
    """`contact_features` as of a day, by the name that a table's transform has for its day."""
    return contact_features(activity, contacts, day)


def _known_contacts(contacts: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    """The version of each contact that held at the end of the day, if it was known at all."""
    holds = (pl.col("valid_from") <= as_of) & (
        pl.col("valid_to").is_null() | (pl.col("valid_to") >= as_of)
    )
    return contacts.filter(holds, pl.col("first_seen_on") <= as_of).select(
        "contact_id",
        "country",
        "channel",
        tenure_days=(pl.lit(as_of) - pl.col("first_seen_on")).dt.total_days().cast(pl.Float64),
    )


def _activity() -> list[pl.Expr]:
    is_ordering = pl.col("orders") > 0
    order_ages = pl.col("_age").filter(is_ordering)
    gaps = pl.col("dt").filter(is_ordering).diff().dt.total_days()
    # The weeks after `as_of`, a year earlier: what this contact did in the season to come.
    last_year = pl.col("_age").is_between(
        YEAR_DAYS - SEASON_WINDOW_DAYS, YEAR_DAYS - 1, closed="both"
    )
    aggregates = {
        "recency_days": order_ages.min(),
        "first_order_age_days": order_ages.max(),
        "orders_7d": _within(7, "orders"),
        "orders_30d": _within(30, "orders"),
        "orders_90d": _within(90, "orders"),
        "orders_365d": _within(365, "orders"),
        "orders_730d": _within(730, "orders"),
        "orders_same_month_last_year": pl.col("orders").filter(last_year).sum(),
        "revenue_30d": _within(30, "revenue"),
        "revenue_90d": _within(90, "revenue"),
        "revenue_365d": _within(365, "revenue"),
        "order_value_mean": (
            pl.when(pl.col("orders").sum() > 0).then(
                exact_sum(pl.col("revenue")) / pl.col("orders").sum()
            )
        ),
        "products_365d": _within(365, "products"),
        "order_gap_mean_days": gaps.mean(),
        "order_gap_deviation_days": gaps.std(),
        "cancelled_lines_365d": _within(365, "cancelled_lines"),
        "cancelled_revenue_365d": _within(365, "cancelled_revenue"),
        "sessions_7d": _within(7, "sessions"),
        "sessions_30d": _within(30, "sessions"),
        "sessions_90d": _within(90, "sessions"),
        "session_recency_days": pl.col("_age").filter(pl.col("sessions") > 0).min(),
        "views_30d": _within(30, "views"),
        "carts_7d": _within(7, "carts"),
        "carts_30d": _within(30, "carts"),
        "email_opens_90d": _within(90, "email_opens"),
        "email_clicks_90d": _within(90, "email_clicks"),
        "forms_90d": _within(90, "forms"),
    }
    return [value.cast(pl.Float64).alias(name) for name, value in aggregates.items()]


def _within(days: int, name: str) -> pl.Expr:
    """Sum over the last `days` days, the day itself included."""
    recent = pl.col(name).filter(pl.col("_age") < days)
    return exact_sum(recent) if name in AMOUNTS else recent.sum()


def _season_angle(as_of: date) -> float:
    """The middle of the coming weeks as an angle of the year: the season that is predicted."""
    middle = as_of + timedelta(days=SEASON_WINDOW_DAYS // 2)
    return 2 * math.pi * middle.timetuple().tm_yday / 365.25
