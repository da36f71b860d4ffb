"""The four tables that the world outside provides, by our column names.

They follow from the cleaned tables: a column that is declared there with `read=` is a column here.
Only what is read but does not get into a cleaned column of its own is named here. The sources file
maps a supplier's columns to these.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from de_assets.contracts.base import (
    Contract,
    OnErasure,
    Pii,
    TableInfo,
    columns,
    table_info,
)
from de_assets.contracts.cleaned import (
    CleanedContacts,
    CleanedEvents,
    CleanedOrderLines,
    CleanedProducts,
)


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
    owner: str = TableInfo.owner
    on_erasure: OnErasure = "delete"


def source_table(
    cleaned: type[Contract],
    *,
    more: Mapping[str, Pii] | None = None,
    day_column: str | None = None,
) -> SourceTable:
    """The source table that a cleaned table is read from.

    Args:
        cleaned: The cleaned table.
        more: Columns that are read besides, and whom they could identify.
        day_column: The column whose date is the row's day, where the cleaned table does not say.
    """
    info = table_info(cleaned)
    read = [each for each in columns(cleaned) if each.read]
    classes: dict[str, Pii] = {
        each.source: "direct" if each.read == "token" else each.pii for each in read
    } | dict(more or {})
    return SourceTable(
        name=info.entity,
        columns=tuple(classes),
        required=tuple(each.source for each in read if not each.is_nullable),
        day_column=day_column or info.day_column,
        direct_identifiers=tuple(name for name, pii in classes.items() if pii == "direct"),
        quasi_identifiers=tuple(name for name, pii in classes.items() if pii == "quasi"),
        owner=info.owner,
        on_erasure=info.on_erasure,
    )


ORDER_LINES = source_table(CleanedOrderLines)
EVENTS = source_table(CleanedEvents)
PRODUCTS = source_table(CleanedProducts)
CONTACTS = source_table(
    CleanedContacts,
    more={
        "first_name": "direct",
        "last_name": "direct",
        "company": "direct",
        "modified_at": "none",
    },
    day_column="modified_at",
)
SOURCE_TABLES = {table.name: table for table in (ORDER_LINES, EVENTS, PRODUCTS, CONTACTS)}
