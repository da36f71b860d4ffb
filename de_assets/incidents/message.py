"""What people are told of an incident: what, where, since when, whose it is, and what to do.

One message tells of all incidents of one asset and one check that a run changed in the same way.
It holds names and counts, never a value of a row.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from de_assets.incidents.book import Notice
from de_assets.incidents.incident import Incident

MOST_RANGES_SHOWN = 3
MOST_DOWNSTREAM_SHOWN = 3


@dataclass(frozen=True)
class Message:
    """A notice in words.

    Attributes:
        notice: What is told, and the key that is the same at each attempt.
        ui_url: Address of the Dagster UI; None leaves the link to the run out.
    """

    notice: Notice
    ui_url: str | None = None

    @property
    def key(self) -> str:
        """The same whenever this message is sent again."""
        return self.notice.key

    @property
    def transition(self) -> str:
        """`opened`, `reopened`, `worsened` or `resolved`."""
        return self.notice.transition

    @property
    def asset(self) -> str:
        """Asset key, `stage/entity`."""
        return self._newest.asset

    @property
    def check(self) -> str:
        """The check, or `step`."""
        return self._newest.check

    @property
    def severity(self) -> str:
        """`error` if any of the incidents is one, else `warn`."""
        is_error = any(incident.severity == "error" for incident in self.notice.incidents)
        return "error" if is_error else "warn"

    @property
    def subject(self) -> str:
        """One line."""
        where = f"{self.asset} {self.check} {self._ranges()}"
        return f"[{self.severity}] {self.transition}: {where}"

    @property
    def text(self) -> str:
        """Everything, a line each; the first is the subject."""
        newest = self._newest
        since = min(incident.opened_at for incident in self.notice.incidents)
        lines = [self.subject]
        if newest.text:
            lines.append(f"found: {newest.text}")
        lines.append(f"since: {since:%Y-%m-%d %H:%M} UTC")
        if newest.owner:
            lines.append(f"owner: {newest.owner}")
        if newest.downstream:
            shown = newest.downstream[:MOST_DOWNSTREAM_SHOWN]
            more = len(newest.downstream) - len(shown)
            rest = f" and {more} more" if more else ""
            lines.append(f"downstream: {', '.join(shown)}{rest}")
        lines.append(f"runbook: {newest.runbook}")
        lines.append(f"run: {self._run_url() or newest.run_id}")
        ids = ", ".join(incident.incident_id for incident in self.notice.incidents)
        lines.append(f"incident: {ids}")
        return "\n".join(lines)

    def fields(self) -> dict[str, Any]:
        """The same facts for a program."""
        newest = self._newest
        return {
            "key": self.key,
            "transition": self.transition,
            "severity": self.severity,
            "asset": self.asset,
            "check": self.check,
            "incidents": [
                {
                    "id": incident.incident_id,
                    "first_day": _iso(incident.first_day),
                    "last_day": _iso(incident.last_day),
                    "failing_days": len(incident.failing_days),
                    "opened_at": incident.opened_at.isoformat(),
                }
                for incident in self.notice.incidents
            ],
            "failing_rows": newest.failing_rows,
            "owner": newest.owner,
            "downstream": newest.downstream,
            "runbook": newest.runbook,
            "run_id": newest.run_id,
            "run_url": self._run_url(),
        }

    @property
    def _newest(self) -> Incident:
        return self.notice.incidents[-1]

    def _run_url(self) -> str | None:
        run_id = self._newest.run_id
        return f"{self.ui_url.rstrip('/')}/runs/{run_id}" if self.ui_url else None

    def _ranges(self) -> str:
        found = self.notice.incidents
        shown = ", ".join(days_of(incident) for incident in found[:MOST_RANGES_SHOWN])
        more = len(found) - MOST_RANGES_SHOWN
        return shown + (f" and {more} more ranges" if more > 0 else "")


def days_of(incident: Incident) -> str:
    """The days that an incident was ever about, for a person."""
    first, last = incident.first_day, incident.last_day
    if first is None:
        return "(the table)"
    if first == last:
        return str(first)
    left = len(incident.failing_days)
    return f"{first}..{last}" + ("" if incident.is_over else f" ({left} days fail)")


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
