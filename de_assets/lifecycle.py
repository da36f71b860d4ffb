"""The whole lifecycle over a range of days in one process: what `de-assets run` and the demo do.

It executes the same jobs that schedules and sensors execute, one after the other, and reports.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

import de_assets
from de_assets.assets.raw import SOURCES
from de_assets.automation.incidents import observe_runs
from de_assets.automation.jobs import INGEST, SCORE, TRAIN
from de_assets.contracts.source_tables import SOURCE_TABLES
from de_assets.definitions import build_defs
from de_assets.errors import DeAssetsError
from de_assets.incidents.history import IncidentHistory
from de_assets.incidents.notify import Notifier
from de_assets.lifecycle_report import Report
from de_assets.sandbox.stand_in import stand_in_contacts
from de_assets.settings import Settings
from de_assets.sources.catalog import SourceCatalog
from de_assets.sources.config import Calendar
from de_assets.storage.objects import open_store
from de_assets.storage.s3 import S3Options
from de_assets.transforms.training import snapshot_days

MOST_IGNORED_SHOWN = 10
FEATURES = dg.AssetKey(["features", "contact_features"])


@dataclass
class Lifecycle:
    """One pass through the lifecycle."""

    settings: Settings
    instance: dg.DagsterInstance
    start: date
    end: date
    say: Callable[[str], None] = print
    report: Report = field(default_factory=Report)
    _run_ids: list[str] = field(default_factory=list, init=False)

    def run(self) -> Report:
        """Ingest the range, train, score its last day, and write back.

        Raises:
            DeAssetsError: the settings, the sources file or the range are wrong; what fails later
                stands in the report.
        """
        defs = build_defs(self.settings)
        catalog: SourceCatalog = (defs.resources or {})[SOURCES]
        calendar = catalog.sources.calendar
        _check_range(self.start, self.end, calendar)
        self._say_what_is_passed_over(catalog)
        with self.report.measuring():
            if catalog.sources.contacts and catalog.sources.contacts.stand_in_from:
                self.say("Standing in a CRM: one contact for each customer of the orders ...")
                created = stand_in_contacts(catalog)
                self.say(f"  {created:,} contacts created in the CRM")
            self._run_jobs(defs, calendar.start)
            self._keep_incidents(defs)
        self.report.read_model(self.settings)
        return self.report

    def _keep_incidents(self, defs: dg.Definitions) -> None:
        """What the sensor does where there is a daemon."""
        history = IncidentHistory(open_store(self.settings.lake, S3Options(self.settings.s3)))
        changes = observe_runs(
            self.instance,
            defs.resolve_asset_graph(),
            history,
            self._run_ids,
            Notifier.of(self.settings),
        )
        self.report.add_incidents(changes, history.read().incidents)

    def _say_what_is_passed_over(self, catalog: SourceCatalog) -> None:
        """An archive that nobody unpacked should not be missed only when the numbers are wrong."""
        for table in SOURCE_TABLES:
            files = catalog.files(table)
            for ignored in files.ignored()[:MOST_IGNORED_SHOWN] if files else []:
                self.say(f"Passed over in {table}: {ignored.key}: {ignored.reason}")

    def _run_jobs(self, defs: dg.Definitions, calendar_start: date) -> None:
        days = f"{self.start} to {self.end}"
        self.say(f"Ingesting {days} ...")
        sweep = {"ops": {"raw__contacts": {"config": {"full_sweep": True}}}}
        if not self._execute(defs, INGEST, (self.start, self.end), run_config=sweep):
            return
        snapshots = [d for d in snapshot_days(calendar_start, self.end) if d >= self.start]
        self.say(f"Making features of {len(snapshots)} snapshots ...")
        for day in snapshots:
            if day != self.end and not self._execute(defs, SCORE, (day, day), only=[FEATURES]):
                return
        self.say("Training ...")
        self._execute(defs, TRAIN, None)  # a refused candidate leaves the champion in service
        self.say(f"Scoring {self.end} and writing back ...")
        self._execute(defs, SCORE, (self.end, self.end))

    def _execute(
        self,
        defs: dg.Definitions,
        job: str,
        days: tuple[date, date] | None,
        *,
        only: Sequence[dg.AssetKey] | None = None,
        run_config: dict[str, Any] | None = None,
    ) -> bool:
        started = time.perf_counter()
        run_id = str(uuid.uuid4())
        self._run_ids.append(run_id)
        tags = (
            {}
            if days is None
            else {
                ASSET_PARTITION_RANGE_START_TAG: days[0].isoformat(),
                ASSET_PARTITION_RANGE_END_TAG: days[1].isoformat(),
            }
        )
        self.instance.add_event_listener(run_id, self.report.hear)
        result = defs.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            run_id=run_id,
            tags=tags,
            asset_selection=list(only) if only else None,
            run_config={**(run_config or {}), "loggers": QUIET},
        )
        partition = (
            ""
            if days is None
            else str(days[0])
            if days[0] == days[1]
            else "..".join(map(str, days))
        )
        self.report.add(result.all_events, partition)
        if only is None:
            state = "done" if result.success else "FAILED"
            self.say(f"  {state} in {time.perf_counter() - started:.1f} s")
        return bool(result.success)


QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}


def _check_range(start: date, end: date, calendar: Calendar) -> None:
    if start > end:
        raise DeAssetsError(
            f"--start {start} is after --end {end}", where="de-assets run", fix="exchange them"
        )
    if start < calendar.start or (calendar.end is not None and end > calendar.end):
        raise DeAssetsError(
            f"{start} to {end} is not within the calendar, {calendar.start} to "
            f"{calendar.end or 'yesterday'}",
            where="calendar of the sources file",
            fix="choose days within it, or widen the calendar",
        )


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Dagster's records below `DE_ASSETS_STATE`, as `make dev` opens them too.

    The project's `dagster.yaml` is looked for here and beside the package.
    """
    state = settings.state.absolute()
    state.mkdir(parents=True, exist_ok=True)
    places = (Path.cwd(), Path(de_assets.__file__).parents[1])
    home = next((place for place in places if (place / "dagster.yaml").is_file()), None)
    if home is None:
        with dg.DagsterInstance.local_temp(str(state)) as instance:
            yield instance
        return
    os.environ["DE_ASSETS_STATE"] = str(state)  # noqa: TID251  dagster.yaml reads it
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance
