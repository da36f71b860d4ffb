"""What a check found, day by day, and how Dagster is told: one evaluation for all days of a run.

Every check measures something per day and holds it against bounds that come from earlier days.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from de_assets.checks.days import failing_days_metadata

SCHEMA = pl.Schema(
    {
        "dt": pl.Date(),
        "column": pl.String(),  # empty for what is true of the whole day
        "measure": pl.String(),
        "value": pl.Float64(),
        "usual": pl.Float64(),
        "lower": pl.Float64(),  # null where nothing is too small
        "upper": pl.Float64(),  # null where nothing is too large
        "reference_days": pl.Int64(),
    }
)
MOST_ROWS_SHOWN = 20
TINY = 1e-9


@dataclass(frozen=True)
class Judgement:
    """The measures of the judged days.

    Attributes:
        measures: A frame of `SCHEMA`, and no row for a day that could not be judged.
        days: Every day that was to be judged.
        gaps: Those of them on which nothing is due.
    """

    measures: pl.DataFrame
    days: tuple[date, ...]
    gaps: tuple[date, ...] = ()

    @property
    def alarms(self) -> pl.DataFrame:
        """The measures that are out of bounds, with the columns of `SCHEMA`."""
        value = pl.col("value")
        return self.measures.filter((value < pl.col("lower")) | (value > pl.col("upper")))

    @property
    def failing_days(self) -> list[date]:
        """Days with an alarm, ascending."""
        return self.alarms["dt"].unique().sort().to_list()

    @property
    def days_without_history(self) -> int:
        """Days of which too little is known before them to say what is usual."""
        return len(set(self.days) - set(self.gaps) - set(self.measures["dt"].to_list()))

    def result(self, table: str, check_name: str) -> dg.AssetCheckResult:
        """The evaluation of all days, as a warning: nothing is held up by it."""
        failing = self.failing_days
        metadata: dict[str, Any] = {
            "judged_days": len(self.days) - len(self.gaps) - self.days_without_history,
            "days_without_enough_history": self.days_without_history,
            "gap_days": len(self.gaps),
            **failing_days_metadata(failing),
        }
        if not self.measures.is_empty():
            metadata["measures"] = dg.MetadataValue.table(
                _records(self._by_nearness().head(MOST_ROWS_SHOWN))
            )
        return dg.AssetCheckResult(
            asset_key=dg.AssetKey(table.split("/")),
            check_name=check_name,
            passed=not failing,
            severity=dg.AssetCheckSeverity.WARN,
            description=self._description(),
            metadata=metadata,
        )

    def _description(self) -> str:
        failing = self.failing_days
        if failing:
            worst = self._by_nearness().unique("measure", keep="first", maintain_order=True)
            found = worst.join(self.alarms, on=["dt", "column", "measure"], how="semi")
            told = "; ".join(_sentence(row) for row in found.iter_rows(named=True))
            text = f"{len(failing)} of {len(self.days)} days are unusual, such as {told}."
        elif len(self.days) == len(self.gaps):
            text = "Nothing is due on these days."
        elif self.measures.is_empty():
            text = "Too little history to say what is usual."
        else:
            text = "As usual."
        return text

    def _by_nearness(self) -> pl.DataFrame:
        """The measures, alarms first, and then by how near they are to one."""
        value = pl.col("value")
        is_alarm = (value < pl.col("lower")) | (value > pl.col("upper"))
        below = pl.when(pl.col("lower") > 0).then(pl.col("lower") / value.clip(lower_bound=TINY))
        nearness = pl.max_horizontal(value / pl.col("upper"), below)
        ranked = self.measures.with_columns(_alarm=is_alarm.fill_null(value=False), _near=nearness)
        ordered = ranked.sort("_alarm", "_near", descending=True, nulls_last=True)
        return ordered.drop("_alarm", "_near")


def _sentence(row: dict[str, Any]) -> str:
    """One alarm in words; of values only counts and shares."""
    bounds = [
        f"{word} {_short(row[bound])}"
        for bound, word in (("lower", "from"), ("upper", "up to"))
        if row[bound] is not None
    ]
    of_column = f" of {row['column']}" if row["column"] else ""
    return (
        f"{row['measure']}{of_column} {_short(row['value'])} on {row['dt']} "
        f"(usual is {' '.join(bounds)})"
    )


def _records(measures: pl.DataFrame) -> list[dg.TableRecord]:
    """Rows of the metadata table, which takes no null."""
    numbers = ("value", "usual", "lower", "upper")
    return [
        dg.TableRecord(
            {
                "day": str(row["dt"]),
                "column": row["column"],
                "measure": row["measure"],
                **{name: _short(row[name]) for name in numbers},
                "reference_days": row["reference_days"],
            }
        )
        for row in measures.iter_rows(named=True)
    ]


def _short(number: float | None) -> str:
    return "" if number is None else f"{number:,.4g}" if abs(number) < 1000 else f"{number:,.0f}"
