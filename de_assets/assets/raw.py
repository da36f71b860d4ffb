"""What arrived, as it arrived, filed by day; and the systems outside that it comes from."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from de_assets.assets.declare import (
    IO_MANAGER,
    asset_facts,
    check_specs,
    lake_of,
    run_days,
)
from de_assets.assets.publish import Publisher
from de_assets.checks.freshness import freshness_policy
from de_assets.checks.watch import arrival_watch
from de_assets.contracts.raw import RAW
from de_assets.contracts.source_tables import (
    CONTACTS,
    EVENTS,
    ORDER_LINES,
    PRODUCTS,
    SourceTable,
)
from de_assets.partitions import passes
from de_assets.privacy.tombstones import Tombstones
from de_assets.sources.catalog import SourceCatalog
from de_assets.sources.crm_contacts import all_contacts, changed_contacts
from de_assets.sources.files import FileSource
from de_assets.sources.index import IndexedDelivery
from de_assets.storage.table_io_manager import empty_frame

SOURCES = "sources"
ROWS_PER_PASS = 400_000
MOST_PROBLEMS_SHOWN = 20


class ContactsConfig(dg.Config):
    """How contacts are read from the CRM."""

    full_sweep: bool | None = Field(
        None,
        description=(
            "Read every contact as it is now and file it under the last day of the run. Left "
            "empty: if that is the newest day of the calendar. False: only contacts changed on "
            "the days of the run."
        ),
    )


def source_specs(catalog: SourceCatalog) -> Sequence[dg.AssetSpec]:
    """The systems outside, so that lineage begins where the data does."""
    kinds = {"order_lines": "file", "events": "file", "products": "file", "contacts": "hubspot"}
    return [
        dg.AssetSpec(
            ["source", table.name],
            group_name="source",
            owners=[table.owner],
            kinds={
                kinds[table.name] if not catalog.files(table.name) else "file",
            },
            description=f"{table.name.replace('_', ' ').capitalize()} outside. "
            + catalog.describe(table.name),
        )
        for table in (ORDER_LINES, EVENTS, PRODUCTS, CONTACTS)
    ]


def raw_assets(
    daily: dg.DailyPartitionsDefinition, tombstones: Tombstones
) -> Sequence[dg.AssetsDefinition]:
    """The assets of stage `raw`.

    Args:
        daily: The calendar.
        tombstones: Who was erased, and does not get in again.
    """
    return [
        _raw_daily(ORDER_LINES, daily, tombstones),
        _raw_daily(EVENTS, daily, tombstones),
        _raw_products(tombstones),
        _raw_contacts(daily, tombstones),
    ]


def _raw_daily(
    table: SourceTable, daily: dg.DailyPartitionsDefinition, tombstones: Tombstones
) -> dg.AssetsDefinition:
    contract = RAW[table.name]

    @dg.asset(
        **_facts(table),
        partitions_def=daily,
        freshness_policy=freshness_policy(daily.end),
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=_check_specs(table),
        description=f"{table.name.replace('_', ' ').capitalize()} as delivered that day, "
        "re-deliveries included, with where each row came from.",
    )
    def raw_table(context: dg.AssetExecutionContext) -> Iterator[Any]:
        lake, catalog = lake_of(context), catalog_of(context)
        formats = catalog.dialect(table.name).datetime_formats
        watch = arrival_watch(table, lake.objects, formats, catalog.sources.calendar.is_gap)
        publisher = Publisher(context, contract, lake, watch)
        files = catalog.files(table.name)
        days = run_days(context) or []
        index = files.index() if files else []
        at_risk = files.days_at_risk() if files else {}
        for day, problem in at_risk.items():
            if day in days:
                publisher.block(day, f"a file that filled this day is now unreadable: {problem}")
        safe = [day for day in days if day not in at_risk]
        for together in passes(safe, _rows_by_day(index), budget=ROWS_PER_PASS):
            started = time.perf_counter()
            frame = files.read(together) if files else _nothing(table)
            frame = _suppressed(publisher, tombstones, table, frame)
            publisher.spent(time.perf_counter() - started, together)
            publisher.publish(_stamped(frame), together)
        publisher.add_metadata()
        yield from publisher.check_results()
        yield _deliveries_result(table, files, index)
        yield from publisher.fail_if_blocked()
        yield publisher.output()

    return raw_table


def _raw_products(tombstones: Tombstones) -> dg.AssetsDefinition:
    @dg.asset(
        **_facts(PRODUCTS),
        check_specs=_check_specs(PRODUCTS),
        description="The catalogue as delivered, with where each row came from.",
    )
    def raw_products(context: dg.AssetExecutionContext) -> Iterator[Any]:
        publisher = Publisher(context, RAW["products"], lake_of(context))
        files = catalog_of(context).files("products")
        started = time.perf_counter()
        frame = files.read_all() if files else _nothing(PRODUCTS)
        frame = _suppressed(publisher, tombstones, PRODUCTS, frame.drop("dt", strict=False))
        publisher.publish(_stamped(frame), [None])
        publisher.report(None).seconds = time.perf_counter() - started
        publisher.add_metadata()
        yield from publisher.check_results()
        yield _deliveries_result(PRODUCTS, files, files.index() if files else [])
        yield from publisher.fail_if_blocked()
        yield publisher.output()

    return raw_products


def _raw_contacts(
    daily: dg.DailyPartitionsDefinition, tombstones: Tombstones
) -> dg.AssetsDefinition:
    @dg.asset(
        **_facts(CONTACTS),
        partitions_def=daily,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=check_specs(RAW["contacts"]),
        description="Contacts that changed that day in the CRM; on the newest day, all of them.",
    )
    def raw_contacts(context: dg.AssetExecutionContext, config: ContactsConfig) -> Iterator[Any]:
        publisher = Publisher(context, RAW["contacts"], lake_of(context))
        days = run_days(context) or []
        started = time.perf_counter()
        is_sweep = config.full_sweep
        if is_sweep is None:
            is_sweep = str(days[-1]) == daily.get_last_partition_key()
        frame = _contacts(catalog_of(context), days, is_sweep=is_sweep)
        frame = _suppressed(publisher, tombstones, CONTACTS, frame)
        publisher.spent(time.perf_counter() - started, days)
        publisher.publish(_stamped(frame), days)
        publisher.add_metadata()
        yield from publisher.check_results()
        yield from publisher.fail_if_blocked()
        yield publisher.output()

    return raw_contacts


def _contacts(catalog: SourceCatalog, days: Sequence[date], *, is_sweep: bool) -> pl.DataFrame:
    """Contacts of the CRM by day of change; a file of contacts is a snapshot of the last day."""
    files = catalog.files("contacts")
    if files is not None:
        everything = files.read_all().with_columns(dt=pl.lit(days[-1]))
        return everything if is_sweep else everything.clear()
    if not catalog.has_crm_contacts():
        return _nothing(CONTACTS)
    properties = catalog.contact_properties()
    with catalog.crm() as client:
        if not is_sweep:
            return changed_contacts(client, days, properties)
        swept = all_contacts(client, days[-1], properties)
        return pl.concat([changed_contacts(client, days[:-1], properties), swept])


def _suppressed(
    publisher: Publisher, tombstones: Tombstones, table: SourceTable, frame: pl.DataFrame
) -> pl.DataFrame:
    """What arrived, without people who were erased; how many rows of each day they had."""
    suppressed = tombstones.suppress(table, frame)
    for day, rows in suppressed.erased.items():
        publisher.report(day).erased += rows
    return suppressed.frame


def _facts(table: SourceTable) -> dict[str, Any]:
    facts = asset_facts(RAW[table.name], ("polars",))
    return {
        **facts,
        "deps": [dg.AssetKey(["source", table.name])],
        "io_manager_key": IO_MANAGER,
        "required_resource_keys": {IO_MANAGER, SOURCES},
        "code_version": "1",
    }


def _check_specs(table: SourceTable) -> list[dg.AssetCheckSpec]:
    return [
        *check_specs(RAW[table.name]),
        dg.AssetCheckSpec(
            "deliveries",
            asset=dg.AssetKey(["raw", table.name]),
            description="Every file that was delivered could be read, from the first byte to the "
            "last.",
        ),
    ]


def _deliveries_result(
    table: SourceTable, files: FileSource | None, index: Sequence[IndexedDelivery]
) -> dg.AssetCheckResult:
    """Which files were delivered, and which of them cannot be read and why."""
    broken = [entry for entry in index if entry.problem]
    ignored = files.ignored() if files else []
    problems = [
        dg.TableRecord(
            {
                "file": entry.delivery.key,
                "problem": str(entry.problem),
                "fix": str(entry.fix or ""),
            }
        )
        for entry in broken[:MOST_PROBLEMS_SHOWN]
    ]
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(["raw", table.name]),
        check_name="deliveries",
        passed=not broken,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "files": len(index),
            "unreadable_files": len(broken),
            "ignored_files": len(ignored),
            "rows_outside_calendar": sum(entry.rows_outside_calendar for entry in index),
            "rows_without_a_readable_day": sum(entry.rows_undated for entry in index),
            **({"problems": dg.MetadataValue.table(problems)} if problems else {}),
        },
    )


def catalog_of(context: dg.AssetExecutionContext) -> SourceCatalog:
    """The sources of the deployment, from Dagster's untyped resources."""
    catalog = getattr(context.resources, SOURCES)
    assert isinstance(catalog, SourceCatalog)
    return catalog


def _rows_by_day(index: Sequence[IndexedDelivery]) -> dict[date, int]:
    rows: dict[date, int] = {}
    for entry in index:
        for day, count in entry.rows_by_day.items():
            rows[day] = rows.get(day, 0) + count
    return rows


def _nothing(table: SourceTable) -> pl.DataFrame:
    return empty_frame(f"raw/{table.name}").drop("_ingested_at").collect()


def _stamped(frame: pl.DataFrame) -> pl.DataFrame:
    now = datetime.now(UTC).replace(tzinfo=None)
    return frame.with_columns(_ingested_at=pl.lit(now, pl.Datetime("us")))
