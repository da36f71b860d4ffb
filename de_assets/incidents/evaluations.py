"""What one evaluation of a check says: which days it looked at, which failed, and how many rows.

The project's checks are evaluated once a run for all its days; they name the failing days in
`failing_ranges` of their metadata, and those that they looked at, if not the run's, in
`checked_ranges`. Used by `observe.py`.
"""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Protocol

import dagster as dg

# Metadata of a check: lists of [first, last] as JSON, both included.
FAILING_RANGES = "failing_ranges"
CHECKED_RANGES = "checked_ranges"
ROW_COUNTS = ("failing_rows", "unaccounted_rows", "rejected_rows", "differing_values")
MOST_NAMED = 6
# Whatever days a run is about, these look at everything: all files of the landing, all that the CRM
# has not accepted yet, all that it holds. So a run of any day tells that they are mended.
OF_THE_WHOLE = ("deliveries", "accepted", "in_step")
# The descriptions of these hold names of measures and numbers; another's may quote what it found.
DESCRIBED = ("volume", "freshness", "drift", "gate")
Days = frozenset[date] | None


class Evaluation(Protocol):
    """What we read of Dagster's own record of an evaluation."""

    @property
    def asset_key(self) -> dg.AssetKey:
        """The asset that was checked."""

    @property
    def check_name(self) -> str:
        """Name of the check."""

    @property
    def passed(self) -> bool:
        """Whether it passed."""

    @property
    def severity(self) -> dg.AssetCheckSeverity:
        """How bad it is that it did not."""

    @property
    def metadata(self) -> Mapping[str, dg.MetadataValue[Any]]:
        """What else the check tells."""

    @property
    def description(self) -> str | None:
        """What the check says in words."""

    @property
    def partition(self) -> str | None:
        """The partition of a partitioned check."""


def failing_days(evaluation: Evaluation, run_days: Days) -> Days:
    """The days that failed; without `failing_ranges` all that were looked at."""
    return _ranges(evaluation, FAILING_RANGES) or checked_days(evaluation, run_days)


def checked_days(evaluation: Evaluation, run_days: Days) -> Days:
    """The days that were looked at: those that the check names, else its partition, or the run's.

    Args:
        evaluation: One evaluation of one check.
        run_days: Days of the asset that the run was about; None for the table as a whole.
    """
    if evaluation.check_name in OF_THE_WHOLE:
        return None
    if evaluation.partition is not None:
        return days_between(evaluation.partition, evaluation.partition)
    return _ranges(evaluation, CHECKED_RANGES) or run_days


def failing_rows(evaluation: Evaluation) -> int | None:
    """How many rows failed; None if the check does not count rows."""
    for name in ROW_COUNTS:
        value = evaluation.metadata.get(name)
        if value is not None and isinstance(value.value, int):
            return value.value
    rules = _failing_rules(evaluation)
    return sum(rules.values()) if rules else None


def text(evaluation: Evaluation) -> str:
    """Rules and how many rows broke them, else the counts that the check gives."""
    if evaluation.check_name in DESCRIBED and evaluation.description:
        return evaluation.description
    numbers: Mapping[str, float] = _failing_rules(evaluation) or {
        name: value.value
        for name, value in evaluation.metadata.items()
        if isinstance(value, dg.IntMetadataValue | dg.FloatMetadataValue) and value.value
    }
    # What counts against it first; Dagster orders metadata by name.
    ordered = sorted(numbers.items(), key=lambda item: item[0] not in ROW_COUNTS)
    shown = [f"{name}: {number:,}" for name, number in ordered[:MOST_NAMED]]
    more = len(numbers) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def days_between(first: str, last: str) -> Days:
    """Every day from one partition to another, both included; None where they are not days."""
    try:
        since, until = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return None
    return frozenset(since + timedelta(days=n) for n in range((until - since).days + 1))


def _ranges(evaluation: Evaluation, name: str) -> Days:
    metadata = evaluation.metadata.get(name)
    value = metadata.value if metadata is not None else "[]"
    ranges: list[tuple[str, str]] = json.loads(value) if isinstance(value, str) else value
    days: set[date] = set()
    for first, last in ranges:
        days |= days_between(first, last) or set()
    return frozenset(days) or None


def _failing_rules(evaluation: Evaluation) -> dict[str, int]:
    """Rows that broke each rule of a contract check, by the rule's name."""
    rules = evaluation.metadata.get("rules")
    if not isinstance(rules, dg.TableMetadataValue):
        return {}
    rows = [record.data for record in rules.records]
    return {str(row["rule"]): int(row["failing_rows"] or 0) for row in rows if row["failing_rows"]}
