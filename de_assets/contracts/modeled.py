"""The star schema: dimensions, facts, and the daily rollup that features are made of."""

import polars as pl

from de_assets.contracts.base import Contract, TableInfo, column, row_rule


class DimContact(Contract):
    """Every contact that we know of, from the CRM or from what it did; slowly changing, type 2."""

    contact_id: pl.String = column("Our key of the contact", pii="quasi")
    valid_from: pl.Date = column("First day on which these values were seen")
    valid_to: pl.Date = column("Last day on which they held; null now", nullable=True)
    is_current: pl.Boolean = column("Whether this is the newest version")
    is_in_crm: pl.Boolean = column("Whether the CRM holds the contact")
    crm_id: pl.String = column("The CRM's own key", pii="quasi", nullable=True)
    is_company: pl.Boolean = column(
        "Whether the contact is a company",
        nullable=True,
    )
    country: pl.String = column(
        "Country: the CRM's, else of the first order", pii="quasi", nullable=True
    )
    channel: pl.String = column("Where the contact came from", nullable=True)
    lifecycle_stage: pl.String = column("The CRM's stage", nullable=True)
    created_on: pl.Date = column("Day of the CRM's record", nullable=True)
    first_seen_on: pl.Date = column("First day of any trace: record, order line or event")

    class Config:
        """The table."""

        metadata = {
            "table": TableInfo(
                "modeled/dim_contact",
                "Contacts, with the history of what the CRM said of them",
                "one contact and one period of unchanged values",
                owner="team:sales-ops",
                unique_by=("contact_id", "valid_from"),
            )
        }

    period_is_not_empty = row_rule(
        "period_is_not_empty",
        "A version holds for a day or longer.",
        pl.col("valid_to").is_null() | (pl.col("valid_to") >= pl.col("valid_from")),
    )

    current_is_open = row_rule(
        "current_is_open",
        "The newest version, and no other, has no end.",
        pl.col("is_current") == pl.col("valid_to").is_null(),
    )


class DimProduct(Contract):
    """Every product of the catalogue or of any order line."""

    product_id: pl.String = column("Stock code")
    name: pl.String = column("Catalogue name, else the commonest description", nullable=True)
    category: pl.String = column("Catalogue category", nullable=True)
    unit_price: pl.Float64 = column("List price, else the median sold at", nullable=True, ge=0)
    first_ordered_on: pl.Date = column("Day of its first order line", nullable=True)
    is_in_catalogue: pl.Boolean = column("Whether the catalogue lists it")

    class Config:
        """The table."""

        metadata = {
            "table": TableInfo(
                "modeled/dim_product",
                "Products of the catalogue and of the order lines",
                "one product",
                owner="team:commerce",
                unique_by=("product_id",),
            )
        }


class FctOrderLine(Contract):
    """Order lines with their revenue; cancellations know what they cancel."""

    order_id: pl.String = column("Order number")
    line_number: pl.Int32 = column("Counts lines that are alike", ge=1)
    product_id: pl.String = column("Stock code")
    contact_id: pl.String = column("Who ordered; null for a guest", pii="quasi", nullable=True)
    ordered_at: pl.Datetime("us") = column("When the order was placed")
    quantity: pl.Float64 = column("Units; negative where they came back")
    unit_price: pl.Float64 = column("Price of one unit", ge=0)
    revenue: pl.Float64 = column("Units times price; negative where money went back")
    is_cancellation: pl.Boolean = column("Whether the line takes back an earlier one")
    cancelled_order_id: pl.String = column("The order that it takes back", nullable=True)
    cancellation_lag_days: pl.Int32 = column("Days since that order", nullable=True, ge=0)

    class Config:
        """The table."""

        metadata = {
            "table": TableInfo(
                "modeled/fct_order_line",
                "Order lines with revenue and matched cancellations",
                "one order line",
                owner="team:commerce",
                is_daily=True,
                day_column="ordered_at",
                on_erasure="anonymise",
            )
        }

    only_cancellations_cancel = row_rule(
        "only_cancellations_cancel",
        "A sale takes back nothing.",
        pl.col("is_cancellation") | pl.col("cancelled_order_id").is_null(),
    )


class FctSession(Contract):
    """Web sessions: runs of events of one visitor without a long pause."""

    session_id: pl.String = column(
        "The tracker's session, else made from who came and when", pii="quasi"
    )
    contact_id: pl.String = column("Whose session, once known", pii="quasi", nullable=True)
    started_at: pl.Datetime("us") = column("First event, UTC")
    ended_at: pl.Datetime("us") = column("Last event, UTC")
    channel: pl.String = column("Where the session came from", nullable=True)
    events: pl.UInt32 = column("Number of events", ge=1)
    views: pl.UInt32 = column("Number of page or product views")
    carts: pl.UInt32 = column("Number of products put in the cart")
    purchases: pl.UInt32 = column("Number of purchases")
    email_opens: pl.UInt32 = column("Number of e-mails opened")
    email_clicks: pl.UInt32 = column("Number of links in e-mails followed")
    forms: pl.UInt32 = column("Number of forms sent")
    products: pl.UInt32 = column("Number of different products")

    class Config:
        """The table."""

        metadata = {
            "table": TableInfo(
                "modeled/fct_session",
                "Web sessions of contacts and visitors",
                "one session of one day",
                owner="team:web",
                is_daily=True,
                unique_by=("session_id",),
                retention_days=800,
                day_column="started_at",
            )
        }

    ends_after_it_starts = row_rule(
        "ends_after_it_starts",
        "No session ends before it starts.",
        pl.col("ended_at") >= pl.col("started_at"),
    )


class ContactDaily(Contract):
    """What a contact did on a day: the rollup that features read instead of the facts."""

    contact_id: pl.String = column("Our key of the contact", pii="quasi")
    orders: pl.UInt32 = column("Orders placed, cancellations not counted")
    order_lines: pl.UInt32 = column("Lines on those orders")
    units: pl.Float64 = column("Units on those orders", ge=0)
    products: pl.UInt32 = column("Different products on those orders")
    revenue: pl.Float64 = column("Value of those orders", ge=0)
    cancelled_lines: pl.UInt32 = column("Lines taken back that day")
    cancelled_revenue: pl.Float64 = column("Value taken back that day", ge=0)
    sessions: pl.UInt32 = column("Web sessions")
    views: pl.UInt32 = column("Page or product views")
    carts: pl.UInt32 = column("Products put in the cart")
    email_opens: pl.UInt32 = column("E-mails opened")
    email_clicks: pl.UInt32 = column("Links in e-mails followed")
    forms: pl.UInt32 = column("Forms sent")

    class Config:
        """The table."""

        metadata = {
            "table": TableInfo(
                "modeled/contact_daily",
                "What each contact did on each day",
                "one contact and one day on which it did something",
                owner="team:sales-ops",
                is_daily=True,
                unique_by=("contact_id",),
            )
        }
