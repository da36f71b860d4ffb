"""Sensors on delivered files, local and on S3: a new or overwritten file runs the days it holds.

The cursor keeps, for each day, short digests of the contents that were asked for already. A file
that is delivered again, moved or deleted therefore runs nothing; one that is overwritten does.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from de_assets.automation.jobs import INGEST
from de_assets.errors import DeAssetsError
from de_assets.partitions import unbroken
from de_assets.settings import Settings
from de_assets.sources.catalog import SourceCatalog
from de_assets.sources.index import IndexedDelivery
from de_assets.storage.lake import partitions

DIGEST_CHARACTERS = 8
INTERVAL_SECONDS = 30


def sensors(
    settings: Settings,
    catalog: SourceCatalog,
    daily: dg.DailyPartitionsDefinition,
    jobs: Sequence[UnresolvedAssetJobDefinition],
) -> list[dg.SensorDefinition]:
    """One sensor for each daily source table that is delivered as files."""
    ingest = next(job for job in jobs if job.name == INGEST)
    return [
        _new_files(table, settings, catalog, daily, ingest)
        for table in ("order_lines", "events")
        if catalog.files(table) is not None
    ]


def _new_files(
    table: str,
    settings: Settings,
    catalog: SourceCatalog,
    daily: dg.DailyPartitionsDefinition,
    ingest: UnresolvedAssetJobDefinition,
) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"new_{table}_files",
        job=ingest,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=(
            dg.DefaultSensorStatus.STOPPED if settings.is_local else dg.DefaultSensorStatus.RUNNING
        ),
        description=f"Runs the days of new and overwritten files of {table.replace('_', ' ')}.",
    )
    def new_files(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        files = catalog.files(table)
        assert files is not None
        try:
            index = files.index()
        except DeAssetsError as error:
            return dg.SkipReason(f"The files of {table} cannot be listed. {error}")
        known = set(daily.get_partition_keys())
        contents = {
            day: digests for day, digests in contents_by_day(index).items() if str(day) in known
        }
        if context.cursor:
            seen = json.loads(context.cursor)
        else:
            files_of_raw = partitions(catalog.objects, f"raw/{table}")
            written = {day: info.modified_at for day, info in files_of_raw.items()}
            old = contents_by_day([entry for entry in index if is_ingested(entry, written)])
            seen = {day.isoformat(): sorted(digests) for day, digests in old.items()}
        due = days_to_run(contents, seen)
        if not due:
            unreadable = sum(entry.problem is not None for entry in index)
            return dg.SkipReason(
                f"Nothing new among {len(index):,} files"
                + (f", {unreadable:,} of which cannot be read." if unreadable else ".")
            )
        return dg.SensorResult(
            run_requests=[_request(first, last, contents) for first, last in unbroken(sorted(due))],
            cursor=json.dumps({str(day): sorted(digests) for day, digests in contents.items()}),
        )

    return new_files


def is_ingested(entry: IndexedDelivery, written: Mapping[date, datetime]) -> bool:
    """Whether every day that a delivery holds was written after it came.

    Only asked when a sensor is turned on for the first time: what a backfill or a command has
    ingested before is not run once more.
    """
    came_at = entry.delivery.modified_at
    return all(day in written and written[day] > came_at for day in entry.rows_by_day)


def contents_by_day(index: Sequence[IndexedDelivery]) -> dict[date, set[str]]:
    """Short digests of the readable contents that hold rows of each day."""
    contents: dict[date, set[str]] = {}
    for entry in index:
        if entry.problem is None:
            for day in entry.rows_by_day:
                contents.setdefault(day, set()).add(entry.digest[:DIGEST_CHARACTERS])
    return contents


def days_to_run(contents: Mapping[date, set[str]], seen: Mapping[str, Sequence[str]]) -> set[date]:
    """Days that hold a content which was not asked for yet."""
    return {
        day for day, digests in contents.items() if digests - set(seen.get(day.isoformat(), ()))
    }


def _request(first: date, last: date, contents: Mapping[date, set[str]]) -> dg.RunRequest:
    """One run for a stretch of days; its key makes the same contents run once only."""
    held = [
        f"{day}={','.join(sorted(digests))}"
        for day, digests in sorted(contents.items())
        if first <= day <= last
    ]
    digest = hashlib.sha256("|".join(held).encode()).hexdigest()[:16]
    return dg.RunRequest(
        run_key=f"{first}_{last}_{digest}",
        tags={
            ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
            ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
        },
    )
