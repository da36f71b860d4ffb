"""After the sources file or the contract is mended, quarantined rows come back, from raw alone."""

import hashlib
from types import MappingProxyType

import dagster as dg
import polars as pl

from de_assets.assets.cleaned import Cleaning, cleaned_pair
from de_assets.assets.declare import IO_MANAGER
from de_assets.automation.jobs import INGEST
from de_assets.contracts.base import column, table_info
from de_assets.contracts.cleaned import CleanedOrderLines
from de_assets.contracts.source_tables import ORDER_LINES
from de_assets.partitions import daily_partitions
from de_assets.settings import S3Settings
from de_assets.storage.lake import Lake
from de_assets.storage.s3 import S3Options
from de_assets.storage.table_io_manager import TableIOManager
from de_assets.transforms.clean import clean_order_lines
from de_assets.transforms.typing import Dialect
from de_assets_tests.assets.shop import Shop, check, line
from de_assets_tests.deliveries import MONDAY
from de_assets_tests.world import PII_KEY

DAY = str(MONDAY)
SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
CLEAN = [dg.AssetKey([stage, "order_lines"]) for stage in ("cleaned", "quarantine")]


class Credits(CleanedOrderLines):
    """Order lines whose price may be below zero."""

    unit_price: pl.Float64 = column("Price", read="number", ge=-100)

    class Config:
        """The table."""

        metadata = MappingProxyType({"table": table_info(CleanedOrderLines)})


def raw_digests(shop):
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (shop.lake / "raw").rglob("*.parquet")
    }


def counts(shop):
    return [shop.table(f"{stage}/order_lines", DAY).height for stage in ("cleaned", "quarantine")]


def test_a_mended_sources_file_brings_the_rows_back_without_the_delivery(tmp_path, instance):
    shop = Shop(tmp_path, instance)
    lines = [line(number, DAY, price='"1,50"') for number in range(10)]
    delivery = shop.drop("a.csv", *lines, line(10, DAY, price="-1"))
    shop.ingest(DAY)
    before, raw = counts(shop), raw_digests(shop)
    delivery.unlink()

    shop.write_sources(order_lines={"url": str(shop.landing), "decimal": ","})
    result = shop.defs.resolve_job_def(INGEST).execute_in_process(
        instance=instance, partition_key=DAY, asset_selection=CLEAN, run_config=SILENT
    )

    assert result.success
    assert before == [0, 11]
    assert counts(shop) == [10, 1]
    assert set(shop.table("cleaned/order_lines", DAY)["unit_price"]) == {1.5}
    assert raw_digests(shop) == raw != {}
    assert check(result, "cleaned/order_lines", "conservation").passed


def test_a_mended_contract_brings_the_rows_back_from_raw_that_did_not_change(tmp_path, instance):
    shop = Shop(tmp_path, instance)
    shop.drop("a.csv", *(line(number, DAY, price=f"-{number}") for number in range(1, 6)))
    shop.ingest(DAY)
    before, raw = counts(shop), raw_digests(shop)
    daily = daily_partitions(MONDAY, MONDAY)
    lake = Lake(str(shop.lake), S3Options(S3Settings.model_validate({})))
    spec = dg.AssetSpec(["raw", "order_lines"], partitions_def=daily)

    result = dg.materialize(
        [
            spec.with_io_manager_key(IO_MANAGER),
            cleaned_pair(
                Cleaning(ORDER_LINES, Credits, clean_order_lines, Dialect(), lambda: PII_KEY), daily
            ),
        ],
        resources={IO_MANAGER: TableIOManager(lake)},
        instance=instance,
        partition_key=DAY,
        run_config=SILENT,
    )

    assert result.success
    assert (before, counts(shop)) == ([0, 5], [5, 0])
    assert raw_digests(shop) == raw != {}
