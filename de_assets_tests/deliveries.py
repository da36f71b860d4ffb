"""Deliveries of any source table as text, made from its cleaned contract, and their cleaning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from random import Random

import dagster as dg
import polars as pl

from de_assets.assets.cleaned import Cleaning, clean_pass, cleanings
from de_assets.assets.publish import DayReport, Publisher
from de_assets.contracts.base import ColumnInfo, columns, polars_schema, table_info
from de_assets.contracts.raw import QUARANTINE, RAW
from de_assets.contracts.source_tables import SOURCE_TABLES
from de_assets.settings import S3Settings
from de_assets.storage.lake import Lake
from de_assets.storage.s3 import S3Options
from de_assets.storage.table_io_manager import LakeTable
from de_assets_tests.contract_rows import broken_row_rules, domains
from de_assets_tests.world import DIALECT, PII_KEY

CLEANINGS: dict[str, Cleaning] = {
    each.source.name: each
    for each in cleanings(dict.fromkeys(SOURCE_TABLES, DIALECT), lambda: PII_KEY)
}
MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)
WORDS = ("anna", "b-17", "x1", "Red Lantern", "536365", "85123a", "K\u00f6ln", "\u6f22\u5b57")

Row = dict[str, str | None]


def good_rows(name: str, day: date, random: Random, height: int) -> list[Row]:
    """At most so many rows of a delivery, as text, that keep their contract when they are read."""
    cleaning = CLEANINGS[name]
    rows = [_row(cleaning, day, random) for _ in range(height)]
    typed = cleaning.marked(as_raw(name, rows, day).lazy()).collect()
    declared = list(polars_schema(cleaning.contract))
    bad = set()
    for mask in broken_row_rules(cleaning.contract, typed.select(declared)).values():
        bad |= set(mask.arg_true())
    return [row for place, row in enumerate(rows) if place not in bad]


def _row(cleaning: Cleaning, day: date, random: Random) -> Row:
    read = {info.source: info for info in columns(cleaning.contract) if info.read}
    return {
        name: _text(read.get(name), name, cleaning, day, random) for name in cleaning.source.columns
    }


def _text(
    info: ColumnInfo | None, name: str, cleaning: Cleaning, day: date, random: Random
) -> str | None:
    is_required = info is not None and not info.is_nullable
    if not is_required and random.randint(0, 3) == 3:
        return random.choice((None, "", " ", "NULL"))
    if info is not None and info.read == "number":
        value = domains(cleaning.contract)[info.name].draw(random)
        return "" if value is None else repr(value)
    if (info is not None and info.read == "moment") or name == cleaning.source.day_column:
        seconds = random.randint(0, 86_399)
        return f"{day} {seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return random.choice(WORDS)


def as_raw(
    name: str, rows: Sequence[Row], day: date | None, *, source: str = "a.csv"
) -> pl.DataFrame:
    """The rows as `raw` holds them, of one file; with `dt`."""
    schema = dict.fromkeys(SOURCE_TABLES[name].columns, pl.String)
    return (
        pl.DataFrame(rows, schema=schema, orient="row")
        .with_row_index("_source_row", offset=1)
        .with_columns(
            pl.col("_source_row").cast(pl.Int64),
            _extra=pl.lit(None, pl.String),
            _source=pl.lit(source),
            _batch=pl.lit("0" * 16),
            _ingested_at=pl.lit(datetime(2026, 1, 8)),  # noqa: DTZ001  naive in the table
            dt=pl.lit(day, pl.Date),
        )
    )


@dataclass(frozen=True)
class Outcome:
    """What a cleaning left: both tables and the report of each day."""

    cleaned: pl.DataFrame
    quarantined: pl.DataFrame
    reports: Mapping[date | None, DayReport]


def cleaned_from(name: str, folder: Path, raw: pl.DataFrame, days: Sequence[date]) -> Outcome:
    """Write raw rows of some days to a lake, clean them as the asset does, and read the tables."""
    lake = Lake(str(folder), S3Options(S3Settings.model_validate({})))
    cleaning = CLEANINGS[name]
    is_daily = table_info(cleaning.contract).is_daily
    partitions: list[date | None] = [*days] if is_daily else [None]
    order = list(polars_schema(RAW[name]))
    for day in partitions:
        of_day = raw.filter(pl.col("dt") == day) if day else raw
        lake.write(f"raw/{name}", of_day.select(order), day)
    context = dg.build_asset_context()
    publishers = [
        Publisher(context, contract, lake) for contract in (cleaning.contract, QUARANTINE[name])
    ]
    table = LakeTable(lake, f"raw/{name}", list(days) if is_daily else None)
    clean_pass(cleaning, table, partitions, *publishers)
    tables = [
        (lake.scan_days(key, lake.days(key)) if is_daily else lake.scan(key)).collect()
        for key in (f"cleaned/{name}", f"quarantine/{name}")
    ]
    return Outcome(tables[0], tables[1], publishers[0].reports)
