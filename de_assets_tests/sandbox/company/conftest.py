"""The default company, delivered once for all tests, and read back with nothing but Polars."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from de_assets.sandbox.company import Company, WrittenCompany, write_company
from de_assets.sandbox.company.order_files import DRIFTED
from de_assets.sandbox.company.order_text import COLUMNS


@dataclass(frozen=True)
class Delivered:
    """What a company delivered: the files as text, and the truth about them."""

    company: Company
    written: WrittenCompany
    directory: Path
    order_lines: pl.DataFrame
    events: pl.DataFrame


def read_order_files(paths: list[Path]) -> pl.DataFrame:
    """All rows as text in the supplier's first column names, with `file` and its `day`."""
    back = {new: old for old, new in DRIFTED.items()}
    frames = []
    for path in paths:
        rows = pl.read_csv(path, infer_schema=False)
        rows = rows.rename({n: back[n] for n in rows.columns if n in back}).select(COLUMNS)
        frames.append(rows.with_columns(file=pl.lit(path.name), day=pl.lit(path.name[7:17])))
    return pl.concat(frames).with_columns(pl.col("day").str.to_date())


def read_event_files(paths: list[Path]) -> pl.DataFrame:
    """All rows as text, with the `day` of the file."""
    schema = dict.fromkeys(
        ("id", "ts", "type", "customer", "visitor", "session", "sku", "channel"), pl.String
    )
    frames = [
        pl.read_ndjson(path, schema=schema).with_columns(day=pl.lit(path.name[7:17]))
        for path in paths
    ]
    return pl.concat(frames).with_columns(pl.col("day").str.to_date())


@pytest.fixture(scope="session")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    """The default company with all its files."""
    company, directory = Company(), tmp_path_factory.mktemp("landing")
    written = write_company(company, directory)
    orders = sorted(
        path for path in (directory / "orders").iterdir() if "redelivery" not in path.name
    )
    return Delivered(
        company,
        written,
        directory,
        read_order_files(orders),
        read_event_files(sorted((directory / "events").iterdir())),
    )


@pytest.fixture(scope="session")
def sales(delivered: Delivered) -> pl.DataFrame:
    """Readable lines that are no cancellation, typed: one row a line."""
    return (
        delivered.order_lines.filter(~pl.col("order_no").str.starts_with("C"))
        .with_columns(
            pl.col("qty").cast(pl.Int64, strict=False),
            pl.col("unit_price").cast(pl.Float64, strict=False),
            pl.col("ordered").str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False),
            pl.col("sku").str.to_uppercase(),
            pl.col("customer").str.strip_suffix(".0"),
        )
        .drop_nulls(["qty", "unit_price", "ordered"])
    )
