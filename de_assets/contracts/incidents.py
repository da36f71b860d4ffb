"""The table of incidents: one row an incident, from the first failure to its end.

It is no asset: the watcher of finished runs keeps it, and no run makes it. So it stands outside
`tables.py`, which lists what assets make; `incidents/history.py` reads and writes it.
"""

import polars as pl

from de_assets.contracts.base import Contract, TableInfo, column

SEVERITIES = ("warn", "error")
STATES = ("open", "acknowledged", "resolved")
MOMENT = pl.Datetime("us", "UTC")
# Notifications that no channel has acknowledged yet: one for each transition and channel.
PENDING = pl.List(
    pl.Struct(
        {
            "channel": pl.String(),
            "key": pl.String(),
            "transition": pl.String(),
            "queued_at": MOMENT,
            "claimed_until": MOMENT,
        }
    )
)


class Incidents(Contract):
    """What failed, where, since when, who minds it, and whether it is over. No value of any row."""

    incident_id: pl.String = column("Key of the incident", unique=True)
    asset: pl.String = column("Asset key, `stage/entity`")
    check: pl.String = column("The check that failed, or `step`")
    first_day: pl.Date = column("First day that ever failed; null: the table", nullable=True)
    last_day: pl.Date = column("Last day that ever failed; null: the table", nullable=True)
    failing_days: pl.List(pl.Date) = column("Days that still fail, ascending")
    severity: pl.String = column("The worst that was seen", isin=SEVERITIES)
    state: pl.String = column("Where it stands", isin=STATES)
    opened_at: MOMENT = column("When a run first found it")
    acknowledged_at: MOMENT = column("When somebody took it on", nullable=True)
    acknowledged_by: pl.String = column("Who took it on", pii="quasi", nullable=True)
    resolved_at: MOMENT = column("When a run found all of it mended", nullable=True)
    last_seen_at: MOMENT = column("When a run last found it")
    runs: pl.Int64 = column("How many runs found it", ge=1)
    reopened: pl.Int64 = column("How often it came back", ge=0)
    failing_rows: pl.Int64 = column("Rows that failed when it was last seen", nullable=True)
    text: pl.String = column("Names of rules and counts, when it was last seen")
    owner: pl.String = column("Who owns the asset", nullable=True)
    downstream: pl.List(pl.String) = column("Asset keys that depend on it, nearest first")
    runbook: pl.String = column("What to do: a file below docs/runbooks")
    run_id: pl.String = column("The run that last found it")
    merged_into: pl.String = column("The incident that goes on for it", nullable=True)
    pending: PENDING = column("Notifications that are still to be delivered")

    class Config:
        """The table."""

        metadata = {
            "table": TableInfo(
                "incidents/history",
                "Incidents: failing checks and steps, from opening to resolution",
                "one incident",
                unique_by=("incident_id",),
                retention_days=800,
            )
        }
