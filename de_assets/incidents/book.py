"""The life of an incident: open, acknowledged, resolved, open again. Pure; no lake, no Dagster.

A book holds every incident, the runs that it has taken in, and the notifications that wait.
Used by `history.py`, which keeps the book in the lake, and told what runs found by `observe.py`.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from de_assets.contracts.base import table_info
from de_assets.contracts.incidents import Incidents
from de_assets.errors import DeAssetsError
from de_assets.incidents.findings import Failing, Observed, Passing
from de_assets.incidents.incident import Incident, Pending

# Failing days of one evaluation that lie a week apart or less are one story: a source that is
# silent on Sundays, or breaks every Monday.
STORY_GAP = timedelta(days=7)
REOPENS_WITHIN = timedelta(days=7)
CLAIM_LASTS = timedelta(minutes=5)
PENDING_LASTS = timedelta(days=7)
KEPT = timedelta(days=table_info(Incidents).retention_days or 0)  # after the end of an incident
MOST_APPLIED_RUNS = 1000
MOST_NOTICES_AT_ONCE = 20


@dataclass(frozen=True)
class Change:
    """An incident that was opened, reopened, resolved, or went from a warning to an error."""

    transition: str
    incident: Incident


@dataclass(frozen=True)
class Notice:
    """What one channel is to be told now: a transition of the incidents of one asset and check."""

    channel: str
    key: str
    transition: str
    incidents: tuple[Incident, ...]


@dataclass
class Book:
    """Every incident, oldest first, and the runs that were taken in, with their status."""

    incidents: list[Incident] = field(default_factory=list)
    applied: dict[str, str] = field(default_factory=dict)

    def apply(self, run: Observed, channels: Sequence[str] = ()) -> list[Change]:
        """Take in what a finished run found; a run that was taken in before changes nothing.

        Args:
            run: What it found. Runs are to be taken in by the order of their ends.
            channels: Names of the channels that are to be told of each change.
        """
        if self.applied.get(run.run_id) == run.status:
            return []
        # First what fails: a range that shrinks at one end and grows at the other stays open.
        changes = [
            change
            for failing in run.failing
            for days in _stories(failing.days)
            if (change := self._fail(failing, days, run))
        ]
        for passing in run.passing:
            changes.extend(self._pass(passing, run))
        for change in changes:
            key = _digest(
                run.run_id, change.incident.asset, change.incident.check, change.transition
            )
            change.incident.pending.extend(
                Pending(channel, key, change.transition, run.ended_at) for channel in channels
            )
        self.incidents = [
            i
            for i in self.incidents
            if i.resolved_at is None or i.resolved_at > run.ended_at - KEPT
        ]
        self.applied.pop(run.run_id, None)
        self.applied[run.run_id] = run.status
        for forgotten in list(self.applied)[:-MOST_APPLIED_RUNS]:
            del self.applied[forgotten]
        return changes

    def find(self, incident_id: str) -> Incident:
        """The incident with this id, or with the only one that begins so.

        Raises:
            DeAssetsError: there is none, or more than one.
        """
        found = [i for i in self.incidents if incident_id and i.incident_id.startswith(incident_id)]
        if len(found) != 1:
            raise DeAssetsError(
                f"{len(found) or 'no'} incidents have an id that begins with `{incident_id}`",
                where="incidents/history",
                fix="`de-assets incidents --all` lists them with their ids",
            )
        return found[0]

    def acknowledge(self, incident_id: str, by: str, at: datetime) -> Incident:
        """Somebody takes an incident on.

        Raises:
            DeAssetsError: there is no such incident, or it is over.
        """
        incident = self.find(incident_id)
        if incident.is_over:
            raise DeAssetsError(
                f"the incident {incident.incident_id} is over since "
                f"{incident.resolved_at:%Y-%m-%d %H:%M} UTC",
                where=f"{incident.asset}, {incident.check}",
                fix="nothing is to be done; it opens again if it fails again",
            )
        incident.state, incident.acknowledged_at, incident.acknowledged_by = "acknowledged", at, by
        return incident

    def claim(self, channels: Collection[str], now: datetime) -> list[Notice]:
        """Notices that are due, oldest first, which for a while nobody else will send.

        Args:
            channels: Those that the caller can reach; what waits for others stays.
            now: What was claimed by somebody who died is due again `CLAIM_LASTS` later.
        """
        due: dict[tuple[str, str], list[tuple[Incident, Pending]]] = defaultdict(list)
        for incident in self.incidents:
            incident.pending = [p for p in incident.pending if p.queued_at > now - PENDING_LASTS]
            for pending in incident.pending:
                is_free = pending.claimed_until is None or pending.claimed_until <= now
                if pending.channel in channels and is_free:
                    due[pending.channel, pending.key].append((incident, pending))
        notices: list[Notice] = []
        counts: dict[str, int] = defaultdict(int)
        for (channel, key), found in sorted(due.items(), key=lambda item: item[1][0][1].queued_at):
            if counts[channel] < MOST_NOTICES_AT_ONCE:
                counts[channel] += 1
                incidents = tuple(incident for incident, _ in found)
                notices.append(Notice(channel, key, found[0][1].transition, incidents))
        claimed = {(notice.channel, notice.key) for notice in notices}
        self._mark(claimed, now + CLAIM_LASTS)
        return notices

    def settle(self, delivered: Collection[Notice], failed: Collection[Notice]) -> None:
        """Forget what was delivered; what failed is due again at once."""
        done = {(notice.channel, notice.key) for notice in delivered}
        for incident in self.incidents:
            incident.pending = [p for p in incident.pending if (p.channel, p.key) not in done]
        self._mark({(notice.channel, notice.key) for notice in failed}, None)

    def _mark(self, keys: Collection[tuple[str, str]], until: datetime | None) -> None:
        for incident in self.incidents:
            incident.pending = [
                replace(p, claimed_until=until) if (p.channel, p.key) in keys else p
                for p in incident.pending
            ]

    def _of(self, finding: Failing | Passing) -> Iterator[Incident]:
        return (i for i in self.incidents if (i.asset, i.check) == (finding.asset, finding.check))

    def _fail(self, failing: Failing, days: frozenset[date] | None, run: Observed) -> Change | None:
        touched = [incident for incident in self._of(failing) if incident.touches(days)]
        running = [incident for incident in touched if not incident.is_over]
        recent = [
            incident
            for incident in touched
            if incident.resolved_at is not None
            and incident.merged_into is None
            and run.ended_at - incident.resolved_at <= REOPENS_WITHIN
        ]
        transition: str | None = None
        if running:
            incident = running[0]
            for other in running[1:]:
                _merge(incident, other, run)
            if (incident.severity, failing.severity) == ("warn", "error"):
                incident.severity, transition = "error", "worsened"
        elif recent:
            incident = max(recent, key=lambda i: i.resolved_at or run.ended_at)
            incident.state, incident.severity, transition = "open", failing.severity, "reopened"
            incident.reopened += 1
            incident.resolved_at = incident.acknowledged_at = incident.acknowledged_by = None
        else:
            incident, transition = _opened(failing, days, run), "opened"
            self.incidents.append(incident)
        _see(incident, failing, days, run)
        return Change(transition, incident) if transition else None

    def _pass(self, passing: Passing, run: Observed) -> Iterator[Change]:
        for incident in self._of(passing):
            if incident.is_over:
                continue
            if passing.days is None:
                incident.failing_days = []
            elif incident.first_day is None:
                continue  # some days do not speak for the table as a whole
            else:
                kept = [day for day in incident.failing_days if day not in passing.days]
                incident.failing_days = kept
            if not incident.failing_days:
                incident.state, incident.resolved_at = "resolved", run.ended_at
                yield Change("resolved", incident)


def _stories(days: frozenset[date] | None) -> Iterator[frozenset[date] | None]:
    """Days in groups whose neighbours lie at most `STORY_GAP` apart."""
    if days is None:
        yield None
        return
    group: list[date] = []
    for day in sorted(days):
        if group and day - group[-1] > STORY_GAP:
            yield frozenset(group)
            group = []
        group.append(day)
    if group:
        yield frozenset(group)


def _opened(failing: Failing, days: frozenset[date] | None, run: Observed) -> Incident:
    first = min(days) if days else None
    return Incident(
        # From what it is about, so that the same run makes the same id whenever it is taken in.
        incident_id=_digest(run.run_id, failing.asset, failing.check, str(first))[:10],
        asset=failing.asset,
        check=failing.check,
        first_day=first,
        last_day=max(days) if days else None,
        failing_days=[],
        severity=failing.severity,
        state="open",
        opened_at=run.ended_at,
        last_seen_at=run.ended_at,
        failing_rows=None,
        text="",
        owner=None,
        downstream=[],
        runbook="",
        run_id=run.run_id,
    )


def _see(incident: Incident, failing: Failing, days: frozenset[date] | None, run: Observed) -> None:
    """Write down what a run found of an incident that is open."""
    if days is not None:
        incident.failing_days = sorted({*incident.failing_days, *days})
        known = [d for d in (incident.first_day, incident.last_day) if d is not None]
        incident.first_day, incident.last_day = min(*known, *days), max(*known, *days)
    incident.runs += incident.run_id != run.run_id
    incident.run_id, incident.last_seen_at = run.run_id, run.ended_at
    incident.failing_rows, incident.text = failing.failing_rows, failing.text
    incident.owner, incident.downstream = failing.owner, list(failing.downstream)
    incident.runbook = failing.runbook


def _merge(incident: Incident, other: Incident, run: Observed) -> None:
    """Two ranges that have grown together go on as the older one."""
    days: Iterable[date] = [*incident.failing_days, *other.failing_days]
    incident.failing_days = sorted(set(days))
    for name, choose in (("first_day", min), ("last_day", max)):
        setattr(incident, name, choose(getattr(incident, name), getattr(other, name)))
    if other.severity == "error":
        incident.severity = "error"
    other.failing_days, other.merged_into = [], incident.incident_id
    other.state, other.resolved_at = "resolved", run.ended_at


def _digest(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]
