"""The tables of the lake as whole things: all their rows, and partition by partition.

A table that has no days is one partition, None. Used by erasure and retention.
"""

from collections.abc import Iterator
from datetime import date

import polars as pl

from de_assets.contracts.base import Contract, polars_schema, table_info
from de_assets.contracts.tables import TABLES
from de_assets.storage.lake import Lake

Day = date | None


def partitions_of(lake: Lake, key: str) -> list[Day]:
    """The partitions of a table that are there, ascending."""
    if table_info(TABLES[key]).is_daily:
        return list(lake.days(key))
    return [None] if lake.has(key) else []


def all_rows(lake: Lake, key: str) -> pl.LazyFrame | None:
    """Every row of a table, with `dt` (Date; null for a table without days); None if it is empty.

    Columns of raw may differ in type by day; they then come as the one that holds both.
    """
    days = partitions_of(lake, key)
    return rows_of(lake, key, days) if days else None


def rows_of(lake: Lake, key: str, days: list[Day]) -> pl.LazyFrame:
    """The rows of partitions that are there, with `dt` (Date)."""
    dated = [day for day in days if day is not None]
    if not dated:
        return lake.scan(key).with_columns(dt=pl.lit(None, pl.Date))
    if key.startswith("raw/"):
        return lake.scan_days_of_any_type(key, dated)
    return lake.scan_days(key, dated, polars_schema(TABLES[key]))


def receipts_of_others(lake: Lake) -> list[str]:
    """Keys `crm/<name>` of the receipts of destinations beside the CRM, with contract `Receipts`.

    A sources file names them, so no list of tables has them; one that was taken out of it since may
    have left some.
    """
    found = {"/".join(info.key.split("/")[:2]) for info in lake.objects.list("crm/")}
    return sorted(key for key in found if key not in TABLES and not key.startswith("crm/_"))


def personal_tables() -> Iterator[tuple[str, type[Contract]]]:
    """Keys and contracts of all tables with a contact, but for raw."""
    for key, contract in TABLES.items():
        if "contact_id" in contract.to_schema().columns and table_info(contract).stage != "raw":
            yield key, contract
