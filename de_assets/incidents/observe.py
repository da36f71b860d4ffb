"""From the events of one finished run to what failed and what went well.

Reads Dagster's event log and asset graph; changes nothing. What a single evaluation says is read
in `evaluations.py`, what becomes of it in `book.py`.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import PurePosixPath

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from de_assets.incidents.evaluations import (
    Days,
    Evaluation,
    checked_days,
    days_between,
    failing_days,
    failing_rows,
    text,
)
from de_assets.incidents.findings import STEP, Failing, Observed, Passing, Severity

RUNBOOKS = PurePosixPath("docs/runbooks")
FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
EVENTS = {
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.STEP_START,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_SKIPPED,
}


def runbook(check: str) -> str:
    """The file that tells what to do about a failing check."""
    return str(RUNBOOKS / f"{check}.md")


def observe(instance: dg.DagsterInstance, graph: AssetGraph, run: dg.DagsterRun) -> Observed:
    """What a finished run found.

    Args:
        instance: Where its events are.
        graph: The assets; those of other code locations are passed over.
        run: A run that has ended.
    """
    record = instance.get_run_record_by_id(run.run_id)
    ended = record.end_time if record else None
    entries = instance.all_logs(run.run_id, of_type=EVENTS)
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    if not any(event.step_key for event in events):
        # It never came to a step. These are many in a run over a long range, so only then.
        planned = instance.all_logs(
            run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
        )
        events = [entry.dagster_event for entry in planned if entry.dagster_event]
    reading = _Reading(graph, run, events)
    return Observed(
        run_id=run.run_id,
        status=run.status.value,
        ended_at=datetime.fromtimestamp(ended, UTC) if ended else datetime.now(UTC),
        failing=tuple(reading.failing()),
        passing=tuple(reading.passing()),
    )


class _Reading:
    """The events of one run, and what they say."""

    def __init__(
        self, graph: AssetGraph, run: dg.DagsterRun, events: Sequence[dg.DagsterEvent]
    ) -> None:
        self._graph = graph
        self._run = run
        self._steps = {
            d.node_def.name: d
            for d in graph.assets_defs
            if d.is_executable and d.keys | d.check_keys
        }
        self._evaluations: list[tuple[str | None, Evaluation]] = []
        self._ended: dict[str, dg.DagsterEvent] = {}
        self._started: set[str] = set()
        self._planned: set[str] = set()
        for event in events:
            if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                self._evaluations.append((event.step_key, event.asset_check_evaluation_data))
            elif event.step_key is None:
                continue
            elif event.event_type is dg.DagsterEventType.STEP_START:
                self._started.add(event.step_key)
            elif event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
                self._planned.add(event.step_key)
            else:
                self._ended[event.step_key] = event
        self._downstream = cache(self._downstream_of)

    def failing(self) -> Iterator[Failing]:
        """Failing evaluations, and steps that failed without one."""
        for evaluation in self._known_evaluations():
            if not evaluation.passed:
                is_warning = evaluation.severity is dg.AssetCheckSeverity.WARN
                yield self._failing(
                    evaluation.asset_key,
                    evaluation.check_name,
                    failing_days(evaluation, self._run_days(evaluation.asset_key)),
                    severity="warn" if is_warning else "error",
                    failing_rows=failing_rows(evaluation),
                    text=text(evaluation),
                )
        if self._run.status is dg.DagsterRunStatus.FAILURE:
            yield from self._failing_steps()

    def passing(self) -> Iterator[Passing]:
        """Evaluations that passed, days of a failing one that did, and steps that came through."""
        for evaluation in self._known_evaluations():
            asset, check = evaluation.asset_key.to_user_string(), evaluation.check_name
            run_days = self._run_days(evaluation.asset_key)
            checked = checked_days(evaluation, run_days)
            if evaluation.passed:
                yield Passing(asset, check, checked)
            elif checked and (well := checked - (failing_days(evaluation, run_days) or checked)):
                yield Passing(asset, check, well)
        for step, event in self._ended.items():
            came_through = event.event_type is dg.DagsterEventType.STEP_SUCCESS or (
                event.is_step_failure and self._only_reports_a_check(step, event)
            )
            if came_through and step in self._steps:
                for key in self._steps[step].keys:
                    yield Passing(key.to_user_string(), STEP, self._run_days(key))

    def _failing_steps(self) -> Iterator[Failing]:
        failed = {step: event for step, event in self._ended.items() if event.is_step_failure}
        for step, event in failed.items():
            if not self._only_reports_a_check(step, event):
                yield from self._failing_step(step, f"the step failed: {_error_name(event)}")
        if not failed:
            # Its process died, or never came to a step.
            unfinished = sorted(self._started - set(self._ended))
            for step in unfinished or self._first_planned():
                yield from self._failing_step(step, "the run ended before this step did")

    def _failing_step(self, step: str, text: str) -> Iterator[Failing]:
        definition = self._steps.get(step)
        if definition is None:
            return
        if definition.keys:
            # One incident a step; of its assets the one that most depends on.
            key = max(sorted(definition.keys), key=lambda key: len(self._downstream(key)))
            yield self._failing(key, STEP, self._run_days(key), severity="error", text=text)
            return
        for check in sorted(definition.check_keys):
            days = self._run_days(check.asset_key)
            yield self._failing(check.asset_key, check.name, days, severity="error", text=text)

    def _only_reports_a_check(self, step: str, event: dg.DagsterEvent) -> bool:
        """Whether a failing check is why the step failed: it says so, or raised on purpose."""
        has_failing_check = any(
            from_step == step
            and not evaluation.passed
            and evaluation.severity is dg.AssetCheckSeverity.ERROR
            for from_step, evaluation in self._evaluations
        )
        data = event.step_failure_data
        is_on_purpose = data.user_failure_data is not None or (
            data.error is not None and data.error.cls_name == "DagsterAssetCheckFailedError"
        )
        return has_failing_check and is_on_purpose

    def _first_planned(self) -> list[str]:
        """Of a run that came to no step, the one on which most of it depends."""
        weights = {
            step: max((len(self._downstream(key)) for key in self._steps[step].keys), default=0)
            for step in sorted(self._planned & set(self._steps))
        }
        return [max(weights, key=lambda step: weights[step])] if weights else []

    def _failing(
        self,
        key: dg.AssetKey,
        check: str,
        days: Days,
        *,
        severity: Severity,
        text: str,
        failing_rows: int | None = None,
    ) -> Failing:
        owners = self._graph.get(key).owners
        return Failing(
            asset=key.to_user_string(),
            check=check,
            days=days,
            severity=severity,
            failing_rows=failing_rows,
            text=text,
            owner=owners[0] if owners else None,
            downstream=self._downstream(key),
            runbook=runbook(check),
        )

    def _known_evaluations(self) -> Iterator[Evaluation]:
        return (
            evaluation
            for _, evaluation in self._evaluations
            if self._graph.has(evaluation.asset_key)
        )

    def _run_days(self, key: dg.AssetKey) -> Days:
        """The days of an asset that the run was about; None for an asset without days."""
        # A run over a range of days carries its tags to assets without days too.
        if self._graph.get(key).partitions_def is None:
            return None
        tags = self._run.tags
        only = tags.get(PARTITION_NAME_TAG)
        first = tags.get(ASSET_PARTITION_RANGE_START_TAG, only)
        last = tags.get(ASSET_PARTITION_RANGE_END_TAG, only)
        return days_between(first, last) if first and last else None

    def _downstream_of(self, key: dg.AssetKey) -> tuple[str, ...]:
        """Everything that is made from an asset, nearest first."""
        found: dict[dg.AssetKey, None] = {}
        level = {key}
        while level:
            level = {child for k in level for child in self._graph.get(k).child_keys} - set(found)
            found |= dict.fromkeys(sorted(level))
        return tuple(k.to_user_string() for k in found if k != key)


def _error_name(event: dg.DagsterEvent) -> str:
    """The class of the innermost error; its message may quote a value."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return (error.cls_name if error else None) or "no error was recorded"
