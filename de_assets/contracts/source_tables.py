"""The four tables that the world outside provides, by our column names.

Only names and the day they are partitioned by; types and rules begin in `cleaned.py`. The sources
file maps a supplier's columns to these.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class SourceTable:
    """A source table: every column we know, the ones it cannot do without, and its day.

    `direct_identifiers` name a person by themselves: they leave `raw` only as keyed tokens.
    """

    name: str
    columns: tuple[str, ...]
    required: tuple[str, ...]
    day_column: str | None
    direct_identifiers: tuple[str, ...] = ()
    quasi_identifiers: tuple[str, ...] = ()
    owner: str = "team:data-platform"


ORDER_LINES = SourceTable(
    "order_lines",
    columns=(
        "order_id",
        "product_id",
        "description",
        "quantity",
        "ordered_at",
        "unit_price",
        "contact_id",
        "country",
    ),
    required=("order_id", "product_id", "quantity", "ordered_at", "unit_price"),
    day_column="ordered_at",
    quasi_identifiers=("contact_id", "country"),
    owner="team:commerce",
)
EVENTS = SourceTable(
    "events",
    columns=(
        "event_id",
        "occurred_at",
        "event_type",
        "contact_id",
        "visitor_id",
        "session_id",
        "product_id",
        "channel",
    ),
    required=("occurred_at", "event_type"),
    day_column="occurred_at",
    quasi_identifiers=("contact_id", "visitor_id", "session_id"),
    owner="team:web",
)
PRODUCTS = SourceTable(
    "products",
    columns=("product_id", "name", "category", "unit_price"),
    required=("product_id",),
    day_column=None,
    owner="team:commerce",
)
CONTACTS = SourceTable(
    "contacts",
    columns=(
        "contact_id",
        "crm_id",
        "email",
        "first_name",
        "last_name",
        "phone",
        "company",
        "country",
        "channel",
        "lifecycle_stage",
        "created_at",
        "modified_at",
    ),
    required=("contact_id",),
    day_column="modified_at",
    direct_identifiers=("email", "first_name", "last_name", "phone", "company"),
    quasi_identifiers=("contact_id", "crm_id", "country"),
    owner="team:sales-ops",
)
SOURCE_TABLES = {table.name: table for table in (ORDER_LINES, EVENTS, PRODUCTS, CONTACTS)}
