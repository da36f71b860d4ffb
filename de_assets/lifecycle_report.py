"""What a pass through the lifecycle did: the JSON of `de-assets run`, gathered from events."""

import os
import resource
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from de_assets.assets.quarantine_report import METADATA
from de_assets.incidents.book import Change
from de_assets.incidents.incident import Incident
from de_assets.incidents.message import days_of
from de_assets.settings import Settings
from de_assets.storage.lake import Lake
from de_assets.storage.model_registry import ModelRegistry
from de_assets.storage.s3 import S3Options
from de_assets.transforms.learning import LeadModel

SUMMED = {
    "rows": "rows",
    "rows_in": "rows_in",
    "quarantined": "quarantined",
    "duplicates": "duplicates",
    "size_bytes": "bytes",
    "seconds": "seconds",
}
CRM_COUNTS = {
    "action_create": "planned",
    "action_update": "planned",
    "action_clear": "planned",
    "action_skip": "skipped",
    "action_blocked": "blocked",
    "state_acknowledged": "acknowledged",
    "state_rejected": "rejected",
}
SAMPLE_SECONDS = 0.05
MOST_DAYS_SHOWN = 3


@dataclass
class Report:
    """Counts per asset, check results, model metrics, sync counts, seconds and memory."""

    assets: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(_no_counts))
    checks: dict[str, Any] = field(
        default_factory=lambda: {"passed": 0, "warned": 0, "failed": 0, "failures": []}
    )
    stages: dict[str, dict[str, float]] = field(
        default_factory=lambda: defaultdict(lambda: {"seconds": 0.0, "peak_memory_mb": 0.0})
    )
    model: dict[str, Any] = field(default_factory=dict)
    crm: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("planned", "acknowledged", "skipped", "rejected", "blocked"), 0
        )
    )
    incidents: dict[str, Any] = field(
        default_factory=lambda: {"opened": 0, "resolved": 0, "open": []}
    )
    quarantine: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    is_failed: bool = False
    _stage: str = "start"

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Measure time and memory of what is done inside."""
        wall, cpu = time.perf_counter(), time.process_time()
        stop = threading.Event()
        sampler = threading.Thread(target=self._sample, args=(stop,), daemon=True)
        sampler.start()
        try:
            yield
        finally:
            stop.set()
            sampler.join()
            self.seconds = time.perf_counter() - wall
            self.cpu_seconds = time.process_time() - cpu

    def hear(self, entry: dg.EventLogEntry) -> None:
        """Note which stage is running, for the memory that is measured meanwhile."""
        event = entry.dagster_event
        if event and event.event_type is dg.DagsterEventType.STEP_START and event.step_key:
            self._stage = _stage_of(event.step_key)

    def add(self, events: Sequence[dg.DagsterEvent], partition: str) -> None:
        """Take in the events of one run, of one partition or range."""
        for event in events:
            if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
                self._add_materialization(event.step_materialization_data.materialization)
            elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                self._add_check(event.asset_check_evaluation_data, partition)
            elif event.event_type is dg.DagsterEventType.STEP_FAILURE:
                self._add_failure(event, partition)
            elif event.event_type is dg.DagsterEventType.STEP_SUCCESS and event.step_key:
                stage = _stage_of(event.step_key)
                duration = event.step_success_data.duration_ms
                self.stages[stage]["seconds"] += duration / 1000

    def read_model(self, settings: Settings) -> None:
        """Take in what the model in service reached, or why there is none."""
        registry = ModelRegistry(Lake(settings.lake, S3Options(settings.s3)).objects)
        if not registry.has("champion"):
            self.model = {"state": "not_trained", "reason": "no training has succeeded yet"}
            return
        champion = registry.follow("champion")
        if isinstance(champion, LeadModel):
            self.model = dict(champion.metrics)
        else:
            self.model = {"state": "not_enough_evidence", "reason": champion.reason}

    def add_incidents(self, changes: Sequence[Change], incidents: Sequence[Incident]) -> None:
        """Take in what the run opened and resolved, and what is open now."""
        transitions = [change.transition for change in changes]
        self.incidents["opened"] += transitions.count("opened") + transitions.count("reopened")
        self.incidents["resolved"] += transitions.count("resolved")
        self.incidents["open"] = [
            {
                "id": incident.incident_id,
                "asset": incident.asset,
                "check": incident.check,
                "severity": incident.severity,
                "state": incident.state,
                "days": days_of(incident),
                "text": incident.text,
            }
            for incident in incidents
            if not incident.is_over
        ]

    def to_json(self) -> dict[str, Any]:
        """The report as `docs/reference` describes it."""
        return {
            "assets": {
                key: {name: round(value, 3) for name, value in counts.items()}
                for key, counts in sorted(self.assets.items())
            },
            "checks": self.checks,
            "stages": {
                stage: {name: round(value, 2) for name, value in numbers.items()}
                for stage, numbers in self.stages.items()
            },
            "model": self.model,
            "crm": self.crm,
            "incidents": self.incidents,
            "quarantine": dict(sorted(self.quarantine.items())),
            "seconds": round(self.seconds, 2),
            "cpu_seconds": round(self.cpu_seconds, 2),
            "peak_memory_mb": round(self.peak_memory_mb, 1),
        }

    def _add_materialization(self, event: dg.AssetMaterialization) -> None:
        key = event.asset_key.to_user_string()
        counts = self.assets[key]
        table = event.metadata.get(METADATA)
        if isinstance(table, dg.TableMetadataValue):  # of the run: the same on each of its days
            self.quarantine[key.split("/")[1]] = [dict(record.data) for record in table.records]
        for name, value in event.metadata.items():
            number = value.value
            if not isinstance(number, int | float):
                continue
            if name in SUMMED:
                counts[SUMMED[name]] += number
            elif name in CRM_COUNTS:
                self.crm[CRM_COUNTS[name]] += int(number)

    def _add_check(self, evaluation: Any, partition: str) -> None:  # noqa: ANN401  not public
        if evaluation.passed:
            self.checks["passed"] += 1
            return
        is_warning = evaluation.severity is dg.AssetCheckSeverity.WARN
        self.checks["warned" if is_warning else "failed"] += 1
        metadata = {name: value.value for name, value in evaluation.metadata.items()}
        days = str(metadata.get("days") or partition)
        if metadata.get("failing_days", 0) > MOST_DAYS_SHOWN:
            days = f"{days.split(',', 1)[0]} and {metadata['failing_days'] - 1} other days"
        self.checks["failures"].append(
            {
                "asset": evaluation.asset_key.to_user_string(),
                "check": evaluation.check_name,
                "severity": "warn" if is_warning else "error",
                "partition": days,
                "text": _check_text(evaluation.description, metadata),
            }
        )

    def _add_failure(self, event: dg.DagsterEvent, partition: str) -> None:
        self.is_failed = True
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        data = event.step_failure_data.user_failure_data
        text = (data.description if data else None) or (error.message if error else "no message")
        self.checks["failures"].append(
            {
                "asset": str(event.step_key).replace("__", "/"),
                "check": "",
                "severity": "error",
                "partition": partition,
                "text": str(text).strip(),
            }
        )

    def _sample(self, stop: threading.Event) -> None:
        while not stop.wait(SAMPLE_SECONDS):
            memory = _memory_mb()
            numbers = self.stages[self._stage]
            numbers["peak_memory_mb"] = max(numbers["peak_memory_mb"], memory)
            self.peak_memory_mb = max(self.peak_memory_mb, memory)


def _no_counts() -> dict[str, float]:
    return {"rows": 0, "quarantined": 0, "duplicates": 0, "bytes": 0, "seconds": 0.0, "rows_in": 0}


def _stage_of(step_key: str) -> str:
    return "cleaned" if step_key.startswith("clean_") else step_key.split("__", maxsplit=1)[0]


def _check_text(description: str | None, metadata: dict[str, Any]) -> str:
    if description:
        return description
    table = metadata.get("rules")
    rules = [
        f"{record.data['rule']}: {record.data['failing_rows']:,} rows"
        for record in getattr(table, "records", metadata.get("rules") or [])
        if hasattr(record, "data") and record.data.get("failing_rows")
    ]
    if rules:
        return "; ".join(rules)
    numbers = [f"{k}: {v:,}" for k, v in metadata.items() if isinstance(v, int) and v]
    return "; ".join(numbers)


def _memory_mb() -> float:
    """Resident memory now; where the system does not tell, the peak so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000
