"""Write, audit, publish: a table's frame is held against its contract before anyone can see it.

Used by every table asset. A day that breaks its contract is not written, the others are; the checks
are reported either way, and then the step fails.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import dagster as dg
import polars as pl

from de_assets.assets.tally import Tally
from de_assets.checks.days import MOST_DAYS_SHOWN, failing_days_metadata
from de_assets.checks.watch import Watch
from de_assets.contracts.audit import Verdict, audit
from de_assets.contracts.base import Contract, columns, table_info
from de_assets.errors import StorageError
from de_assets.storage.lake import Lake
from de_assets.storage.table_io_manager import Published


@dataclass
class DayReport:
    """What happened to one day (or to the whole table, where `day` is None)."""

    day: date | None
    rows: int = 0
    size_bytes: int = 0
    seconds: float = 0.0
    quarantined: int = 0
    duplicates: int = 0
    erased: int = 0
    rows_in: int | None = None
    problem: str = ""


@dataclass
class Publisher:
    """Audits and writes one table, pass by pass, and then reports to Dagster."""

    context: dg.AssetExecutionContext
    contract: type[Contract]
    lake: Lake
    watch: Watch | None = None
    reports: dict[date | None, DayReport] = field(default_factory=dict)

    @cached_property
    def tally(self) -> Tally:
        """What the audits of this run found."""
        return Tally(self.contract)

    @property
    def key(self) -> str:
        """Asset key of the table, `stage/entity`."""
        return table_info(self.contract).key

    def audit(self, frame: pl.DataFrame, days: Sequence[date | None]) -> Verdict:
        """Hold a frame against the contract and remember what was found; columns in any order."""
        verdict = audit(self.contract, self._in_order(frame))
        self.tally.add(verdict, frame, days)
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
        verdict = self.audit(frame, days)
        broken = self._broken(verdict, frame)
        for day in days:
            if verdict.structural:
                self.block(day, "; ".join(verdict.structural))
            elif day in broken:
                self.block(day, f"{broken[day]:,} rows break the contract")
            elif beyond := self.tally.rules_beyond_tolerance(day):
                self.block(day, f"more rows than tolerated break {beyond[0].name}")
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
        if self.watch is not None:
            self.watch.add(frame, days)

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
        """One result for each dimension of the contract, and those of the days before."""
        is_blocked = any(report.problem for report in self.reports.values())
        yield from self.tally.results(is_blocked=is_blocked)
        if self.watch is not None:
            yield from self.watch.results()

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
                **failing_days_metadata(day for day in wrong if day is not None),
            },
        )

    def add_metadata(self, of_the_last: Mapping[str, Any] | None = None) -> None:
        """Tell Dagster of each day's rows, bytes and seconds.

        Args:
            of_the_last: What is true of all days, and told once: with the last of them.
        """
        last = max(self.reports, key=lambda day: day or date.min, default=None)
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
            if table_info(self.contract).stage == "raw":
                metadata["erased"] = report.erased
            if report.day == last:
                metadata |= of_the_last or {}
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

    def _broken(self, verdict: Verdict, frame: pl.DataFrame) -> dict[date | None, int]:
        """Rows of each day that break a rule which tolerates none."""
        if verdict.structural:
            return {}
        bad = frame.filter(verdict.rejected(with_tolerance=False))
        if bad.is_empty():
            return {}
        if "dt" not in bad.columns:
            return {None: bad.height}
        return dict(bad.group_by("dt").len().iter_rows())
