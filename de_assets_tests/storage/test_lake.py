"""Tables in the lake: where they stand, what is read of them, what other programs see."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from de_assets.errors import StorageError
from de_assets.storage.lake import Lake, Written
from de_assets.storage.s3 import S3Options
from de_assets_tests.storage.conftest import NO_S3
from de_assets_tests.storage.parquet_footer import ZSTD, column_chunks

MONDAY = date(2024, 3, 4)
TUESDAY = MONDAY + timedelta(days=1)
WEDNESDAY = MONDAY + timedelta(days=2)
EVENTS = "cleaned/events"
PRODUCTS = "cleaned/products"


def rows(*names: str) -> pl.DataFrame:
    return pl.DataFrame({"name": names, "length": [len(name) for name in names]})


def test_an_unpartitioned_table_is_one_file(lake: Lake):
    lake.write(PRODUCTS, rows("lamp", "chair"))

    assert [info.key for info in lake.objects.list()] == ["cleaned/products/part-0.parquet"]
    assert_frame_equal(lake.scan(PRODUCTS).collect(), rows("lamp", "chair"))


def test_a_day_is_one_file_in_a_folder_of_that_day(lake: Lake):
    lake.write(EVENTS, rows("view"), MONDAY)
    lake.write(EVENTS, rows("cart"), TUESDAY)

    assert [info.key for info in lake.objects.list()] == [
        "cleaned/events/dt=2024-03-04/part-0.parquet",
        "cleaned/events/dt=2024-03-05/part-0.parquet",
    ]
    assert lake.days(EVENTS) == [MONDAY, TUESDAY]


def test_days_come_as_one_frame_with_dt(lake: Lake):
    lake.write(EVENTS, rows("view"), MONDAY)
    lake.write(EVENTS, rows("never asked for"), TUESDAY)
    lake.write(EVENTS, rows("cart"), WEDNESDAY)

    frame = lake.scan_days(EVENTS, {WEDNESDAY, MONDAY})

    expected = rows("view", "cart").with_columns(dt=pl.Series([MONDAY, WEDNESDAY]))
    assert_frame_equal(frame.collect(), expected)


def test_a_lazy_frame_and_a_frame_are_written_alike(lake: Lake):
    eager = lake.write(EVENTS, rows("view", "cart"), MONDAY)
    lazy = lake.write(EVENTS, rows("view", "cart").lazy(), TUESDAY)

    sizes = {info.key.split("/")[2]: info.size_bytes for info in lake.objects.list()}
    assert eager == Written(2, sizes["dt=2024-03-04"])
    assert lazy == Written(2, sizes["dt=2024-03-05"])
    assert lake.sizes(EVENTS) == {MONDAY: eager.size_bytes, TUESDAY: lazy.size_bytes}


def test_a_write_replaces_the_day_and_no_other(lake: Lake):
    lake.write(EVENTS, rows("view", "cart", "form"), MONDAY)
    lake.write(EVENTS, rows("view"), TUESDAY)

    lake.write(EVENTS, rows("purchase"), MONDAY)

    written = lake.scan_days(EVENTS, [MONDAY, TUESDAY]).collect()
    assert written["name"].to_list() == ["purchase", "view"]


def test_a_table_without_rows_keeps_its_columns(lake: Lake):
    lake.write(EVENTS, rows("view").clear(), MONDAY)

    frame = lake.scan_days(EVENTS, [MONDAY]).collect()

    assert frame.schema == {"name": pl.String, "length": pl.Int64, "dt": pl.Date}
    assert frame.is_empty()


def test_a_table_may_be_made_of_what_it_holds(lake: Lake):
    lake.write(PRODUCTS, rows("lamp"))

    lake.write(PRODUCTS, pl.concat([lake.scan(PRODUCTS), rows("chair").lazy()]))

    assert lake.scan(PRODUCTS).collect()["name"].to_list() == ["lamp", "chair"]


def test_a_table_that_was_never_written_says_what_to_materialize(lake: Lake):
    lake.write("cleaned/products_old", rows("lamp"))

    assert not lake.has(PRODUCTS)
    with pytest.raises(StorageError, match="cleaned/products is not in the lake") as caught:
        lake.scan(PRODUCTS)
    assert caught.value.fix == "materialize cleaned/products first"
    assert caught.value.where.endswith("cleaned/products/part-0.parquet")


def test_files_of_others_in_a_table_are_not_days(lake: Lake):
    lake.write(EVENTS, rows("view"), MONDAY)
    for stray in ("_SUCCESS", "dt=2024-03-05/part-1.parquet", "dt=soon/part-0.parquet"):
        lake.objects.write(f"{EVENTS}/{stray}", b"1")

    assert lake.days(EVENTS) == [MONDAY]
    assert list(lake.sizes(EVENTS)) == [MONDAY]


def test_days_whose_column_types_differ_are_read_with_one_type(lake: Lake):
    lake.write("raw/events", pl.DataFrame({"id": [1], "early": ["a"]}), MONDAY)
    lake.write("raw/events", pl.DataFrame({"id": ["x2"], "late": [1.5]}), TUESDAY)

    frame = lake.scan_days_of_any_type("raw/events", [TUESDAY, MONDAY]).collect()

    expected = pl.DataFrame(
        {
            "id": ["1", "x2"],
            "early": ["a", None],
            "dt": [MONDAY, TUESDAY],
            "late": [None, 1.5],
        }
    )
    assert_frame_equal(frame, expected, check_column_order=False)


@pytest.mark.parametrize("root", ["env=prod/lake", "länder und städte/50%", "a[1]*b?c#d"])
@pytest.mark.parametrize("scan", [Lake.scan_days, Lake.scan_days_of_any_type])
def test_a_lake_may_stand_below_any_name(lake_uri: str, options: S3Options, root: str, scan):
    lake = Lake(f"{lake_uri}/{root}", options)
    lake.write(PRODUCTS, rows("lamp"))
    lake.write(EVENTS, rows("view"), MONDAY)
    lake.write(EVENTS, rows("cart"), TUESDAY)

    days = scan(lake, EVENTS, [MONDAY, TUESDAY]).collect()

    assert days.columns == ["name", "length", "dt"]
    assert days["dt"].to_list() == [MONDAY, TUESDAY]
    assert lake.scan(PRODUCTS).collect().columns == ["name", "length"]


def test_only_the_files_of_the_days_asked_for_are_opened(lake: Lake):
    lake.write(EVENTS, rows("view"), MONDAY)
    lake.objects.write(f"{EVENTS}/dt={TUESDAY}/part-0.parquet", b"no Parquet at all")

    assert lake.scan_days(EVENTS, [MONDAY]).collect().height == 1
    with pytest.raises(pl.exceptions.ComputeError):
        lake.scan_days(EVENTS, [MONDAY, TUESDAY]).collect()


def test_a_filter_on_dt_opens_only_the_files_of_those_days(lake: Lake):
    lake.write(EVENTS, rows("view"), MONDAY)
    lake.objects.write(f"{EVENTS}/dt={TUESDAY}/part-0.parquet", b"no Parquet at all")

    frame = lake.scan_days(EVENTS, [MONDAY, TUESDAY]).filter(pl.col("dt") == MONDAY).collect()

    assert frame["name"].to_list() == ["view"]


def test_polars_own_hive_scan_reads_a_table_as_it_is(local_lake: Lake):
    local_lake.write(EVENTS, rows("view"), MONDAY)
    local_lake.write(EVENTS, rows("cart"), TUESDAY)
    folder = Path(local_lake.objects.root, EVENTS)

    by_folder = pl.scan_parquet(folder, hive_partitioning=True).collect()
    by_glob = pl.scan_parquet(folder / "**/*.parquet", hive_partitioning=True).collect()

    expected = local_lake.scan_days(EVENTS, [MONDAY, TUESDAY]).collect()
    assert_frame_equal(by_folder, expected)
    assert_frame_equal(by_glob, expected)


def test_a_file_is_plain_parquet_compressed_with_zstd_and_with_statistics(local_lake: Lake):
    marker = "a text that zstd shortens to next to nothing " * 20
    local_lake.write(PRODUCTS, pl.DataFrame({"name": [marker] * 100, "number": range(100)}))
    content = Path(local_lake.url(PRODUCTS)).read_bytes()

    assert content[:4] == content[-4:] == b"PAR1"
    assert pl.read_parquet_schema(local_lake.url(PRODUCTS)) == {
        "name": pl.String,
        "number": pl.Int64,
    }
    assert {chunk.codec for chunk in column_chunks(content)} == {ZSTD}
    number = next(chunk for chunk in column_chunks(content) if chunk.name == "number")
    assert number.minimum == (0).to_bytes(8, "little")
    assert number.maximum == (99).to_bytes(8, "little")


def test_the_lake_is_where_its_uri_says(tmp_path: Path):
    lake = Lake(str(tmp_path / "lake"), NO_S3)

    assert lake.url(EVENTS, MONDAY) == str(
        tmp_path / "lake/cleaned/events/dt=2024-03-04/part-0.parquet"
    )
