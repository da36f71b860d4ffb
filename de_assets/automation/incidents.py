"""The sensor that looks at finished runs, keeps the incidents, and tells people of changes.

The cursor holds a moment and the runs that were taken in around it. The history remembers runs
too, so what a killed tick did is not done twice; together no run is missed and none counts double.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from de_assets.incidents.book import Change
from de_assets.incidents.findings import Observed
from de_assets.incidents.history import IncidentHistory
from de_assets.incidents.notify import Notifier
from de_assets.incidents.observe import FINISHED, observe
from de_assets.settings import Settings

INTERVAL_SECONDS = 30
MOST_RUNS_A_TICK = 25
# A sensor that is turned on begins with the runs of the last day, not with those of all times.
FIRST_LOOK_BACK = timedelta(days=1)
# Clocks differ between machines and transactions become visible late: a run may turn up behind
# the cursor. So each look goes back this far, and the runs seen there are remembered.
OVERLAP = timedelta(minutes=10)
ATTEMPTS_A_RUN = 20


@dataclass
class Cursor:
    """How far the sensor has looked.

    Attributes:
        until: Every run that was updated before is taken in.
        seen: Runs taken in within the overlap before it, with their status and moment.
        attempts: How often a run could not be read, so that it does not hold up the others forever.
    """

    until: datetime
    seen: dict[str, tuple[str, str]] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None, now: datetime) -> "Cursor":
        """What was saved; without it the last day is looked at."""
        if not text:
            return cls(now - FIRST_LOOK_BACK)
        saved = json.loads(text)
        seen = {run: (status, at) for run, (status, at) in saved["seen"].items()}
        return cls(datetime.fromisoformat(saved["until"]), seen, saved["attempts"])

    def to_text(self) -> str:
        """What Dagster is to save."""
        return json.dumps(
            {"until": self.until.isoformat(), "seen": self.seen, "attempts": self.attempts}
        )

    def has_seen(self, record: dg.RunRecord) -> bool:
        """Whether a run was taken in as it stands."""
        run = record.dagster_run
        return self.seen.get(run.run_id, ("", ""))[0] == run.status.value

    def take(self, record: dg.RunRecord) -> None:
        """Remember a run, and forget those that lie before the overlap."""
        run, at = record.dagster_run, record.update_timestamp
        self.attempts.pop(run.run_id, None)
        self.until = max(self.until, at)
        self.seen[run.run_id] = (run.status.value, at.isoformat())
        since = self.until - OVERLAP
        self.seen = {
            run_id: (status, moment)
            for run_id, (status, moment) in self.seen.items()
            if datetime.fromisoformat(moment) > since
        }


def incident_sensor(
    settings: Settings, history: IncidentHistory, notifier: Notifier
) -> dg.SensorDefinition:
    """The one sensor on finished runs, successful, failed or cancelled, by the order of their ends.

    A lake that cannot be reached fails the tick, which is shown red; the next one begins where
    this one began.
    """

    @dg.sensor(
        name="incidents",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=(
            dg.DefaultSensorStatus.STOPPED if settings.is_local else dg.DefaultSensorStatus.RUNNING
        ),
        description="Opens and resolves incidents by what finished runs found, and notifies.",
    )
    def incidents(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        assert context.repository_def is not None
        graph = context.repository_def.asset_graph
        cursor = Cursor.parse(context.cursor, notifier.clock())
        records = _unseen(context.instance, cursor)
        found: list[Observed] = []
        for record in records:
            run = record.dagster_run
            try:
                found.append(observe(context.instance, graph, run))
            except Exception:  # whatever it is, it concerns this run alone
                # Later runs wait, since their order counts.
                attempts = cursor.attempts.get(run.run_id, 0) + 1
                is_given_up = attempts >= ATTEMPTS_A_RUN
                context.log.exception(
                    "Run %s cannot be read (attempt %d of %d).%s",
                    run.run_id,
                    attempts,
                    ATTEMPTS_A_RUN,
                    " It is given up; look at it yourself." if is_given_up else "",
                )
                if not is_given_up:
                    cursor.attempts[run.run_id] = attempts
                    break
            cursor.take(record)
        changes = history.record(found, notifier.names) if found else []
        delivered, waiting = notifier.deliver(history)
        if not (changes or delivered or waiting):
            reason = f"Looked at {len(found)} finished runs; no incident changed."
            return dg.SensorResult(skip_reason=reason, cursor=cursor.to_text())
        context.log.info(
            "%d finished runs, %d changes of incidents, %d notifications delivered, %d wait.",
            len(found),
            len(changes),
            delivered,
            waiting,
        )
        return dg.SensorResult(cursor=cursor.to_text())

    return incidents


def observe_runs(
    instance: dg.DagsterInstance,
    graph: AssetGraph,
    history: IncidentHistory,
    run_ids: Sequence[str],
    notifier: Notifier,
) -> list[Change]:
    """Do once, for some finished runs, what the sensor does; for commands without a daemon.

    Args:
        instance: Where the runs are recorded.
        graph: The assets, for owners and what is downstream.
        history: The incidents of the lake.
        run_ids: Finished runs by the order of their ends; others are passed over.
        notifier: Whom to tell.

    Raises:
        StorageError: the lake cannot be reached.
    """
    runs = [run for run_id in run_ids if (run := instance.get_run_by_id(run_id))]
    found = [observe(instance, graph, run) for run in runs if run.status in FINISHED]
    changes = history.record(found, notifier.names)
    notifier.deliver(history)
    return changes


def _unseen(instance: dg.DagsterInstance, cursor: Cursor) -> list[dg.RunRecord]:
    """The next runs that ended, by the order of their last update."""
    records = instance.get_run_records(
        dg.RunsFilter(statuses=list(FINISHED), updated_after=cursor.until - OVERLAP),
        order_by="update_timestamp",
        ascending=True,
        limit=MOST_RUNS_A_TICK + len(cursor.seen),
    )
    unseen = [record for record in records if not cursor.has_seen(record)]
    return unseen[:MOST_RUNS_A_TICK]
