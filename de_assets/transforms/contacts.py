"""Contacts: their dimension with its history, and what each did on each day."""

from collections.abc import Sequence

import polars as pl

from de_assets.transforms.orders import is_purchase
from de_assets.transforms.typing import exact_sum

CRM_ATTRIBUTES = (
    "is_in_crm",
    "crm_id",
    "is_company",
    "country",
    "channel",
    "lifecycle_stage",
    "created_on",
)


def track_contacts(
    contacts: pl.LazyFrame, order_lines: pl.LazyFrame, events: pl.LazyFrame
) -> pl.LazyFrame:
    """CRM records and traces of activity to a slowly changing dimension, type 2.

    A contact begins with its first trace. A version begins on the day on which changed values were
    first seen; the CRM's first values are taken to hold since it made the record. Reading unchanged
    values again makes no version, so our own write-back is no change. The country of a first order
    is known from that day on: any earlier it would tell a model that an order is to come.

    Args:
        contacts: `cleaned/contacts` of all days, with `dt`.
        order_lines: `cleaned/order_lines` of all days, with `dt`.
        events: `cleaned/events` of all days, with `dt`.

    Returns:
        `modeled/dim_contact`.
    """
    traces = _first_traces(order_lines, events)
    records = contacts.sort("contact_id", "dt").select(
        "contact_id",
        _since=pl.when(pl.int_range(pl.len()).over("contact_id") == 0)
        .then(pl.min_horizontal("dt", pl.col("created_at").dt.date()))
        .otherwise("dt"),
        is_in_crm=pl.lit(value=True),
        crm_id="crm_id",
        is_company="is_company",
        country="country",
        channel="channel",
        lifecycle_stage="lifecycle_stage",
        created_on=pl.col("created_at").dt.date(),
    )
    recorded_since = records.group_by("contact_id").agg(_recorded_since=pl.col("_since").min())
    before_record = (
        traces.join(recorded_since, on="contact_id", how="left")
        .filter(
            pl.col("_recorded_since").is_null()
            | (pl.col("first_trace_on") < pl.col("_recorded_since"))
        )
        .select(
            "contact_id",
            _since="first_trace_on",
            is_in_crm=pl.lit(value=False),
            crm_id=pl.lit(None, pl.String),
            is_company=pl.lit(None, pl.Boolean),
            country=pl.lit(None, pl.String),
            channel=pl.lit(None, pl.String),
            lifecycle_stage=pl.lit(None, pl.String),
            created_on=pl.lit(None, pl.Date),
        )
    )
    stated = pl.concat([before_record, records])
    ordered_from = (
        traces.filter(pl.col("first_country").is_not_null())
        .select("contact_id", _since="first_country_on")
        .join(stated, on=["contact_id", "_since"], how="anti")
    )
    as_stated = pl.when("_is_stated").then(pl.struct(CRM_ATTRIBUTES))
    is_country_known = pl.col("first_country_on") <= pl.col("_since")
    versions = (
        pl.concat([stated.with_columns(_is_stated=True), ordered_from], how="diagonal")
        .sort("contact_id", "_since")
        .select("contact_id", "_since", _stated=as_stated.forward_fill().over("contact_id"))
        .unnest("_stated")
        .join(traces, on="contact_id", how="left")
        .with_columns(
            country=pl.coalesce("country", pl.when(is_country_known).then("first_country"))
        )
        .sort("contact_id", "_since")
        .filter(_is_changed(CRM_ATTRIBUTES))
    )
    next_since = pl.col("_since").shift(-1).over("contact_id")
    return (
        versions.with_columns(
            valid_to=next_since.dt.offset_by("-1d"),
            first_seen_on=pl.min_horizontal(
                pl.col("_since").min().over("contact_id"), pl.col("first_trace_on")
            ),
        )
        .select(
            "contact_id",
            pl.col("_since").alias("valid_from"),
            "valid_to",
            pl.col("valid_to").is_null().alias("is_current"),
            *CRM_ATTRIBUTES,
            "first_seen_on",
        )
        .sort("contact_id", "valid_from")
    )


def _first_traces(order_lines: pl.LazyFrame, events: pl.LazyFrame) -> pl.LazyFrame:
    """First day of any order line or event of each contact; the first country ordered from."""
    ordered = order_lines.select("contact_id", "dt", "country", "ordered_at")
    visited = events.select(
        "contact_id",
        "dt",
        country=pl.lit(None, pl.String),
        ordered_at=pl.lit(None, pl.Datetime("us")),
    )
    first = pl.col("country").sort_by("ordered_at", "country").drop_nulls().first()
    first_on = pl.col("dt").filter(pl.col("country").is_not_null()).min()
    return (
        pl.concat([ordered, visited])
        .filter(pl.col("contact_id").is_not_null())
        .group_by("contact_id")
        .agg(first_trace_on=pl.col("dt").min(), first_country=first, first_country_on=first_on)
    )


def _is_changed(attributes: Sequence[str]) -> pl.Expr:
    """Whether a version differs from the one before; the first of a contact always does."""
    before = [
        pl.col(name).ne_missing(pl.col(name).shift(1).over("contact_id")) for name in attributes
    ]
    return pl.any_horizontal(*before, pl.int_range(pl.len()).over("contact_id") == 0)


def roll_up_contacts(order_lines: pl.LazyFrame, sessions: pl.LazyFrame) -> pl.LazyFrame:
    """Facts to one row a contact and day on which it did something.

    Args:
        order_lines: `modeled/fct_order_line` with `dt`.
        sessions: `modeled/fct_session` with `dt`.

    Returns:
        `modeled/contact_daily` with `dt`.
    """
    known = pl.col("contact_id").is_not_null()
    bought = (
        order_lines.filter(known)
        .group_by("dt", "contact_id")
        .agg(
            orders=pl.col("order_id").filter(is_purchase()).n_unique(),
            order_lines=is_purchase().sum(),
            units=exact_sum(pl.col("quantity").filter(is_purchase())),
            products=pl.col("product_id").filter(is_purchase()).n_unique(),
            revenue=exact_sum(pl.col("revenue").filter(is_purchase())),
            cancelled_lines=pl.col("is_cancellation").sum(),
            cancelled_revenue=exact_sum(-pl.col("revenue").filter("is_cancellation")),
        )
    )
    visited = (
        sessions.filter(known)
        .group_by("dt", "contact_id")
        .agg(
            sessions=pl.len(),
            views=pl.col("views").sum(),
            carts=pl.col("carts").sum(),
            email_opens=pl.col("email_opens").sum(),
            email_clicks=pl.col("email_clicks").sum(),
            forms=pl.col("forms").sum(),
        )
    )
    sums = ("units", "revenue", "cancelled_revenue")
    counts = (
        "orders",
        "order_lines",
        "products",
        "cancelled_lines",
        "sessions",
        "views",
        "carts",
        "email_opens",
        "email_clicks",
        "forms",
    )
    return (
        bought.join(visited, on=["dt", "contact_id"], how="full", coalesce=True)
        .with_columns(
            pl.col(*sums).fill_null(0.0),
            pl.col(*counts).fill_null(0).cast(pl.UInt32),
        )
        .sort("dt", "contact_id")
    )
