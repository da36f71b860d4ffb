"""The checks of volume, freshness and drift at work: profile what a run makes, then judge it.

A run profiles its days pass by pass, keeps the profiles, and judges all its days at once at the
end. Nothing here holds up a table: what goes wrong with the checks themselves is a warning too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import dagster as dg
import polars as pl

from de_assets.checks.drift import judge_drift
from de_assets.checks.freshness import judge_freshness
from de_assets.checks.history import ProfileHistory
from de_assets.checks.judgement import Judgement
from de_assets.checks.profile import (
    Watched,
    profile_of_arrival,
    profile_of_rows,
    profile_of_values,
)
from de_assets.checks.volume import judge_volume
from de_assets.contracts.base import Contract, table_info
from de_assets.contracts.source_tables import SourceTable
from de_assets.errors import DeAssetsError
from de_assets.storage.objects import ObjectStore

DESCRIPTIONS = {
    "volume": "As many rows came as on the same weekday before, and they came once.",
    "freshness": "Each day was delivered to its end, and no longer pause than usual came before.",
    "drift": "The values of each day look like those of the weeks before it.",
}
CHECKS: Mapping[str, tuple[str, ...]] = {
    "raw/order_lines": ("volume", "freshness"),
    "raw/events": ("volume", "freshness"),
    "cleaned/order_lines": ("drift",),
    "cleaned/events": ("drift",),
    "features/contact_features": ("drift",),
    "predictions/lead_scores": ("drift",),
}
"""Which tables are watched. An asset has six checks at most, those of its contract included."""

Profile = Callable[[pl.DataFrame], pl.DataFrame]
Judge = Callable[[pl.DataFrame, Sequence[date]], Judgement]


def watch_specs(contract: type[Contract]) -> list[dg.AssetCheckSpec]:
    """The checks of a table that this module evaluates; none for a table that is not watched."""
    key = table_info(contract).key
    return [
        dg.AssetCheckSpec(name, asset=dg.AssetKey(key.split("/")), description=DESCRIPTIONS[name])
        for name in CHECKS.get(key, ())
    ]


@dataclass
class Watch:
    """What one run watches of one table.

    Attributes:
        table: Asset key, `stage/entity`.
        objects: Where the profiles of earlier days are.
        profile: Rows with `dt` to profiles, besides the number of rows.
        judges: The judge of each check, by the check's name.
    """

    table: str
    objects: ObjectStore
    profile: Profile
    judges: Mapping[str, Judge]
    _profiles: list[pl.DataFrame] = field(default_factory=list)
    _days: list[date] = field(default_factory=list)

    def add(self, frame: pl.DataFrame, days: Sequence[date | None]) -> None:
        """Profile some days that the run has made.

        Args:
            frame: The table's columns and `dt` (Date); rows of other days are left alone.
            days: The days; one without rows counts as such.
        """
        made = [day for day in days if day is not None]
        if not made:
            return
        rows = frame.filter(pl.col("dt").is_in(made))
        self._profiles += [profile_of_rows(rows, made), self.profile(rows)]
        self._days += made

    def results(self) -> Iterator[dg.AssetCheckResult]:
        """Keep the profiles and judge the days: one evaluation a check, as a warning at most."""
        days = sorted(self._days)
        if not days:
            yield from self._told("No day was made.", passed=True)
            return
        try:
            known = ProfileHistory(self.objects, self.table).replace(pl.concat(self._profiles))
        except DeAssetsError as error:
            text = f"Not judged, since the profiles cannot be kept: {error}"
            yield from self._told(text, passed=False)
            return
        for name, judge in self.judges.items():
            yield judge(known, days).result(self.table, name)

    def _told(self, text: str, *, passed: bool) -> Iterator[dg.AssetCheckResult]:
        """The same of every check."""
        for name in self.judges:
            yield dg.AssetCheckResult(
                asset_key=dg.AssetKey(self.table.split("/")),
                check_name=name,
                passed=passed,
                severity=dg.AssetCheckSeverity.WARN,
                description=text,
            )


def drift_watch(contract: type[Contract], objects: ObjectStore) -> Watch | None:
    """The watch of a table whose distributions are checked; None for any other one."""
    key = table_info(contract).key
    if "drift" not in CHECKS.get(key, ()):
        return None
    profile = partial(profile_of_values, Watched.of(contract))
    return Watch(key, objects, profile, {"drift": judge_drift})


def arrival_watch(
    table: SourceTable,
    objects: ObjectStore,
    formats: Sequence[str],
    is_gap: Callable[[date], bool],
) -> Watch | None:
    """The watch of the raw table of a source table that has days; None if it is not watched.

    Args:
        table: The source table.
        objects: Where the profiles of earlier days are.
        formats: How the source writes moments; empty for the usual ones.
        is_gap: Whether nothing is due on a day.
    """
    key = f"raw/{table.name}"
    if key not in CHECKS or table.day_column is None:
        return None
    return Watch(
        key,
        objects,
        partial(
            profile_of_arrival, content=table.columns, moment=table.day_column, formats=formats
        ),
        {
            "volume": partial(judge_volume, is_gap=is_gap),
            "freshness": partial(judge_freshness, is_gap=is_gap),
        },
    )
