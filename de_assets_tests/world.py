"""One small, awkward shop as constants, and the builders that make frames of them.

ANNA buys, takes back and visits; BORIS stands in the CRM and only visits; CLARA is known from her
orders alone; DORA stands in the CRM and never came; a guest bought once; a visitor stayed unknown.
"""

from datetime import date, datetime, timedelta

import polars as pl

from de_assets.contracts.base import polars_schema, table_info
from de_assets.contracts.source_tables import SOURCE_TABLES
from de_assets.contracts.tables import TABLES
from de_assets.transforms.typing import Dialect

PII_KEY = b"a key for tests, 32 bytes long.."
DIALECT = Dialect(null_values=("NULL",), cancellation_prefix="C")

ANNA, BORIS, CLARA, DORA = "17850", "13047", "12583", "14688"
VISITOR = "v-77"
MONDAY = date(2011, 3, 7)
TUESDAY = MONDAY + timedelta(days=1)

# source, order_id, product_id, description, quantity, ordered_at, unit_price, contact_id, country
ORDER_LINES = [
    # A float-like id, a code in lower case, blanks around the description.
    ("monday", "536365", "85123a", " HOLDER ", "6", "2011-03-07 08:26:00", "2.55", "17850.0", "UK"),
    # The same line twice in one file: two lines.
    ("monday", "536366", "71053", "LANTERN", "1", "2011-03-07 09:00:00", "3.39", "17850.0", "UK"),
    ("monday", "536366", "71053", "LANTERN", "1", "2011-03-07 09:00:00", "3.39", "17850.0", "UK"),
    # A guest, a declared null, a price of nothing.
    ("monday", "536367", "POST", "NULL", "1", "2011-03-07 10:00:00", "0", "", "France"),
    # CLARA, who is not in the CRM.
    ("monday", "536368", "85123A", "HOLDER", "2", "2011-03-07 11:00:00", "2.55", "12583", "France"),
    # ANNA takes two of her six back, a day later.
    ("monday", "C536369", "85123A", "HOLDER", "-2", "2011-03-08 09:00:00", "2.55", "17850", "UK"),
    # Broken: a price below zero, a quantity that is no number, a cancellation that sells.
    ("monday", "A536370", "B", "Adjust bad debt", "1", "2011-03-07 12:00:00", "-10.5", "", "UK"),
    ("monday", "536371", "71053", "LANTERN", "a few", "2011-03-07 12:30:00", "3.39", "17850", "UK"),
    ("monday", "C536372", "71053", "LANTERN", "1", "2011-03-08 10:00:00", "3.39", "17850", "UK"),
    # Delivered again by another file, once more often than before in one of two cases.
    ("again", "536365", "85123A", "HOLDER", "6", "2011-03-07 08:26:00", "2.55", "17850", "UK"),
    ("again", "536365", "85123A", "HOLDER", "6", "2011-03-07 08:26:00", "2.55", "17850", "UK"),
    ("again", "536366", "71053", "LANTERN", "1", "2011-03-07 09:00:00", "3.39", "17850", "UK"),
]  # fmt: skip

# source, event_id, occurred_at, event_type, contact_id, visitor_id, session_id, product_id, channel
EVENTS = [
    # Around midnight, the session not named by the tracker.
    ("events", "e1", "2011-03-07 23:50:00", "View", ANNA, "v-1", "", "85123a", "Email"),
    ("events", "e2", "2011-03-08 00:05:00", "cart", ANNA, "v-1", "", "85123A", "email"),
    # Around midnight, the session named; the visitor turns out to be BORIS.
    ("events", "e3", "2011-03-07 23:58:00", "view", "", "v-2", "s-9", "71053", "search"),
    ("events", "e4", "2011-03-08 00:01:00", "view", BORIS, "v-2", "s-9", "71053", "direct"),
    # Nobody knows who this is; one event has no id of its own and came twice in one delivery.
    ("events", "", "2011-03-07 12:00:00", "view", "", VISITOR, "", "71053", "search"),
    ("events", "", "2011-03-07 12:00:00", "view", "", VISITOR, "", "71053", "search"),
    ("events", "e6", "2011-03-07 12:45:00", "view", "", VISITOR, "", "71053", "search"),
    # Delivered again, and changed since: the later version counts.
    ("events_2", "e6", "2011-03-07 12:45:00", "purchase", "", VISITOR, "", "71053", "search"),
    # Broken: nobody did it.
    ("events", "e7", "2011-03-07 13:00:00", "view", "", "", "", "71053", "search"),
]

# source, product_id, name, category, unit_price
PRODUCTS = [
    ("catalogue", "85123a", "White holder", "Candles", "2.55"),
    ("catalogue", "85123A", "White hanging holder", "Candles", "2.60"),
    ("catalogue", "99999", "Never sold", "", ""),
    ("catalogue", "88888", "Priced in words", "Gifts", "on request"),
]

# source, contact_id, crm_id, email, first_name, last_name, phone, company, country, channel,
# lifecycle_stage, created_at, modified_at
CONTACTS = [
    ("crm", "17850.0", "1", "anna@example.com", "Anna", "", "+44 20 7946 0000", "", "UK", "Email",
     "Lead", "2011-03-01T00:00:00Z", "2011-03-07T08:00:00Z"),
    ("crm", ANNA, "1", " Anna@Example.com ", "Anna", "", "442079460000", "", "UK", "email",
     "customer", "2011-03-01T00:00:00Z", "2011-03-07T20:00:00Z"),
    ("crm", BORIS, "2", "boris@example.com", "", "", "", "Boris Ltd", "", "search",
     "lead", "2011-03-07T00:00:00Z", "2011-03-07T09:00:00Z"),
    ("crm", DORA, "3", "", "", "", "", "", "Spain", "",
     "", "never", "2011-03-07T09:00:00Z"),
]  # fmt: skip

_ROWS = {"order_lines": ORDER_LINES, "events": EVENTS, "products": PRODUCTS, "contacts": CONTACTS}
COLUMNS = {
    "order_lines": "order_id product_id description quantity ordered_at unit_price contact_id "
    "country",
    "events": "event_id occurred_at event_type contact_id visitor_id session_id product_id channel",
    "products": "product_id name category unit_price",
    "contacts": "contact_id crm_id email first_name last_name phone company country channel "
    "lifecycle_stage created_at modified_at",
}
_FLOATS = ("quantity", "unit_price")


def moment(text: str) -> datetime:
    """A naive moment from ISO text, as the tables hold it."""
    return datetime.fromisoformat(text)


def raw(name: str, rows: list[tuple[str, ...]] | None = None) -> pl.LazyFrame:
    """Raw rows of a source table, as text: `_source`, its columns, `dt` and `_row`."""
    source = SOURCE_TABLES[name]
    chosen = _ROWS[name] if rows is None else rows
    frame = pl.DataFrame(
        chosen, schema=dict.fromkeys(["_source", *COLUMNS[name].split()], pl.String), orient="row"
    )
    day = pl.lit(None, pl.Date)
    if source.day_column:
        day = pl.col(source.day_column).str.head(10).str.to_date(strict=False)
    return frame.with_columns(dt=day).with_row_index("_row").lazy()


def as_parquet(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The same rows with the types that a typed file has; what cannot be typed is null."""
    frame = rows.collect()
    typed = []
    for name in frame.columns:
        text = pl.col(name)
        if name in _FLOATS:
            typed.append(text.cast(pl.Float64, strict=False))
        elif name.endswith("_at"):
            typed.append(
                pl.coalesce(
                    text.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False),
                    text.str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False),
                )
            )
        elif name == "contact_id":
            # As a frame with gaps leaves it: floats, and NaN for nothing.
            typed.append(text.cast(pl.Float64, strict=False).fill_null(float("nan")))
    return frame.with_columns(typed).lazy()


def table(key: str, *rows: dict[str, object]) -> pl.LazyFrame:
    """Rows of a table of the lake by its contract's columns and types; absent values are null."""
    contract = TABLES[key]
    schema = dict(polars_schema(contract))
    if table_info(contract).is_daily:
        schema["dt"] = pl.Date()
    return pl.DataFrame(list(rows), schema=schema, orient="row").lazy()


def order_line(at: datetime, **values: object) -> dict[str, object]:
    """A row of `cleaned/order_lines`: ANNA buys one lantern for 3."""
    usual = {
        "order_id": "1",
        "line_number": 1,
        "product_id": "71053",
        "quantity": 1.0,
        "unit_price": 3.0,
        "ordered_at": at,
        "contact_id": ANNA,
        "is_cancellation": False,
        "dt": at.date(),
    }
    return usual | values


def event(at: datetime, **values: object) -> dict[str, object]:
    """A row of `cleaned/events`: ANNA looks at a page."""
    return {"occurred_at": at, "event_type": "view", "contact_id": ANNA, "dt": at.date()} | values


def crm_record(day: date, **values: object) -> dict[str, object]:
    """A row of `cleaned/contacts`: ANNA, as read on a day."""
    usual = {
        "contact_id": ANNA,
        "crm_id": "1",
        "has_name": True,
        "is_company": False,
        "lifecycle_stage": "lead",
        "dt": day,
    }
    return usual | values


def active_day(day: date, **values: object) -> dict[str, object]:
    """A row of `modeled/contact_daily`: nothing of anything, but for what is given."""
    counts = (
        "orders order_lines products cancelled_lines sessions views carts email_opens "
        "email_clicks forms"
    )
    usual: dict[str, object] = dict.fromkeys(counts.split(), 0)
    usual |= dict.fromkeys(("units", "revenue", "cancelled_revenue"), 0.0)
    return usual | {"contact_id": ANNA, "dt": day} | values


def known_contact(since: date, **values: object) -> dict[str, object]:
    """A row of `modeled/dim_contact`: one version of ANNA that holds to this day."""
    usual = {
        "contact_id": ANNA,
        "valid_from": since,
        "is_current": True,
        "is_in_crm": True,
        "first_seen_on": since,
    }
    return usual | values
