"""What contracts cost: order lines are cleaned with and without the audit, side by side.

    python benchmarks/contract_cost.py [--rows 10000000] [--rows-a-day 500000]

Raw text is made day by day in a temporary lake, cleaned both ways in turn, and dropped. Reading,
typing, finding duplicates and writing are in both; auditing, reasons and quarantine in one only.
The last line is the share of the cleaning without audit that the contract costs on top.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import dagster as dg
import numpy as np
import polars as pl

from de_assets.assets.cleaned import Cleaning, clean_pass, cleanings
from de_assets.assets.publish import Publisher
from de_assets.contracts.audit import UNPARSED
from de_assets.contracts.base import polars_schema
from de_assets.contracts.raw import QUARANTINE, RAW
from de_assets.contracts.source_tables import SOURCE_TABLES
from de_assets.settings import S3Settings
from de_assets.storage.lake import Lake
from de_assets.storage.s3 import S3Options
from de_assets.storage.table_io_manager import LakeTable
from de_assets.transforms.deduplicate import IS_DUPLICATE
from de_assets.transforms.quarantine import in_order_of_arrival
from de_assets.transforms.typing import Dialect

Way = Callable[[Cleaning, Lake, date], None]
TABLE = "order_lines"
FIRST_DAY = date(2026, 1, 1)
BROKEN, REPEATED = 0.01, 0.02  # shares of the rows


def raw_lines(day: date, rows: int, seed: int) -> pl.DataFrame:
    """Raw order lines of a day as text, some broken, and some delivered again by a second file."""
    random = np.random.default_rng(seed)
    number = pl.Series(np.arange(rows) + seed * rows)
    cents = random.integers(1, 90_000, rows)
    seconds = random.integers(0, 86_400, rows)
    is_broken = pl.Series(random.random(rows) < BROKEN)
    at = pl.lit(datetime.combine(day, datetime.min.time()))
    frame = pl.DataFrame(
        {
            "order_id": (number // 5).cast(pl.String),
            "product_id": pl.Series(random.integers(10_000, 14_000, rows)).cast(pl.String),
            "quantity": pl.Series(random.integers(1, 50, rows)).cast(pl.String),
            "unit_price": pl.Series(cents / 100).cast(pl.String),
            "contact_id": pl.Series(random.integers(10_000, 60_000, rows)).cast(pl.String),
            "seconds": seconds,
        }
    ).with_columns(
        unit_price=pl.when(is_broken).then(pl.lit("-1.50")).otherwise("unit_price"),
        ordered_at=(at + pl.duration(seconds="seconds")).dt.to_string("%Y-%m-%d %H:%M:%S"),
        description=pl.lit("LANTERN ") + pl.col("product_id"),
        country=pl.lit("United Kingdom"),
        _extra=pl.lit(None, pl.String),
        _source=pl.lit("a.csv"),
        _source_row=pl.int_range(1, pl.len() + 1),
        _batch=pl.lit("0" * 16),
        _ingested_at=pl.lit(datetime(2026, 1, 1)),  # noqa: DTZ001  naive in the table
    )
    again = frame.head(int(rows * REPEATED)).with_columns(_source=pl.lit("b.csv"))
    return pl.concat([frame, again]).select(list(polars_schema(RAW[TABLE])))


def with_audit(cleaning: Cleaning, lake: Lake, day: date) -> None:
    """What the asset does with a day."""
    context = dg.build_asset_context()
    cleaned = Publisher(context, cleaning.contract, lake)
    rejects = Publisher(context, QUARANTINE[TABLE], lake)
    clean_pass(cleaning, LakeTable(lake, f"raw/{TABLE}", [day]), [day], cleaned, rejects)


def without_audit(cleaning: Cleaning, lake: Lake, day: date) -> None:
    """The same, but nothing is held against the contract."""
    raw = LakeTable(lake, f"raw/{TABLE}", [day]).between(day, day)
    arrived = in_order_of_arrival(raw).collect()
    typed = cleaning.typed(arrived.lazy()).collect()
    distinct = typed.filter(~pl.col(IS_DUPLICATE)).drop(IS_DUPLICATE)
    kept = distinct.select(pl.exclude("_row", "dt", f"^{UNPARSED}.*$"))
    lake.write(f"cleaned/{TABLE}", kept.select(list(polars_schema(cleaning.contract))), day)


@dataclass
class Spent:
    """Seconds on the clock, and of all cores: these hardly depend on what else the machine does."""

    wall: float = 0.0
    cpu: float = 0.0

    def add(self, way: Way, cleaning: Cleaning, lake: Lake, day: date) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        way(cleaning, lake, day)
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rows-a-day", type=int, default=500_000)
    options = parser.parse_args()
    key = b"a key that is 32 bytes long ...."
    cleaning = cleanings(dict.fromkeys(SOURCE_TABLES, Dialect()), lambda: key)[0]
    ways = {"without audit": without_audit, "with audit": with_audit}
    spent = {name: Spent() for name in ways}
    days = -(-options.rows // options.rows_a_day)
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(folder, S3Options(S3Settings.model_validate({})))
        for number in range(-1, days):  # the first one warms up and does not count
            day = FIRST_DAY + timedelta(number)
            rows = options.rows_a_day if number >= 0 else 10_000
            lake.write(f"raw/{TABLE}", raw_lines(day, rows, number + 1), day)
            for name in sorted(ways, reverse=number % 2 == 1):  # none is always the first
                (spent[name] if number >= 0 else Spent()).add(ways[name], cleaning, lake, day)
            for stage in ("raw", "cleaned", "quarantine"):
                lake.objects.delete(f"{stage}/{TABLE}/dt={day}/part-0.parquet")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print("| cleaning       |        rows |  seconds | CPU seconds |")
    print("|----------------|------------:|---------:|------------:|")
    rows = days * options.rows_a_day
    for name, each in spent.items():
        print(f"| {name:<14} | {rows:>11,} | {each.wall:>8.1f} | {each.cpu:>11.1f} |")
    less, more = spent["without audit"], spent["with audit"]
    print(
        f"the contract costs {more.cpu / less.cpu - 1:.1%} of the cleaning in CPU seconds "
        f"({more.wall / less.wall - 1:.1%} on the clock); {peak:.1f} GB of memory at most"
    )


if __name__ == "__main__":
    main()
