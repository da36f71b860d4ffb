"""What a finished run found, check by check, in this project's own words.

Made by `observe.py` from Dagster's events, taken in by `book.py`. Texts hold names of rules and
counts, never a value of a row.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

STEP = "step"
Severity = Literal["warn", "error"]


@dataclass(frozen=True)
class Failing:
    """A check that failed, or a step that failed without a failing check (`STEP`).

    Attributes:
        asset: Asset key, `stage/entity`.
        check: Name of the check, or `STEP`.
        days: Days that fail; None for a table as a whole.
        severity: `error` if something was withheld or stopped, else `warn`.
        failing_rows: How many rows, if the check counts rows.
        text: Names of rules and counts.
        owner: `team:...` or an address; None if the asset has no owner.
        downstream: Asset keys that depend on it, nearest first.
        runbook: A file below `docs/runbooks/`.
    """

    asset: str
    check: str
    days: frozenset[date] | None
    severity: Severity
    failing_rows: int | None = None
    text: str = ""
    owner: str | None = None
    downstream: tuple[str, ...] = ()
    runbook: str = "docs/runbooks/README.md"


@dataclass(frozen=True)
class Passing:
    """A check or a step that went well for these days; `days` is None for the whole table."""

    asset: str
    check: str
    days: frozenset[date] | None


@dataclass(frozen=True)
class Observed:
    """What one finished run found.

    Attributes:
        run_id: Dagster's id of the run.
        status: How it ended: SUCCESS, FAILURE or CANCELED.
        ended_at: When, UTC.
        failing: What failed.
        passing: What went well.
    """

    run_id: str
    status: str
    ended_at: datetime
    failing: tuple[Failing, ...] = ()
    passing: tuple[Passing, ...] = ()
