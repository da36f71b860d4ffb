"""The real shop's files: two years, nine days of them delivered twice."""

import tarfile
import time
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from de_assets.sources import FileSource, load_sources
from de_assets_tests.sources.landing import ids

REPOSITORY = Path(__file__).parents[2]
FILES = REPOSITORY.parent / "shared/data/online_retail_ii"
COLUMNS = [
    "order_id", "product_id", "description", "quantity", "ordered_at", "unit_price", "contact_id",
    "country",
]  # fmt: skip
OVERLAP = [date(2010, 12, 1) + timedelta(days=i) for i in range(9)]

pytestmark = [
    pytest.mark.real_shop,
    pytest.mark.skipif(not FILES.is_dir(), reason="the real shop's files are not here"),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> FileSource:
    from de_assets.contracts.source_tables import ORDER_LINES
    from de_assets.storage.objects import LocalStore
    from de_assets_tests.sources.landing import NO_S3

    root = tmp_path_factory.mktemp("shop")
    with tarfile.open(FILES / "year_2010_2011_by_day.tar.gz") as archive:
        archive.extractall(root / "landing", filter="data")
    (root / "landing/year_2009_2010.parquet").symlink_to(FILES / "year_2009_2010.parquet")
    sources = load_sources(REPOSITORY / "data/sources/online-retail-ii.yaml")
    assert sources.order_lines is not None
    return FileSource(
        ORDER_LINES,
        sources.order_lines.model_copy(update={"url": str(root / "landing")}),
        s3=NO_S3,
        index_store=LocalStore(root / "state"),
        index_key="order_lines.json",
        calendar=sources.calendar,
    )


def test_all_files_are_indexed_without_a_problem_in_seconds(shop):
    started = time.perf_counter()

    entries = shop.index()

    assert time.perf_counter() - started < 15  # about one on a quiet machine
    assert len(entries) == 306
    assert [entry.problem for entry in entries if entry.problem] == []
    assert sum(entry.rows for entry in entries) == 1_067_370
    assert sum(entry.rows_undated + entry.rows_outside_calendar for entry in entries) == 0
    assert len({day for entry in entries for day in entry.rows_by_day}) == 604


def test_all_rows_are_read(shop):
    rows = shop.read({day for entry in shop.index() for day in entry.rows_by_day})

    assert len(rows) == 1_067_370
    assert rows.group_by("_source").len()["len"].max() == 525_461
    assert rows["_extra"].null_count() == len(rows)
    assert rows["dt"].null_count() == 0
    # As typed numbers of the first year and as text of the second: the same text.
    assert rows.filter(pl.col("contact_id").is_not_null())["contact_id"].str.ends_with(".0").all()
    assert round(rows["contact_id"].null_count() / len(rows), 3) == 0.228


def test_the_days_that_were_delivered_twice_are_read_twice_and_equal(shop):
    rows = shop.read(OVERLAP)

    is_first = pl.col("_source") == "year_2009_2010.parquet"
    first, second = rows.filter(is_first), rows.filter(~is_first)
    assert (len(first), len(second)) == (22_523, 22_523)
    comparable = [pl.col(c).cast(pl.Float64) for c in ("quantity", "unit_price", "contact_id")]
    comparable += [pl.col("ordered_at").str.slice(0, 19)]
    sides = [
        side.select(COLUMNS).with_columns(comparable).sort(COLUMNS) for side in (first, second)
    ]
    assert sides[0].equals(sides[1])


def test_a_day_of_the_parquet_year_keeps_its_types(shop):
    rows = shop.read([date(2010, 6, 1)])

    assert len(rows) == 1_224
    assert (rows.schema["quantity"], rows.schema["contact_id"]) == (pl.Int64, pl.Float64)
    assert set(ids(rows, "_source")) == {"year_2009_2010.parquet"}
