"""Events to web sessions."""

from datetime import timedelta

import polars as pl

# The pause that ends a session in every web analytics product since the first.
SESSION_PAUSE = timedelta(minutes=30)


def make_sessions(events: pl.LazyFrame) -> pl.LazyFrame:
    """Events to one row a session and day.

    Where the tracker names a session, that is one; where it does not, a pause of
    `SESSION_PAUSE` or midnight ends it.

    Args:
        events: `cleaned/events` with `dt`.

    Returns:
        `modeled/fct_session` with `dt`.
    """
    # With its kind: contact 17850 is nobody's visitor 17850.
    who = pl.coalesce(
        pl.lit(f"{kind}:") + pl.col(f"{kind}_id") for kind in ("contact", "visitor", "session")
    )
    pause = pl.col("occurred_at").diff().over(["dt", "_who"]).fill_null(SESSION_PAUSE * 2)
    started_at = (
        pl.when(pause > SESSION_PAUSE).then("occurred_at").forward_fill().over(["dt", "_who"])
    )
    made_id = pl.concat_str(
        "_who", pl.lit("@"), pl.col("_started_at").dt.strftime("%Y-%m-%dT%H:%M:%S")
    )
    return (
        events.with_columns(_who=who)
        .sort("dt", "_who", "occurred_at", "event_type", "product_id")
        .with_columns(_started_at=started_at)
        .with_columns(session_id=pl.coalesce(pl.col("session_id"), made_id))
        # A tracker's session may go from a visitor to a contact: time decides what came first.
        .sort("dt", "occurred_at", "_who", "event_type", "product_id", "channel")
        .group_by("dt", "session_id")
        .agg(
            contact_id=pl.col("contact_id").drop_nulls().first(),
            started_at=pl.col("occurred_at").min(),
            ended_at=pl.col("occurred_at").max(),
            channel=pl.col("channel").drop_nulls().first(),
            events=pl.len(),
            views=_count("view"),
            carts=_count("cart"),
            purchases=_count("purchase"),
            email_opens=_count("email_open"),
            email_clicks=_count("email_click"),
            forms=_count("form"),
            products=pl.col("product_id").drop_nulls().n_unique().cast(pl.UInt32),
        )
        .sort("started_at", "session_id")
    )


def _count(event_type: str) -> pl.Expr:
    return (pl.col("event_type") == event_type).sum().cast(pl.UInt32)
