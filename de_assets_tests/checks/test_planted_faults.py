"""Faults planted in the files of a company, ingested: each is told by the check that is for it."""

from datetime import date, timedelta

import dagster as dg
import polars as pl
import pytest

from de_assets.checks.freshness import LAG, PAUSE
from de_assets_tests.checks.watched_shop import (
    END,
    START,
    WatchedShop,
    make_shop,
    rewrite_events,
    rewrite_orders,
)

pytestmark = pytest.mark.slow

QUIET_FROM = END - timedelta(days=89)
NUMBER = pl.int_range(pl.len())


@pytest.fixture(scope="module")
def ingested(tmp_path_factory):
    with dg.DagsterInstance.ephemeral() as instance:
        shop = make_shop(tmp_path_factory.mktemp("shop"), instance)
        yield shop, shop.ingest(START, END)


def test_ninety_quiet_days_of_a_rising_season_give_no_alarm(ingested):
    _, evaluated = ingested

    alarms = {
        key: each.text
        for key, each in evaluated.items()
        if any(last >= str(QUIET_FROM) for _, last in each.ranges)
    }
    assert alarms == {}
    assert set(evaluated) == {
        ("raw/order_lines", "volume"),
        ("raw/order_lines", "freshness"),
        ("raw/events", "volume"),
        ("raw/events", "freshness"),
        ("cleaned/order_lines", "drift"),
        ("cleaned/events", "drift"),
    }


def test_the_quiet_days_were_judged_and_not_passed_over_for_want_of_history(ingested):
    shop, _ = ingested

    evaluated = shop.ingest(QUIET_FROM)

    assert all(each.measures for each in evaluated.values())


def missing_day(shop: WatchedShop, day: date) -> None:
    shop.orders(day).unlink()


def half_a_day(shop: WatchedShop, day: date) -> None:
    rewrite_events(shop.events(day), lambda _, each: each if each["ts"][11:13] < "12" else None)


def doubled_day(shop: WatchedShop, day: date) -> None:
    path = shop.orders(day)
    path.with_name(f"again-{path.name}").write_bytes(path.read_bytes())


def unit_change(shop: WatchedShop, day: date) -> None:
    price = pl.col("unit_price").cast(pl.Float64, strict=False) * 100
    rewrite_orders(shop.orders(day), price.cast(pl.String))


def null_burst(shop: WatchedShop, day: date) -> None:
    rewrite_orders(shop.orders(day), item=pl.when(NUMBER % 3 == 0).then("item"))


def exchanged_columns(shop: WatchedShop, day: date) -> None:
    units = pl.col("qty").str.strip_chars("-")
    rewrite_orders(shop.orders(day), qty=pl.col("unit_price"), unit_price=units)


def column_permuted_among_rows(shop: WatchedShop, day: date) -> None:
    rewrite_orders(shop.orders(day), pl.col("unit_price").shuffle(seed=1))


def identifier_permuted_among_rows(shop: WatchedShop, day: date) -> None:
    rewrite_orders(shop.orders(day), pl.col("customer").shuffle(seed=1))


def stale_source(shop: WatchedShop, day: date) -> None:
    for missing in (day - timedelta(days=2), day - timedelta(days=1), day):
        shop.events(missing).unlink()


def new_category(shop: WatchedShop, day: date) -> None:
    rewrite_events(
        shop.events(day), lambda n, each: {**each, "type": "hover"} if n % 20 == 0 else each
    )


ORDERS_VOLUME = ("raw/order_lines", "volume")
EVENTS_FRESHNESS = ("raw/events", "freshness")
ORDERS_DRIFT = ("cleaned/order_lines", "drift")
EVENTS_DRIFT = ("cleaned/events", "drift")
FAULTS = [
    (missing_day, 3, ORDERS_VOLUME, "", "rows"),
    (doubled_day, 4, ORDERS_VOLUME, "", "duplicate share"),
    (unit_change, 5, ORDERS_DRIFT, "unit_price", "PSI"),
    (null_burst, 6, ORDERS_DRIFT, "description", "PSI of nulls"),
    (exchanged_columns, 7, ORDERS_DRIFT, "quantity", "PSI"),
    (column_permuted_among_rows, 10, ORDERS_DRIFT, "unit_price", "agreement"),
    (identifier_permuted_among_rows, 11, ORDERS_DRIFT, "contact_id", "agreement"),
    (half_a_day, 12, EVENTS_FRESHNESS, "", LAG),
    (new_category, 13, EVENTS_DRIFT, "event_type", "share of new labels"),
    (stale_source, 20, EVENTS_FRESHNESS, "", PAUSE),
]


@pytest.mark.parametrize(
    ("fault", "day", "expected", "column", "measure"),
    FAULTS,
    ids=[fault.__name__ for fault, *_ in FAULTS],
)
def test_a_planted_fault_is_told_by_its_check(ingested, fault, day, expected, column, measure):
    shop, _ = ingested
    day = date(2025, 11, day)
    fault(shop, day)

    first = day - timedelta(days=2) if fault is stale_source else day
    evaluated = shop.ingest(first, day)[expected]

    assert not evaluated.passed
    assert evaluated.severity == "WARN"
    assert evaluated.ranges[-1][1] == str(day)
    worst = [row for row in evaluated.measures if row["day"] == str(day)]
    assert (column, measure) in {(row["column"], row["measure"]) for row in worst[:3]}
    assert measure in evaluated.text


def test_the_day_after_a_fault_is_quiet_again(ingested):
    shop, _ = ingested

    evaluated = shop.ingest(date(2025, 11, 14))

    assert [key for key, each in evaluated.items() if not each.passed] == []
