"""Write, audit, publish: a table's frame is held against its contract before anyone can see it.

Used by every table asset. A day that breaks its contract is not written, the others are; the checks
are reported either way, and then the step fails.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from de_assets.contracts.audit import Rule, Verdict, audit, rules
from de_assets.contracts.base import (
    MINIMUM_REJECTS_TO_BLOCK,
    Contract,
    columns,
    table_info,
)
from de_assets.errors import StorageError
from de_assets.storage.lake import Lake
from de_assets.storage.table_io_manager import Published

MOST_DAYS_SHOWN = 20


@dataclass
class DayReport:
    """What happened to one day (or to the whole table, where `day` is None)."""

    day: date | None
    rows: int = 0
    size_bytes: int = 0
    seconds: float = 0.0
    quarantined: int = 0
    duplicates: int = 0
    rows_in: int | None = None
    problem: str = ""


@dataclass
class Publisher:
    """Audits and writes one table, pass by pass, and then reports to Dagster."""

    context: dg.AssetExecutionContext
    contract: type[Contract]
    lake: Lake
    reports: dict[date | None, DayReport] = field(default_factory=dict)
    _failing: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _structural: list[str] = field(default_factory=list)
    _failing_days: dict[str, list[date | None]] = field(default_factory=lambda: defaultdict(list))

    @property
    def key(self) -> str:
        """Asset key of the table, `stage/entity`."""
        return table_info(self.contract).key

    def audit(self, frame: pl.DataFrame) -> Verdict:
        """Hold a frame against the contract and remember what was found; columns in any order."""
        verdict = audit(self.contract, self._in_order(frame))
        self._structural.extend(verdict.structural)
        for name, mask in verdict.failing.items():
            self._failing[name] += int(mask.sum())
            days = frame.filter(mask)["dt"].unique().to_list() if "dt" in frame.columns else [None]
            self._failing_days[name].extend(days)
        return verdict

    def publish(self, frame: pl.DataFrame, days: Sequence[date | None]) -> None:
        """Audit a frame and write each day of it that keeps the contract.

        Args:
            frame: Columns of the contract in any order and, for daily tables, `dt` (Date).
            days: The days that the frame stands for; one without rows becomes an empty table.

        Raises:
            StorageError: the frame has rows of another day, which would be lost.
        """
        if "dt" in frame.columns and (strays := set(frame["dt"].unique()) - set(days)):
            raise StorageError(
                f"{len(strays)} days came that were not asked for, such as {min(strays)}",
                where=self.key,
                fix="let the transform keep the `dt` of its input rows",
            )
        verdict = self.audit(frame)
        broken: dict[date | None, int] = {}
        if not verdict.structural:
            rejected = verdict.rejected()
            if rejected.any():
                bad = frame.filter(rejected)
                broken = (
                    dict(bad.group_by("dt").len().iter_rows())
                    if "dt" in bad.columns
                    else {None: bad.height}
                )
        for day in days:
            if verdict.structural:
                self.block(day, "; ".join(verdict.structural))
            elif day in broken:
                self.block(day, f"{broken[day]:,} rows break the contract")
        self.write(frame, [day for day in days if not self.report(day).problem])

    def write(self, frame: pl.DataFrame, days: Sequence[date | None]) -> None:
        """Write each day of a frame that has been audited already."""
        frame = self._in_order(frame)
        parts: dict[tuple[Any, ...], pl.DataFrame] = {(None,): frame}
        if "dt" in frame.columns:
            parts = frame.partition_by("dt", as_dict=True, include_key=False)
        empty = frame.drop("dt", strict=False).clear()
        for day in days:
            started = time.perf_counter()
            written = self.lake.write(self.key, parts.get((day,), empty), day)
            report = self.report(day)
            report.rows, report.size_bytes = written.rows, written.size_bytes
            report.seconds += time.perf_counter() - started

    def block(self, day: date | None, problem: str) -> None:
        """Withhold a day: what the lake held of it before stays readable."""
        self.report(day).problem = problem

    def report(self, day: date | None) -> DayReport:
        """The report of a day, to add to."""
        return self.reports.setdefault(day, DayReport(day))

    def spent(self, seconds: float, days: Sequence[date | None]) -> None:
        """Share the time of a pass among its days."""
        for day in days:
            self.report(day).seconds += seconds / len(days)

    def check_results(self) -> Iterator[dg.AssetCheckResult]:
        """One result for each dimension of the contract, its rules as a table."""
        is_blocked = any(report.problem for report in self.reports.values())
        total = sum(report.rows + report.quarantined for report in self.reports.values())
        by_dimension: dict[str, list[Rule]] = defaultdict(list)
        for rule in rules(self.contract):
            by_dimension[rule.dimension].append(rule)
        for dimension, dimension_rules in by_dimension.items():
            failing = {
                rule.name: len(self._structural)
                if dimension == "schema"
                else self._failing.get(rule.name, 0)
                for rule in dimension_rules
            }
            days = sorted(
                {
                    str(day)
                    for rule in dimension_rules
                    for day in self._failing_days.get(rule.name, [])
                    if day is not None
                }
            )
            metadata: dict[str, Any] = {
                "failing_rows": sum(failing.values()),
                "checked_rows": total,
                "rules": _rule_table(dimension_rules, failing, total),
            }
            if days:
                metadata["failing_days"] = len(days)
                metadata["days"] = ", ".join(days[:MOST_DAYS_SHOWN])
            if dimension == "schema" and self._structural:
                metadata["found"] = "; ".join(sorted(set(self._structural)))
            yield dg.AssetCheckResult(
                asset_key=dg.AssetKey(self.key.split("/")),
                check_name=dimension,
                passed=not any(failing.values()),
                severity=(
                    dg.AssetCheckSeverity.ERROR if is_blocked else dg.AssetCheckSeverity.WARN
                ),
                metadata=metadata,
            )

    def conservation_result(self) -> dg.AssetCheckResult:
        """Whether every row that came in is accounted for, day by day."""
        lost = {
            report.day: report.rows_in - report.rows - report.quarantined - report.duplicates
            for report in self.reports.values()
            if report.rows_in is not None and not report.problem
        }
        wrong = {day: rows for day, rows in lost.items() if rows}
        reports = self.reports.values()
        return dg.AssetCheckResult(
            asset_key=dg.AssetKey(self.key.split("/")),
            check_name="conservation",
            passed=not wrong,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={
                "raw_rows": sum(report.rows_in or 0 for report in reports),
                "cleaned_rows": sum(report.rows for report in reports),
                "quarantined_rows": sum(report.quarantined for report in reports),
                "duplicate_rows": sum(report.duplicates for report in reports),
                "unaccounted_rows": sum(wrong.values()),
                "days": ", ".join(str(day) for day in list(wrong)[:MOST_DAYS_SHOWN]),
            },
        )

    def add_metadata(self) -> None:
        """Tell Dagster of each day's rows, bytes and seconds."""
        for report in self.reports.values():
            is_daily = report.day is not None
            metadata: dict[str, Any] = {
                "dagster/partition_row_count" if is_daily else "dagster/row_count": report.rows,
                "rows": report.rows,
                "size_bytes": report.size_bytes,
                "seconds": round(report.seconds, 4),
            }
            if report.rows_in is not None:
                metadata |= {
                    "rows_in": report.rows_in,
                    "quarantined": report.quarantined,
                    "duplicates": report.duplicates,
                }
            self.context.add_asset_metadata(
                metadata,
                asset_key=dg.AssetKey(self.key.split("/")),
                partition_key=str(report.day) if is_daily else None,
            )

    def output(self, output_name: str | None = None) -> dg.Output[Published]:
        """The receipt that the IO manager passes on."""
        rows = sum(report.rows for report in self.reports.values())
        return dg.Output(Published(rows), output_name=output_name or "result")

    def fail_if_blocked(self) -> Iterator[dg.AssetMaterialization]:
        """Fail the step if any day was withheld; the days that were written are recorded first.

        Raises:
            dagster.Failure: names the days and what is wrong with them.
        """
        blocked = [report for report in self.reports.values() if report.problem]
        if not blocked:
            return
        for report in self.reports.values():
            if not report.problem and report.day is not None:
                yield dg.AssetMaterialization(
                    self.key.split("/"),
                    partition=str(report.day),
                    metadata={"rows": report.rows, "size_bytes": report.size_bytes},
                )
        shown = "; ".join(
            f"{report.day or 'the table'}: {report.problem}" for report in blocked[:MOST_DAYS_SHOWN]
        )
        raise dg.Failure(
            f"{self.key} was not published for {len(blocked)} of {len(self.reports)} partitions: "
            f"{shown}. What the lake held of them before is still there. See the asset's checks "
            f"for the rules, and docs/failure-policy.md for what to do.",
            allow_retries=False,
            metadata={"blocked": len(blocked)},
        )

    def _in_order(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Columns in the contract's order; missing and extra ones are left for the audit."""
        declared = [info.name for info in columns(self.contract) if info.name in frame.columns]
        return frame.select(*declared, pl.exclude(declared))


def is_beyond_tolerance(contract: type[Contract], rejected: int, rows: int) -> bool:
    """Whether so many rows of a day are rejected that the day as a whole is not to be trusted."""
    rate = table_info(contract).tolerated_reject_rate
    return rejected >= MINIMUM_REJECTS_TO_BLOCK and rejected > rate * rows


def _rule_table(
    dimension_rules: Sequence[Rule], failing: dict[str, int], total: int
) -> dg.TableMetadataValue:
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "rule": rule.name,
                    "severity": rule.severity,
                    "failing_rows": failing[rule.name],
                    "rate": round(failing[rule.name] / total, 6) if total else 0.0,
                }
            )
            for rule in dimension_rules
        ]
    )
