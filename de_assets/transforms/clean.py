"""Raw rows to typed, deduplicated rows of the cleaned tables; one function a table.

Every function takes the raw rows of one or more days with `dt`, `_row` (order of arrival) and
`_source`, and returns as many: the contract's columns, `_unparsed_*` masks, `_is_duplicate`, `dt`
and `_row`. How a column is read stands in the contract (`read=`); which rows keep it is not decided
here.
"""

from typing import Protocol

import polars as pl

from de_assets.contracts.base import columns, table_info
from de_assets.contracts.cleaned import (
    CleanedContacts,
    CleanedEvents,
    CleanedOrderLines,
    CleanedProducts,
)
from de_assets.transforms.deduplicate import mark_outdated, mark_redelivered
from de_assets.transforms.reading import UNREADABLE, moment_of, read_columns
from de_assets.transforms.tokens import TokenKey
from de_assets.transforms.typing import Dialect, to_text


class Clean(Protocol):
    """What each of these functions is: raw rows, a dialect and a key in, typed rows out."""

    def __call__(self, raw: pl.LazyFrame, dialect: Dialect, token_key: TokenKey) -> pl.LazyFrame:
        """Type the rows and mark the duplicates."""


def clean_order_lines(raw: pl.LazyFrame, dialect: Dialect, token_key: TokenKey) -> pl.LazyFrame:
    """Delivered lines to distinct order lines; the same line from two files counts once."""
    typed = read_columns(CleanedOrderLines, raw, dialect, token_key)
    return (
        mark_redelivered(typed, _content(CleanedOrderLines))
        .with_columns(is_cancellation=is_cancellation(dialect))
        .drop(UNREADABLE, "_source")
    )


def is_cancellation(dialect: Dialect) -> pl.Expr:
    """Whether a line takes back an earlier one: by the declared prefix, else by its sign."""
    if dialect.cancellation_prefix is None:
        return (pl.col("quantity") < 0).fill_null(value=False)
    prefix = dialect.cancellation_prefix.upper()
    return pl.col("order_id").str.to_uppercase().str.starts_with(prefix).fill_null(value=False)


def clean_events(raw: pl.LazyFrame, dialect: Dialect, token_key: TokenKey) -> pl.LazyFrame:
    """Delivered events to distinct events: by the tracker's id, else by content as order lines."""
    typed = read_columns(CleanedEvents, raw, dialect, token_key)
    has_id = pl.col("event_id").is_not_null()
    return pl.concat(
        [
            mark_outdated(typed.filter(has_id), ["event_id"]),
            mark_redelivered(typed.filter(~has_id), _content(CleanedEvents)).drop("line_number"),
        ]
    ).drop(UNREADABLE, "_source")


def clean_products(raw: pl.LazyFrame, dialect: Dialect, token_key: TokenKey) -> pl.LazyFrame:
    """Delivered catalogue rows to one row a product, the last one delivered."""
    typed = read_columns(CleanedProducts, raw, dialect, token_key)
    key = table_info(CleanedProducts).unique_by
    return mark_outdated(typed, key).drop(UNREADABLE, "_source")


def clean_contacts(raw: pl.LazyFrame, dialect: Dialect, token_key: TokenKey) -> pl.LazyFrame:
    """Delivered contacts to the latest version of each, direct identifiers as keyed tokens."""
    names = [to_text(name, dialect).is_not_null() for name in ("first_name", "last_name")]
    typed = read_columns(
        CleanedContacts,
        raw,
        dialect,
        token_key,
        has_name=pl.any_horizontal(names),
        is_company=to_text("company", dialect).is_not_null(),
        _modified_at=moment_of("modified_at", CleanedContacts, dialect),
    )
    # The latest version is the one changed last; where two changed together, the one read last.
    return (
        typed.rename({"_row": "_arrived"})
        .sort("_modified_at", "_arrived", nulls_last=False)
        .with_row_index("_row")
        .pipe(mark_outdated, table_info(CleanedContacts).unique_by)
        .with_columns(_row=pl.col("_arrived"))
        .drop("_arrived", "_modified_at", UNREADABLE, "_source")
    )


def _content(contract: type[CleanedOrderLines | CleanedEvents]) -> list[str]:
    """What makes two lines the same: all that was delivered, readable or not."""
    return [*(info.name for info in columns(contract) if info.read), UNREADABLE]
