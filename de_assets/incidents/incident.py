"""One incident, and the notifications of it that wait; the row of `incidents/history`."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

# A day that a later run finds belongs to an incident only as its neighbour: if the day between
# passed, somebody thought that it was over, and wants to hear that it is not.
NEIGHBOUR_GAP = timedelta(days=1)


@dataclass(frozen=True)
class Pending:
    """A notification that one channel has not acknowledged; `key` is the same at each attempt."""

    channel: str
    key: str
    transition: str
    queued_at: datetime
    claimed_until: datetime | None = None


@dataclass
class Incident:
    """One row of `incidents/history`; the columns are explained by its contract."""

    incident_id: str
    asset: str
    check: str
    first_day: date | None
    last_day: date | None
    failing_days: list[date]
    severity: str
    state: str
    opened_at: datetime
    last_seen_at: datetime
    failing_rows: int | None
    text: str
    owner: str | None
    downstream: list[str]
    runbook: str
    run_id: str
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None
    runs: int = 1
    reopened: int = 0
    merged_into: str | None = None
    pending: list[Pending] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it fails any more."""
        return self.state == "resolved"

    def touches(self, days: frozenset[date] | None) -> bool:
        """Whether these days, or the table as a whole, belong to the same story."""
        if days is None or self.first_day is None or self.last_day is None:
            return days is None and self.first_day is None
        first, last = self.first_day - NEIGHBOUR_GAP, self.last_day + NEIGHBOUR_GAP
        return min(days) <= last and max(days) >= first
