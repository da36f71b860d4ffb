"""A shop in a folder: drop files, ingest days, look at the tables. For the tests of assets."""

import json
from pathlib import Path

import dagster as dg
import polars as pl

from de_assets.automation.jobs import INGEST
from de_assets.definitions import build_defs
from de_assets.settings import Settings

HEADER = "order_id,product_id,description,quantity,ordered_at,unit_price,contact_id\n"


class Shop:
    """One company with order lines as CSV files and a lake of its own."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, **sources: object) -> None:
        self._open(folder, instance)
        self.landing.mkdir()
        self.write_sources(**sources)

    @classmethod
    def at(cls, folder: Path, instance: dg.DagsterInstance) -> "Shop":
        """A shop that is there already, with its files, its lake and its sources file."""
        shop = cls.__new__(cls)
        shop._open(folder, instance)
        shop.defs = build_defs(Settings(lake=str(shop.lake), sources=str(shop.sources)))
        return shop

    def _open(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.landing = folder / "landing"
        self.lake = folder / "lake"
        self.sources = folder / "sources.yaml"

    def write_sources(self, **sources: object) -> None:
        """Write the sources file anew, and load it."""
        usual = {
            "calendar": {"start": "2026-01-01", "end": "2026-01-31"},
            "currency": "eur",
            "order_lines": {"url": str(self.landing)},
        }
        self.sources.write_text(json.dumps(usual | sources))
        self.defs = build_defs(Settings(lake=str(self.lake), sources=str(self.sources)))

    def drop(self, name: str, *lines: str) -> Path:
        path = self.landing / name
        path.write_text(HEADER + "".join(f"{line}\n" for line in lines))
        return path

    def ingest(self, first: str, last: str | None = None) -> dg.ExecuteInProcessResult:
        return self.defs.resolve_job_def(INGEST).execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            tags={
                "dagster/asset_partition_range_start": first,
                "dagster/asset_partition_range_end": last or first,
            },
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )

    def table(self, key: str, day: str) -> pl.DataFrame:
        return pl.read_parquet(
            self.lake / key / f"dt={day}" / "part-0.parquet", hive_partitioning=False
        )


def line(number: int, day: str, *, price: str = "1.50", quantity: str = "2") -> str:
    return f"o{number},p{number % 7},thing,{quantity},{day} 10:00:00,{price},{100 + number}"


def check(result: dg.ExecuteInProcessResult, key: str, name: str) -> dg.AssetCheckEvaluation:
    return next(
        evaluation
        for evaluation in result.get_asset_check_evaluations()
        if evaluation.asset_key.to_user_string() == key and evaluation.check_name == name
    )


def failed_steps(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.step_key for event in result.all_events if event.is_step_failure}
