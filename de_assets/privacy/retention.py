"""Removes what is older than its contract allows: partitions of a table, values of a column.

Age is counted from the newest day of the calendar, not from the clock of the machine, so that a
company whose data ends in 2011 keeps what it has. Used by the job `retention` and the command
`de-assets sweep`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl

from de_assets.contracts.base import ColumnInfo, Contract, columns, table_info
from de_assets.contracts.crm import Receipts
from de_assets.contracts.tables import TABLES
from de_assets.privacy.audit_log import AuditLog
from de_assets.privacy.holders import personal_prefixes
from de_assets.privacy.tables import receipts_of_others, rows_of
from de_assets.sources.config import Calendar
from de_assets.storage.lake import FILE_NAME, Lake

ACTION = "retention"
# Longer than any write takes: an upload that is older was left by a process that died.
UPLOADS_LIVE_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Overdue:
    """What is to be removed of one partition.

    Attributes:
        table: Asset key.
        day: The partition.
        columns: Columns whose values go; empty: the whole partition.
    """

    table: str
    day: date
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Swept:
    """What a sweep did, or would do.

    Attributes:
        overdue: What was removed.
        old_versions: Old versions of objects that were removed with it.
    """

    overdue: tuple[Overdue, ...]
    old_versions: int = 0

    def counts(self) -> dict[str, int]:
        """Numbers for the audit log."""
        return {
            "partitions": sum(not each.columns for each in self.overdue),
            "partitions_without_columns": sum(bool(each.columns) for each in self.overdue),
            "old_versions": self.old_versions,
        }


def newest_day(calendar: Calendar, *, today: date | None = None) -> date:
    """The day from which age is counted: the calendar's last, else yesterday (UTC)."""
    if calendar.end is not None:
        return calendar.end
    return (today or datetime.now(UTC).date()) - timedelta(days=1)


def overdue(lake: Lake, newest: date) -> Iterator[Overdue]:
    """All that is older than its contract allows, by table and day; nothing is changed.

    A partition is kept for `retention_days` days, its own included. Tables without days are made
    anew by each run, out of partitions that keep to their own retention.
    """
    for key, contract in TABLES.items():
        info = table_info(contract)
        if not info.is_daily:
            continue
        for day in lake.days(key):
            age = (newest - day).days
            if info.retention_days is not None and age >= info.retention_days:
                yield Overdue(key, day)
            elif names := _columns_overdue(lake, contract, day, age):
                yield Overdue(key, day, names)
    kept_for = table_info(Receipts).retention_days
    for key in receipts_of_others(lake):
        for day in lake.days(key):
            if kept_for is not None and (newest - day).days >= kept_for:
                yield Overdue(key, day)


def sweep(lake: Lake, newest: date, audit_log: AuditLog, *, dry_run: bool = False) -> Swept:
    """Remove what is overdue, what the bucket keeps of it, and what was never finished.

    Killed in the middle, the next sweep does the rest. One entry in the audit log says how much,
    if there was anything to do.

    Args:
        lake: The tables.
        newest: The day from which age is counted.
        audit_log: Where the entry goes.
        dry_run: Only say what would be removed.

    Raises:
        StorageError: the lake refuses; what was removed stays so.
    """
    found = tuple(overdue(lake, newest))
    if dry_run:
        return Swept(found)
    for each in found:
        if each.columns:
            frame = rows_of(lake, each.table, [each.day]).drop("dt").collect()
            nulled = [pl.lit(None, frame.schema[name]).alias(name) for name in each.columns]
            lake.write(each.table, frame.with_columns(nulled), each.day)
        else:
            lake.objects.delete(f"{each.table}/dt={each.day}/{FILE_NAME}")
    before = datetime.now(UTC) - UPLOADS_LIVE_FOR
    purged = sum(
        lake.objects.purge(prefix, uploads_before=before) for prefix in personal_prefixes()
    )
    swept = Swept(found, purged)
    if any(swept.counts().values()):
        audit_log.append(ACTION, details=swept.counts())
    return swept


def _columns_overdue(lake: Lake, contract: type[Contract], day: date, age: int) -> tuple[str, ...]:
    """Columns that may no longer have values on a day, and have."""
    table = table_info(contract)
    late = [info for info in columns(contract) if _is_late(info, table.retention_days, age)]
    if not late:
        return ()
    rows = rows_of(lake, table.key, [day])
    there = rows.collect_schema().names()
    names = [info.name for info in late if info.name in there]
    if not names:
        return ()
    filled = rows.select(pl.col(names).is_not_null().any()).collect()
    return tuple(name for name in names if filled[name].item())


def _is_late(info: ColumnInfo, table_days: int | None, age: int) -> bool:
    days = info.retention_days
    return days is not None and days != table_days and info.is_nullable and age >= days
