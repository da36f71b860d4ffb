"""A company whose orders and events are watched: run days, and see which checks over time fail."""

import gzip
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl

from de_assets.automation.jobs import INGEST
from de_assets.definitions import build_defs
from de_assets.sandbox.company import Company, Dirt, write_company
from de_assets.settings import Settings
from de_assets_tests.lifecycle_world import SANDBOX

START, END = date(2025, 7, 14), date(2025, 11, 30)
WATCHING = ("volume", "freshness", "drift")
ASSETS = (
    ("raw", "order_lines"),
    ("raw", "events"),
    ("cleaned", "order_lines"),
    ("quarantine", "order_lines"),
    ("cleaned", "events"),
    ("quarantine", "events"),
)


@dataclass(frozen=True)
class Evaluated:
    """What one check said."""

    passed: bool
    severity: str
    text: str
    ranges: list[list[str]]
    measures: list[dict]


@dataclass
class WatchedShop:
    """The landing of a company, and the Dagster that ingests it."""

    landing: Path
    lake: Path
    defs: dg.Definitions
    instance: dg.DagsterInstance

    def ingest(self, first: date, last: date | None = None) -> dict[tuple[str, str], Evaluated]:
        """Make some days; the evaluations of volume, freshness and drift by asset and check."""
        result = self.defs.resolve_job_def(INGEST).execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(key) for key in ASSETS],
            tags={
                "dagster/asset_partition_range_start": str(first),
                "dagster/asset_partition_range_end": str(last or first),
            },
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        return {
            ("/".join(each.asset_key.path), each.check_name): _evaluated(each)
            for each in result.get_asset_check_evaluations()
            if each.check_name in WATCHING
        }

    def orders(self, day: date) -> Path:
        return next((self.landing / "orders").glob(f"orders-{day}.csv*"))

    def events(self, day: date) -> Path:
        return next((self.landing / "events").glob(f"events-{day}.*"))


def _evaluated(each: dg.AssetCheckEvaluation) -> Evaluated:
    ranges = each.metadata.get("failing_ranges")
    table = each.metadata.get("measures")
    return Evaluated(
        each.passed,
        each.severity.value,
        each.description or "",
        list(ranges.value) if ranges else [],
        [record.data for record in table.records] if table else [],
    )


def make_shop(folder: Path, instance: dg.DagsterInstance) -> WatchedShop:
    """Twenty weeks into the high season, nothing delivered twice or late."""
    company = Company(
        seed=7,
        start=START,
        end=END,
        events_per_day=300,
        dirt=Dirt(redelivered_files=0, late_events=0, has_odd_formats=False),
    )
    landing = folder / "landing"
    write_company(company, landing)
    content = {
        "calendar": {"start": str(START), "end": str(END)},
        "currency": "eur",
        **{
            name: {**SANDBOX[name], "url": str(landing / SANDBOX[name]["url"])}
            for name in ("order_lines", "events")
        },
    }
    sources = folder / "sources.json"
    sources.write_text(json.dumps(content))
    settings = Settings(lake=str(folder / "lake"), sources=str(sources))
    return WatchedShop(landing, folder / "lake", build_defs(settings), instance)


def rewrite_orders(path: Path, *changed: pl.Expr, **named: pl.Expr) -> None:
    """The file with some columns replaced, all as text."""
    pl.read_csv(path, infer_schema=False).with_columns(*changed, **named).write_csv(path)


def rewrite_events(path: Path, change) -> None:
    """The file with each event changed, or dropped where the change gives None."""
    events = [json.loads(text) for text in gzip.decompress(path.read_bytes()).splitlines()]
    kept = [event for n, each in enumerate(events) if (event := change(n, each)) is not None]
    lines = "".join(json.dumps(event) + "\n" for event in kept)
    path.write_bytes(gzip.compress(lines.encode()))
