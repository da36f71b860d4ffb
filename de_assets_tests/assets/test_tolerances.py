"""Severity and tolerance of single rules, as declared, through the real assets."""

from datetime import date
from types import MappingProxyType

import dagster as dg
import polars as pl
import pytest

from de_assets.assets.cleaned import Cleaning, cleaned_pair
from de_assets.assets.declare import IO_MANAGER, table_asset
from de_assets.assets.derivation import Derivation, Upstream
from de_assets.assets.tally import Tally
from de_assets.contracts.audit import audit
from de_assets.contracts.base import TableInfo, Terms, column, polars_schema, table_info
from de_assets.contracts.cleaned import CleanedOrderLines
from de_assets.contracts.modeled import DimProduct
from de_assets.contracts.raw import RAW
from de_assets.contracts.source_tables import ORDER_LINES
from de_assets.partitions import daily_partitions
from de_assets.settings import S3Settings
from de_assets.storage.lake import Lake
from de_assets.storage.s3 import S3Options
from de_assets.storage.table_io_manager import TableIOManager
from de_assets.transforms.clean import clean_order_lines
from de_assets.transforms.typing import Dialect
from de_assets_tests.assets.shop import check
from de_assets_tests.deliveries import MONDAY, as_raw
from de_assets_tests.world import PII_KEY

ROWS = 400
DAILY = daily_partitions(MONDAY, MONDAY)


class Lines(CleanedOrderLines):
    """Order lines of which a tenth may be too cheap, a tenth empty, and none without a product."""

    product_id: pl.String = column("Product", read="code", terms={"not_null": Terms("error", 0.0)})
    quantity: pl.Float64 = column("Units", read="number", ne=0, terms={"ne": Terms("error", 0.1)})
    unit_price: pl.Float64 = column("Price", read="number", ge=0, terms={"ge": Terms("warn", 0.1)})

    class Config:
        """The table."""

        metadata = MappingProxyType({"table": table_info(CleanedOrderLines)})


class Products(DimProduct):
    """Products of which a tenth may be too cheap."""

    unit_price: pl.Float64 = column("Price", nullable=True, ge=0, terms={"ge": Terms("error", 0.1)})

    class Config:
        """The table."""

        metadata = MappingProxyType({"table": TableInfo("modeled/dim_product", "Some", "one")})


def in_catalogue(cleaned):
    """Products of which nothing is known but code and price."""
    return cleaned.select(
        pl.col(name)
        if name in ("product_id", "unit_price")
        else pl.lit(True if name == "is_in_catalogue" else None, dtype).alias(name)
        for name, dtype in polars_schema(Products).items()
    )


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"), S3Options(S3Settings.model_validate({})))


def materialized(asset, upstream, lake, instance, day=None):
    spec = dg.AssetSpec(dg.AssetKey(upstream.split("/")), partitions_def=DAILY if day else None)
    return dg.materialize(
        [spec.with_io_manager_key(IO_MANAGER), asset],
        resources={IO_MANAGER: TableIOManager(lake)},
        instance=instance,
        partition_key=str(day) if day else None,
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )


def cleaned(lake, instance, *, rows=ROWS, **broken):
    """Clean rows of one day, of which the first so many have another value."""
    good = {
        "product_id": "p", "quantity": "1", "unit_price": "1", "ordered_at": f"{MONDAY} 10:00:00"
    }  # fmt: skip
    lines = [good | {"order_id": str(number)} for number in range(rows)]
    for name, (count, text) in broken.items():
        for line in lines[:count]:
            line[name] = text
    complete = [dict.fromkeys(ORDER_LINES.columns) | line for line in lines]
    raw = as_raw("order_lines", complete, MONDAY).select(list(polars_schema(RAW["order_lines"])))
    lake.write("raw/order_lines", raw, MONDAY)
    asset = cleaned_pair(
        Cleaning(ORDER_LINES, Lines, clean_order_lines, Dialect(), lambda: PII_KEY), DAILY
    )
    result = materialized(asset, "raw/order_lines", lake, instance, MONDAY)
    published = [
        lake.scan_days(f"{stage}/order_lines", [MONDAY]).collect().height
        if lake.days(f"{stage}/order_lines")
        else None
        for stage in ("cleaned", "quarantine")
    ]
    return result, published


def test_a_warning_within_its_tolerance_is_green_and_one_row_more_is_yellow(lake, instance):
    within, held = cleaned(lake, instance, unit_price=(40, "-1"))
    beyond, held_beyond = cleaned(lake, instance, unit_price=(41, "-1"))

    assert held == held_beyond == [ROWS, 0]
    assert check(within, "cleaned/order_lines", "validity").passed
    yellow = check(beyond, "cleaned/order_lines", "validity")
    assert (yellow.passed, yellow.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert within.success
    assert beyond.success


def test_an_error_within_its_tolerance_is_quarantined_and_one_row_more_withholds_the_day(
    lake, instance
):
    within, held = cleaned(lake, instance, quantity=(40, "0"))
    beyond, held_beyond = cleaned(lake, instance, quantity=(41, "0"))

    assert within.success
    assert held == [360, 40]
    assert not beyond.success
    assert held_beyond == [360, 41]  # the day as it was before, and what is wrong with it now
    red = check(beyond, "cleaned/order_lines", "validity")
    assert (red.passed, red.severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_a_rate_of_few_rows_withholds_nothing(lake, instance):
    result, held = cleaned(lake, instance, rows=30, quantity=(15, "0"))

    assert result.success
    assert held == [15, 15]


def test_where_none_is_tolerated_one_row_withholds_the_day(lake, instance):
    result, held = cleaned(lake, instance, product_id=(1, ""))

    assert not result.success
    assert held == [None, 1]


def test_a_blank_that_was_delivered_is_tolerated_where_its_rule_says_so_and_counted(lake, instance):
    result, _ = cleaned(lake, instance, quantity=(3, "0"), unit_price=(5, "-1"))

    table = check(result, "cleaned/order_lines", "validity").metadata["rules"]
    said = {record.data["rule"]: record.data for record in table.records}
    assert said["quantity.not_equal_to(0)"]["failing_rows"] == 3
    assert said["quantity.not_equal_to(0)"]["tolerated_rate"] == "0.1"
    assert said["unit_price.greater_than_or_equal_to(0)"]["severity"] == "warn"
    assert said["unit_price.greater_than_or_equal_to(0)"]["rate"] == 5 / ROWS


@pytest.mark.parametrize(("broken", "is_published"), [(40, True), (41, False)])
def test_a_table_without_quarantine_is_published_with_what_it_tolerates_and_a_yellow_check(
    lake, instance, broken, is_published
):
    prices = [-1.0] * broken + [1.0] * (ROWS - broken)
    codes = [str(number) for number in range(ROWS)]
    lake.write("cleaned/products", pl.DataFrame({"product_id": codes, "unit_price": prices}))
    derivation = Derivation(
        Products, in_catalogue, {"cleaned": Upstream("cleaned/products")}, "Some products."
    )

    result = materialized(table_asset(derivation, DAILY), "cleaned/products", lake, instance)

    assert result.success is is_published
    assert lake.has("modeled/dim_product") is is_published
    validity = check(result, "modeled/dim_product", "validity")
    assert not validity.passed
    severity = dg.AssetCheckSeverity.WARN if is_published else dg.AssetCheckSeverity.ERROR
    assert validity.severity is severity


def test_a_tolerance_is_of_a_day_and_not_of_the_run():

    tuesday = date(2026, 1, 6)
    prices = [-1.0] * 30 + [1.0] * (ROWS - 30)
    codes = [str(number) for number in range(ROWS)]
    frame = in_catalogue(pl.LazyFrame({"product_id": codes, "unit_price": prices})).collect()
    by_day = frame.with_columns(
        dt=pl.when(pl.int_range(pl.len()) < 100).then(pl.lit(MONDAY)).otherwise(pl.lit(tuesday))
    )
    tally = Tally(Products)
    tally.add(audit(Products, by_day), by_day, [MONDAY, tuesday])

    beyond = {day: [r.name for r in tally.rules_beyond_tolerance(day)] for day in (MONDAY, tuesday)}

    # 30 of 400 rows are within a tenth; 30 of Monday's 100 are not.
    assert beyond == {MONDAY: ["unit_price.greater_than_or_equal_to(0)"], tuesday: []}
