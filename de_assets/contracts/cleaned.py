"""The cleaned tables: rows that keep their contract, typed, deduplicated, identifiers as tokens.

Rows that break a rule stand in `quarantine/<entity>`, with the raw columns and the reasons.
"""

import polars as pl

from de_assets.contracts.base import Contract, TableInfo, column, row_rule

# A line of this many units is a data error in any shop; the largest real one seen is 80,995.
MOST_UNITS = 1_000_000
# Nor does one unit cost that much in any currency; the sums of amounts are sure to be finite so.
HIGHEST_PRICE = 1_000_000_000_000


class CleanedOrderLines(Contract):
    """One product on one order at one price."""

    order_id: pl.String = column("Order number as the shop writes it", read="identifier")
    line_number: pl.Int32 = column("Counts lines that are alike in every other column", ge=1)
    product_id: pl.String = column("Stock code, upper case", read="code")
    description: pl.String = column(
        "What the shop calls the product", nullable=True, read="text", follows="product_id"
    )
    quantity: pl.Float64 = column(
        "Units; negative where they came back",
        read="number",
        ne=0,
        ge=-MOST_UNITS,
        le=MOST_UNITS,
    )
    unit_price: pl.Float64 = column(
        "Price of one unit, in the currency of the sources file",
        read="number",
        follows="product_id",
        ge=0,
        le=HIGHEST_PRICE,
    )
    ordered_at: pl.Datetime("us") = column(
        "When the order was placed, shop's own clock", read="moment", follows="order_id"
    )
    contact_id: pl.String = column(
        "Who ordered; null for a guest",
        pii="quasi",
        nullable=True,
        read="identifier",
        follows="order_id",
    )
    country: pl.String = column(
        "Where the order goes", pii="quasi", nullable=True, read="text", follows="order_id"
    )
    is_cancellation: pl.Boolean = column("Whether the line takes back an earlier one")

    class Config:
        """The table."""

        metadata = {
            "table": TableInfo(
                "cleaned/order_lines",
                "Order lines, typed and deduplicated",
                "one order line as delivered",
                owner="team:commerce",
                is_daily=True,
                day_column="ordered_at",
                on_erasure="anonymise",
            )
        }

    cancellation_is_not_a_sale = row_rule(
        "cancellation_is_not_a_sale",
        "A cancellation takes units back, so its quantity is negative.",
        ~pl.col("is_cancellation") | (pl.col("quantity") < 0),
    )


class CleanedEvents(Contract):
    """One web event of a contact or of an anonymous visitor."""

    event_id: pl.String = column("The tracker's own id", nullable=True, read="identifier")
    occurred_at: pl.Datetime("us") = column("When it happened, UTC", read="moment")
    event_type: pl.String = column(
        "view, cart, purchase, email_open, ...; lower case", read="label", watch=True
    )
    contact_id: pl.String = column(
        "Whose event; null if anonymous",
        pii="quasi",
        nullable=True,
        read="identifier",
        follows="session_id",
    )
    visitor_id: pl.String = column(
        "The browser's own id", pii="quasi", nullable=True, read="identifier", follows="session_id"
    )
    session_id: pl.String = column(
        "The tracker's session", pii="quasi", nullable=True, read="identifier"
    )
    product_id: pl.String = column(
        "Which product it was about, upper case", nullable=True, read="code"
    )
    channel: pl.String = column(
        "Where the visit came from, lower case",
        nullable=True,
        read="label",
        watch=True,
        follows="session_id",
    )

    class Config:
        """The table."""

        metadata = {
            "table": TableInfo(
                "cleaned/events",
                "Web events, typed and deduplicated",
                "one event",
                owner="team:web",
                is_daily=True,
                retention_days=800,
                day_column="occurred_at",
            )
        }

    somebody_did_it = row_rule(
        "somebody_did_it",
        "An event has a contact, a visitor or a session; else nobody can be told about it.",
        pl.any_horizontal(
            pl.col(name).is_not_null() for name in ("contact_id", "visitor_id", "session_id")
        ),
    )


class CleanedProducts(Contract):
    """One product of the catalogue."""

    product_id: pl.String = column("Stock code, upper case", read="code")
    name: pl.String = column("Name in the catalogue", nullable=True, read="text")
    category: pl.String = column("Category in the catalogue", nullable=True, read="text")
    unit_price: pl.Float64 = column("List price of one unit", nullable=True, read="number", ge=0)

    class Config:
        """The table."""

        metadata = {
            "table": TableInfo(
                "cleaned/products",
                "The catalogue, typed and deduplicated",
                "one product",
                owner="team:commerce",
                unique_by=("product_id",),
            )
        }


class CleanedContacts(Contract):
    """One contact as the CRM held it at the end of the day."""

    contact_id: pl.String = column(
        "Our key of the contact, kept by the CRM", pii="quasi", read="identifier"
    )
    crm_id: pl.String = column("The CRM's own key", pii="quasi", nullable=True, read="identifier")
    email_token: pl.String = column(
        "Keyed token of the e-mail", pii="quasi", nullable=True, read="token", source="email"
    )
    phone_token: pl.String = column(
        "Keyed token of the phone", pii="quasi", nullable=True, read="token", source="phone"
    )
    has_name: pl.Boolean = column(
        "Whether the CRM knows a name", declassified="one bit, whatever the name is"
    )
    is_company: pl.Boolean = column(
        "Whether a company name is known", declassified="one bit, whatever the name is"
    )
    country: pl.String = column("Country", pii="quasi", nullable=True, read="text")
    channel: pl.String = column(
        "Where the contact came from, lower case", nullable=True, read="label", watch=True
    )
    lifecycle_stage: pl.String = column(
        "The CRM's stage, lower case", nullable=True, read="label", watch=True
    )
    created_at: pl.Datetime("us") = column(
        "When the CRM made the record, UTC", nullable=True, read="moment"
    )

    class Config:
        """The table."""

        metadata = {
            "table": TableInfo(
                "cleaned/contacts",
                "Contacts changed that day, identifiers as tokens",
                "one contact, latest version of the day",
                owner="team:sales-ops",
                is_daily=True,
                unique_by=("contact_id",),
                retention_days=800,
            )
        }
