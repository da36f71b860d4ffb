"""What the checks over time add to one materialization, with and without them side by side.

Run: python benchmarks/check_cost.py [--rows 1000000] [--repeats 5]
A sandbox company is ingested once; then the same last day is made again and again, in turn with
and without volume, freshness and drift, on Dagster's records in SQLite as `make dev` keeps them.
"""

import argparse
import csv
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import dagster as dg

from de_assets.checks import watch
from de_assets.definitions import build_defs
from de_assets.lifecycle import open_instance
from de_assets.sandbox.company import Company, write_company
from de_assets.settings import Settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
END = date(2025, 6, 27)  # a Friday: the sandbox trades
HISTORY_DAYS = 90
FEATURE_DAYS = 40
BUDGET_SECONDS = 0.5
COLUMNS = {
    "order_id": ["order_no", "order_number"],
    "product_id": "sku",
    "description": "item",
    "quantity": "qty",
    "ordered_at": "ordered",
    "unit_price": ["unit_price", "price"],
    "contact_id": ["customer", "customer_no"],
}
ORDERS = ("raw/order_lines", "cleaned/order_lines")
TABLES = (*ORDERS, "raw/events", "cleaned/events", "features/contact_features")


class Bench:
    """One landing and lake, with definitions that check over time and ones that do not."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, start: date) -> None:
        self.instance = instance
        self.landing = folder / "landing"
        sources = folder / "sources.json"
        content = {
            "calendar": {"start": str(start), "end": str(END)},
            "currency": "eur",
            "order_lines": {"url": f"{self.landing}/orders/", "columns": COLUMNS},
            "events": {
                "url": f"{self.landing}/events/",
                "columns": {
                    "event_id": "id",
                    "occurred_at": "ts",
                    "event_type": "type",
                    "contact_id": "customer",
                    "visitor_id": "visitor",
                    "session_id": "session",
                    "product_id": "sku",
                },
            },
        }
        sources.write_text(json.dumps(content))
        settings = Settings(lake=str(folder / "lake"), sources=str(sources), state=folder / "state")
        self.defs = {True: build_defs(settings)}
        with unchecked():
            self.defs[False] = build_defs(settings)

    def make(self, table: str, first: date, last: date, *, checked: bool) -> "Spent":
        """Materialize a table; the seconds of the run."""
        entity = table.split("/")[1]
        keys = [table] if "cleaned" not in table else [table, f"quarantine/{entity}"]
        job = dg.define_asset_job("bench", selection=[dg.AssetKey(k.split("/")) for k in keys])
        defs = dg.Definitions.merge(self.defs[checked], dg.Definitions(jobs=[job]))
        resolved = defs.resolve_job_def("bench")
        tags = {
            "dagster/asset_partition_range_start": str(first),
            "dagster/asset_partition_range_end": str(last),
        }
        started, cpu_started = time.perf_counter(), time.process_time()
        if checked:
            resolved.execute_in_process(instance=self.instance, tags=tags, run_config=QUIET)
        else:
            with unchecked():
                resolved.execute_in_process(instance=self.instance, tags=tags, run_config=QUIET)
        return Spent(time.perf_counter() - started, time.process_time() - cpu_started)


@dataclass(frozen=True)
class Spent:
    """Seconds of the clock, and of the processor."""

    wall: float
    cpu: float


@contextmanager
def unchecked() -> Iterator[None]:
    """No table is watched."""
    watched = dict(watch.CHECKS)
    assert isinstance(watch.CHECKS, dict)
    watch.CHECKS.clear()
    try:
        yield
    finally:
        watch.CHECKS.update(watched)


def one_large_day(landing: Path, day: date, rows: int) -> None:
    """The day's file with its lines repeated under new order numbers, up to `rows`."""
    path = next((landing / "orders").glob(f"orders-{day}.csv*"))
    with path.open(newline="") as file:
        header, *lines = csv.reader(file)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for n in range(rows):
            order, *others = lines[n % len(lines)]
            writer.writerow([f"{order}-{n // len(lines)}", *others])


def compare(bench: Bench, tables: tuple[str, ...], repeats: int, title: str) -> bool:
    """Print the table of one size; whether all are within the budget.

    Of the repeats the fastest counts: what else the machine does only ever adds.
    """
    seconds: dict[tuple[str, bool], list[Spent]] = defaultdict(list)
    for _ in range(repeats):
        for table in tables:
            for checked in (False, True):
                seconds[table, checked].append(bench.make(table, END, END, checked=checked))
    print(f"\n{title}, fastest of {repeats}")
    print(f"{'table':26} checks  without s   with s  added s  ratio  added cpu s")
    is_within = True
    for table in tables:
        without, with_checks = (
            Spent(min(s.wall for s in runs), min(s.cpu for s in runs))
            for runs in (seconds[table, False], seconds[table, True])
        )
        added = with_checks.wall - without.wall
        is_within &= added < BUDGET_SECONDS
        print(
            f"{table:26} {len(watch.CHECKS[table]):6} {without.wall:10.3f} {with_checks.wall:8.3f} "
            f"{added:8.3f} {with_checks.wall / without.wall:6.2f} "
            f"{with_checks.cpu - without.cpu:12.3f}"
        )
    return is_within


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="lines of the large day")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    start = END - timedelta(days=HISTORY_DAYS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_company(Company(start=start, end=END), folder / "landing")
        with open_instance(Settings(state=folder / "state")) as instance:
            bench = Bench(folder, instance, start)
            everything = (
                *("raw/order_lines", "raw/events", "raw/products", "raw/contacts"),
                *("cleaned/order_lines", "cleaned/events", "cleaned/contacts", "cleaned/products"),
                *("modeled/dim_contact", "modeled/dim_product", "modeled/fct_order_line"),
                *("modeled/fct_session", "modeled/contact_daily"),
            )
            for table in everything:
                bench.make(table, start, END, checked=True)
            since = END - timedelta(days=FEATURE_DAYS)
            bench.make("features/contact_features", since, END, checked=True)
            is_within = compare(bench, TABLES, options.repeats, "A day of the sandbox")
            one_large_day(bench.landing, END, options.rows)
            bench.make("raw/order_lines", END, END, checked=True)
            compare(bench, ORDERS, 2, f"A day of {options.rows:,} order lines")
    verdict = "within" if is_within else "BEYOND"
    print(f"\nAt sandbox size every table is {verdict} {BUDGET_SECONDS} s.")


if __name__ == "__main__":
    main()
