"""Raw rows to typed, deduplicated rows of the cleaned tables; one function a table.

Every function takes the raw rows of one or more days with `dt`, `_row` (order of arrival) and
`_source`, and returns as many: the contract's columns, `_unparsed_*` masks, `_is_duplicate`, `dt`
and `_row`. Which rows keep the contract is not decided here.
"""

from typing import Protocol

import polars as pl
import polars.selectors as cs

from de_assets.transforms.dates import DEFAULT_FORMATS, to_datetime, to_datetime_on_day
from de_assets.transforms.deduplicate import mark_outdated, mark_redelivered
from de_assets.transforms.tokens import tokenise
from de_assets.transforms.typing import (
    Dialect,
    present,
    to_code,
    to_identifier,
    to_label,
    to_number,
    to_text,
    unparsed,
)


class Clean(Protocol):
    """What each of these functions is: raw rows and a dialect in, typed rows out."""

    def __call__(self, raw: pl.LazyFrame, dialect: Dialect) -> pl.LazyFrame:
        """Type the rows and mark the duplicates."""


def clean_order_lines(raw: pl.LazyFrame, dialect: Dialect) -> pl.LazyFrame:
    """Delivered lines to distinct order lines; the same line from two files counts once."""
    quantity = to_number("quantity", dialect)
    unit_price = to_number("unit_price", dialect)
    ordered_at = _moment_of_the_day("ordered_at", dialect)
    typed = _without_nan(raw).select(
        to_identifier("order_id", dialect),
        to_code("product_id", dialect),
        to_text("description", dialect),
        quantity.alias("quantity"),
        unit_price.alias("unit_price"),
        ordered_at.alias("ordered_at"),
        to_identifier("contact_id", dialect),
        to_text("country", dialect),
        unparsed("quantity", quantity, dialect),
        unparsed("unit_price", unit_price, dialect),
        unparsed("ordered_at", ordered_at, dialect),
        _unreadable_text(dialect, quantity=quantity, unit_price=unit_price, ordered_at=ordered_at),
        *_arrival(),
    )
    return (
        mark_redelivered(typed, ORDER_LINE_CONTENT)
        .with_columns(is_cancellation=is_cancellation(dialect))
        .drop("_unreadable", "_source")
    )


ORDER_LINE_CONTENT = (
    "order_id",
    "product_id",
    "description",
    "quantity",
    "unit_price",
    "ordered_at",
    "contact_id",
    "country",
    "_unreadable",
)


def is_cancellation(dialect: Dialect) -> pl.Expr:
    """Whether a line takes back an earlier one: by the declared prefix, else by its sign."""
    if dialect.cancellation_prefix is None:
        return (pl.col("quantity") < 0).fill_null(value=False)
    prefix = dialect.cancellation_prefix.upper()
    return pl.col("order_id").str.to_uppercase().str.starts_with(prefix).fill_null(value=False)


def clean_events(raw: pl.LazyFrame, dialect: Dialect) -> pl.LazyFrame:
    """Delivered events to distinct events: by the tracker's id, else by content as order lines."""
    occurred_at = _moment_of_the_day("occurred_at", dialect)
    columns = [
        to_identifier("event_id", dialect),
        occurred_at.alias("occurred_at"),
        to_label("event_type", dialect),
        to_identifier("contact_id", dialect),
        to_identifier("visitor_id", dialect),
        to_identifier("session_id", dialect),
        to_code("product_id", dialect),
        to_label("channel", dialect),
    ]
    typed = _without_nan(raw).select(
        *columns,
        unparsed("occurred_at", occurred_at, dialect),
        _unreadable_text(dialect, occurred_at=occurred_at),
        *_arrival(),
    )
    content = [*(column.meta.output_name() for column in columns), "_unreadable"]
    has_id = pl.col("event_id").is_not_null()
    return pl.concat(
        [
            mark_outdated(typed.filter(has_id), ["event_id"]),
            mark_redelivered(typed.filter(~has_id), content).drop("line_number"),
        ]
    ).drop("_unreadable", "_source")


def clean_products(raw: pl.LazyFrame, dialect: Dialect) -> pl.LazyFrame:
    """Delivered catalogue rows to one row a product, the last one delivered."""
    unit_price = to_number("unit_price", dialect)
    return mark_outdated(
        _without_nan(raw).select(
            to_code("product_id", dialect),
            to_text("name", dialect),
            to_text("category", dialect),
            unit_price.alias("unit_price"),
            unparsed("unit_price", unit_price, dialect),
            *_arrival(),
        ),
        ["product_id"],
    ).drop("_source")


def clean_contacts(raw: pl.LazyFrame, dialect: Dialect, *, pii_key: bytes) -> pl.LazyFrame:
    """Delivered contacts to the latest version of each, direct identifiers as keyed tokens."""
    created_at = _moment("created_at", dialect)
    has_name = pl.any_horizontal(
        to_text("first_name", dialect).is_not_null(), to_text("last_name", dialect).is_not_null()
    )
    typed = _without_nan(raw).select(
        to_identifier("contact_id", dialect),
        to_identifier("crm_id", dialect),
        _token(to_text("email", dialect), pii_key).alias("email_token"),
        _token(to_text("phone", dialect), pii_key).alias("phone_token"),
        has_name.alias("has_name"),
        to_text("company", dialect).is_not_null().alias("is_company"),
        to_text("country", dialect),
        to_label("channel", dialect),
        to_label("lifecycle_stage", dialect),
        created_at.alias("created_at"),
        unparsed("created_at", created_at, dialect),
        _moment("modified_at", dialect).alias("_modified_at"),
        pl.col("_row").alias("_arrived"),
        "dt",
    )
    # The latest version is the one changed last; where two changed together, the one read last.
    return (
        typed.sort("_modified_at", "_arrived", nulls_last=False)
        .with_row_index("_row")
        .pipe(mark_outdated, ["contact_id"])
        .with_columns(_row=pl.col("_arrived"))
        .drop("_arrived", "_modified_at")
    )


def _moment(name: str, dialect: Dialect) -> pl.Expr:
    return to_datetime(present(name, dialect), dialect.datetime_formats or DEFAULT_FORMATS)


def _moment_of_the_day(name: str, dialect: Dialect) -> pl.Expr:
    """The moment that put a row into its day; the day tells 10/2 in October from February."""
    if dialect.datetime_formats:
        return _moment(name, dialect)
    return to_datetime_on_day(present(name, dialect), pl.col("dt"))


def _without_nan(raw: pl.LazyFrame) -> pl.LazyFrame:
    """NaN is how a typed file without nulls says that there is nothing; as text it is a name."""
    return raw.with_columns(cs.float().fill_nan(None))


def _arrival() -> list[pl.Expr]:
    return [pl.col("dt"), pl.col("_row"), pl.col("_source")]


def _unreadable_text(dialect: Dialect, **typed: pl.Expr) -> pl.Expr:
    """The text of all values that could not be read: it is content too, and tells lines apart."""
    parts = [
        pl.when(value.is_null()).then(to_text(name, dialect)).fill_null("")
        for name, value in typed.items()
    ]
    return pl.concat_str(parts, separator="\x1f").alias("_unreadable")


def _token(value: pl.Expr, pii_key: bytes) -> pl.Expr:
    return value.map_batches(lambda series: tokenise(series, pii_key), return_dtype=pl.String)
