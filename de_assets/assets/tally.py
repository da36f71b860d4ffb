"""What the audits of one run found, day by day, and what Dagster is told of it.

One check result for each dimension of the contract, whatever the number of days: every check event
costs 0.1 to 0.2 seconds on SQLite.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from de_assets.checks.days import failing_days_metadata
from de_assets.contracts.audit import Rule, Verdict, rules
from de_assets.contracts.base import MINIMUM_REJECTS_TO_BLOCK, Contract, table_info

Day = date | None


def _no_counts() -> dict[str, dict[Day, int]]:
    return defaultdict(dict)


@dataclass
class Tally:
    """Rows that were audited, and rows that break each rule, by day (None: the whole table)."""

    contract: type[Contract]
    audited: dict[Day, int] = field(default_factory=dict)
    failing: dict[str, dict[Day, int]] = field(default_factory=_no_counts)
    structural: dict[str, set[Day]] = field(default_factory=lambda: defaultdict(set))

    def add(self, verdict: Verdict, frame: pl.DataFrame, days: Sequence[Day]) -> None:
        """Take in the verdict on a frame of some days."""
        rows = _rows_by_day(frame)
        self.audited |= {day: rows.get(day, 0) for day in days}
        for problem in verdict.structural:
            self.structural[problem].update(days)
        for name, mask in verdict.failing.items():
            self.failing[name] |= _rows_by_day(frame.filter(mask))

    def rules_beyond_tolerance(self, day: Day) -> list[Rule]:
        """Rules of severity `error` that declare a tolerance which the day exceeds."""
        return [
            rule
            for rule in rules(self.contract)
            if rule.severity == "error"
            and rule.tolerated_rate is not None
            and is_beyond(self.failing[rule.name].get(day, 0), self._rows(day), rule.tolerated_rate)
        ]

    def results(self, *, is_blocked: bool) -> Iterator[dg.AssetCheckResult]:
        """One result for each dimension of the contract, its rules as a table."""
        by_dimension: dict[str, list[Rule]] = defaultdict(list)
        for rule in rules(self.contract):
            by_dimension[rule.dimension].append(rule)
        for dimension, dimension_rules in by_dimension.items():
            failing = {rule: self._failing_days(rule) for rule in dimension_rules}
            days = {day for found in failing.values() for day in found}
            metadata: dict[str, Any] = {
                "failing_rows": sum(sum(found.values()) for found in failing.values()),
                "checked_rows": sum(self.audited.values()),
                "rules": self._rule_table(failing),
                **failing_days_metadata(day for day in days if day is not None),
            }
            if dimension == "schema" and self.structural:
                metadata["found"] = "; ".join(sorted(self.structural))
            yield dg.AssetCheckResult(
                asset_key=dg.AssetKey(table_info(self.contract).key.split("/")),
                check_name=dimension,
                passed=not any(self._is_alarming(rule, found) for rule, found in failing.items()),
                severity=(
                    dg.AssetCheckSeverity.ERROR if is_blocked else dg.AssetCheckSeverity.WARN
                ),
                metadata=metadata,
            )

    def _failing_days(self, rule: Rule) -> Mapping[Day, int]:
        if rule.dimension != "schema":
            return self.failing[rule.name]
        found: dict[Day, int] = {}
        for days in self.structural.values():
            for day in days:
                found[day] = found.get(day, 0) + 1
        return found

    def _is_alarming(self, rule: Rule, found: Mapping[Day, int]) -> bool:
        """Any row that breaks an `error`; of a `warn`, more of a day than it tolerates."""
        if rule.severity == "error" or rule.tolerated_rate is None:
            return any(found.values())
        rate = rule.tolerated_rate
        return any(count > rate * self._rows(day) for day, count in found.items())

    def _rows(self, day: Day) -> int:
        return self.audited.get(day, 0)

    def _rule_table(self, failing: Mapping[Rule, Mapping[Day, int]]) -> dg.TableMetadataValue:
        total = sum(self.audited.values())
        records = []
        for rule, found in failing.items():
            count = sum(found.values())
            record: dict[str, str | float] = {
                "rule": rule.name,
                "severity": rule.severity,
                "failing_rows": count,
                "rate": round(count / total, 6) if total else 0.0,
                "tolerated_rate": "" if rule.tolerated_rate is None else f"{rule.tolerated_rate:g}",
            }
            records.append(dg.TableRecord(record))
        return dg.MetadataValue.table(records)


def is_beyond(failing: int, rows: int, tolerated_rate: float) -> bool:
    """Whether so many rows fail that the day as a whole is not to be trusted.

    A rate of few rows says nothing, so that fewer than `MINIMUM_REJECTS_TO_BLOCK` are tolerated;
    but where none is tolerated, one is too many.
    """
    is_enough = failing >= MINIMUM_REJECTS_TO_BLOCK or tolerated_rate == 0
    return is_enough and failing > tolerated_rate * rows


def _rows_by_day(frame: pl.DataFrame) -> dict[Day, int]:
    if "dt" not in frame.columns:
        return {None: frame.height} if frame.height else {}
    return dict(frame.group_by("dt").len().iter_rows())
