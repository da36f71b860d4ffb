"""What stands in quarantine, by rule: how many rows, since when, and an example that names nobody.

Used on every materialization of `quarantine/<entity>`, by the report of `de-assets run`, and by
`de-assets quarantine`. Values are shown as their shape: suppliers exchange columns, and then
anything may stand anywhere.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import dagster as dg
import polars as pl

from de_assets.contracts.audit import rules
from de_assets.contracts.base import columns
from de_assets.contracts.raw import QUARANTINE
from de_assets.contracts.tables import TABLES
from de_assets.storage.lake import Lake

LOOK_BACK_DAYS = (
    35  # a run looks no further back, so that it costs the same whatever the lake holds
)
LONGEST_EXAMPLE = 40
METADATA = "quarantine"
SMALL_NUMBER = re.compile(r"[+-]?([0-9]{1,6}|(?=[0-9.,]{3,7}$)[0-9]+[.,][0-9]+)")
ISO_DATE = re.compile(r"(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class Finding:
    """The rows of a table that broke one rule.

    Attributes:
        rule: Name of the rule, as the checks show it.
        rows: How many rows broke it.
        days: On how many days; None for a table without days.
        since: First day on which it was broken, ISO; `before <day>` if that is further back than
            was looked; empty for a table without days.
        until: Last day on which it was broken, ISO.
        example: What stood in the column, as its shape; empty where a value could tell of a person,
            or where the rule is about whole rows.
        source: The file or service that the example came from.
        source_row: Its row number there, from 1.
    """

    rule: str
    rows: int
    days: int | None
    since: str
    until: str
    example: str
    source: str
    source_row: int

    def to_json(self) -> dict[str, Any]:
        """The finding by its names, as reports and table metadata take it."""
        return {name: "" if value is None else value for name, value in asdict(self).items()}


@dataclass
class QuarantineReport:
    """What passes over some days of one quarantine found, by rule."""

    entity: str
    passes: list[pl.DataFrame] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Asset key of the quarantine."""
        return f"quarantine/{self.entity}"

    def add(self, rows: pl.DataFrame | pl.LazyFrame) -> None:
        """Take in quarantined rows: the columns of the quarantine and, for daily tables, `dt`.

        Days must not come twice.
        """
        found = _by_rule(rows.lazy(), self._shown_columns.values()).collect()
        if found.height:
            self.passes.append(found)

    def metadata(self, lake: Lake, first_day: date | None) -> dict[str, dg.TableMetadataValue]:
        """The findings of a run as Dagster shows them; nothing if there are none."""
        found = self.findings(lake, first_day)
        if not found:
            return {}
        return {METADATA: dg.MetadataValue.table([dg.TableRecord(f.to_json()) for f in found])}

    def findings(self, lake: Lake, first_day: date | None) -> list[Finding]:
        """What was added, most rows first; `since` looks up to 35 days further back in the lake."""
        found = self._found()
        earlier = {} if first_day is None else self._earlier(lake, first_day, list(found))
        return self._listed(found, earlier)

    def all_findings(self) -> list[Finding]:
        """What was added, most rows first, and nothing else."""
        return self._listed(self._found(), {})

    @cached_property
    def _shown_columns(self) -> dict[str, str]:
        """The source column that a rule is about, if neither it nor the cleaned one is personal."""
        contract = TABLES[f"cleaned/{self.entity}"]
        harmless = {each.name for each in columns(QUARANTINE[self.entity]) if each.pii == "none"}
        sources = {each.name: each.source for each in columns(contract) if each.pii == "none"}
        return {
            rule.name: sources[rule.column]
            for rule in rules(contract)
            if rule.column in sources and sources[rule.column] in harmless
        }

    def _found(self) -> dict[str, dict[str, Any]]:
        """All passes together: of each rule the sums, the bounds, and the newest example."""
        together: dict[str, dict[str, Any]] = {}
        for row in (row for found in self.passes for row in found.iter_rows(named=True)):
            before = together.get(row["reasons"])
            if before is None:
                together[row["reasons"]] = row
                continue
            newest = max(before, row, key=lambda each: each["last"] or date.min)
            together[row["reasons"]] = newest | {
                "rows": before["rows"] + row["rows"],
                "days": before["days"] + row["days"],
                "first": min(before["first"], row["first"]) if row["first"] else None,
            }
        return together

    def _earlier(self, lake: Lake, first_day: date, names: list[str]) -> dict[str, str]:
        """`since` of the rules that were broken before a day, too."""
        if not names:
            return {}
        before = [day for day in lake.days(self.key) if day < first_day]
        looked_at = [day for day in before if day >= first_day - timedelta(LOOK_BACK_DAYS)]
        if not looked_at:
            return {}
        firsts = (
            lake.scan_days_of_any_type(self.key, looked_at)
            .select("reasons", "dt")
            .explode("reasons")
            .filter(pl.col("reasons").is_in(names))
            .group_by("reasons")
            .agg(pl.col("dt").min())
            .collect()
        )
        reaches_further = looked_at != before
        return {
            rule: f"before {day}" if reaches_further and day == looked_at[0] else str(day)
            for rule, day in firsts.iter_rows()
        }

    def _listed(self, found: dict[str, dict[str, Any]], since: dict[str, str]) -> list[Finding]:
        listed = [
            Finding(
                rule=rule,
                rows=row["rows"],
                days=None if row["first"] is None else row["days"],
                since=since.get(rule, str(row["first"] or "")),
                until=str(row["last"] or ""),
                example=shape(row["example"].get(self._shown_columns.get(rule, ""))),
                source=row["_source"],
                source_row=row["_source_row"],
            )
            for rule, row in found.items()
        ]
        return sorted(listed, key=lambda each: (-each.rows, each.rule))


def whole_report(lake: Lake, entity: str) -> list[Finding]:
    """What the whole lake holds of one quarantine, most rows first; empty if it has none yet."""
    report = QuarantineReport(entity)
    if days := lake.days(report.key):
        report.add(lake.scan_days_of_any_type(report.key, days))
    elif lake.has(report.key):
        report.add(lake.scan(report.key))
    return report.all_findings()


def shape(text: str | None) -> str:
    """A value without what it says: digits as 9, letters as a; small numbers and dates as they are.

    Text with an `@` is not shown at all; signs of writing that are neither letter nor digit are
    kept if they are plain, and long text is cut.
    """
    if text is None or "@" in text:
        return ""
    stripped = text.strip()
    if SMALL_NUMBER.fullmatch(stripped) or ISO_DATE.fullmatch(stripped):
        return stripped
    shown = "".join(map(_shape_of, text[:LONGEST_EXAMPLE]))
    return shown + "..." if len(text) > LONGEST_EXAMPLE else shown


def _shape_of(character: str) -> str:
    kind = unicodedata.category(character)
    if kind[0] == "L":
        return "a"
    if kind[0] == "N":
        return "9"
    return character if kind == "Sc" or " " <= character <= "~" else "?"


def _by_rule(rows: pl.LazyFrame, shown: Iterable[str]) -> pl.LazyFrame:
    """One row for each rule: how many rows, which days, and the first row of the last day."""
    if "dt" not in rows.collect_schema():
        rows = rows.with_columns(dt=pl.lit(None, pl.Date))
    values = sorted(set(shown))
    example = pl.struct(*values) if values else pl.struct(pl.lit(None).alias("_"))
    newest_first = ["dt", "_source", "_source_row"]
    return (
        rows.select("reasons", "dt", "_source", "_source_row", example=example)
        .explode("reasons")
        .sort(newest_first, descending=[True, False, False])
        .group_by("reasons")
        .agg(
            pl.len().alias("rows"),
            pl.col("dt").n_unique().alias("days"),
            pl.col("dt").min().alias("first"),
            pl.col("dt").max().alias("last"),
            pl.col("example", "_source", "_source_row").first(),
        )
    )
