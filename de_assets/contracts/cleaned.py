"""The cleaned tables: rows that keep their contract, typed, deduplicated, identifiers as tokens.

Rows that break a rule stand in `quarantine/<entity>`, with the raw columns and the reasons.
"""

import pandera.polars as pa
import polars as pl

from de_assets.contracts.base import Contract, TableInfo, column

# A line of this many units is a data error in any shop; the largest real one seen is 80,995.
MOST_UNITS = 1_000_000
# Nor does one unit cost that much in any currency; the sums of amounts are sure to be finite so.
HIGHEST_PRICE = 1_000_000_000_000


class CleanedOrderLines(Contract):
    """One product on one order at one price."""

    order_id: pl.String = column("Order number as the shop writes it")
    line_number: pl.Int32 = column("Counts lines that are alike in every other column", ge=1)
    product_id: pl.String = column("Stock code, upper case")
    description: pl.String = column("What the shop calls the product", nullable=True)
    quantity: pl.Float64 = column(
        "Units; negative where they came back", ne=0, ge=-MOST_UNITS, le=MOST_UNITS
    )
    unit_price: pl.Float64 = column(
        "Price of one unit, in the currency of the sources file", ge=0, le=HIGHEST_PRICE
    )
    ordered_at: pl.Datetime("us") = column("When the order was placed, shop's own clock")
    contact_id: pl.String = column("Who ordered; null for a guest", pii="quasi", nullable=True)
    country: pl.String = column("Where the order goes", pii="quasi", nullable=True)
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
            )
        }

    @pa.dataframe_check(name="cancellation_is_not_a_sale")
    def cancellation_is_not_a_sale(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """A cancellation takes units back, so its quantity is negative."""
        return data.lazyframe.select(~pl.col("is_cancellation") | (pl.col("quantity") < 0))


class CleanedEvents(Contract):
    """One web event of a contact or of an anonymous visitor."""

    event_id: pl.String = column("The tracker's own id", nullable=True)
    occurred_at: pl.Datetime("us") = column("When it happened, UTC")
    event_type: pl.String = column("view, cart, purchase, email_open, ...; lower case")
    contact_id: pl.String = column("Whose event; null if anonymous", pii="quasi", nullable=True)
    visitor_id: pl.String = column("The browser's own id", pii="quasi", nullable=True)
    session_id: pl.String = column("The tracker's session", pii="quasi", nullable=True)
    product_id: pl.String = column("Which product it was about, upper case", nullable=True)
    channel: pl.String = column("Where the visit came from, lower case", nullable=True)

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

    @pa.dataframe_check(name="somebody_did_it")
    def somebody_did_it(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """An event has a contact, a visitor or a session; else nobody can be told about it."""
        return data.lazyframe.select(
            pl.any_horizontal(pl.col("contact_id", "visitor_id", "session_id").is_not_null())
        )


class CleanedProducts(Contract):
    """One product of the catalogue."""

    product_id: pl.String = column("Stock code, upper case")
    name: pl.String = column("Name in the catalogue", nullable=True)
    category: pl.String = column("Category in the catalogue", nullable=True)
    unit_price: pl.Float64 = column("List price of one unit", nullable=True, ge=0)

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

    contact_id: pl.String = column("Our key of the contact, kept by the CRM", pii="quasi")
    crm_id: pl.String = column("The CRM's own key", pii="quasi", nullable=True)
    email_token: pl.String = column("Keyed token of the e-mail", pii="quasi", nullable=True)
    phone_token: pl.String = column("Keyed token of the phone", pii="quasi", nullable=True)
    has_name: pl.Boolean = column("Whether the CRM knows a name")
    is_company: pl.Boolean = column("Whether a company name is known")
    country: pl.String = column("Country", pii="quasi", nullable=True)
    channel: pl.String = column("Where the contact came from, lower case", nullable=True)
    lifecycle_stage: pl.String = column("The CRM's stage, lower case", nullable=True)
    created_at: pl.Datetime("us") = column("When the CRM made the record, UTC", nullable=True)

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
