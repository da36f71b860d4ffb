"""What becomes of broken deliveries and broken rows, through the real assets."""

import gzip
from datetime import datetime

import polars as pl
import pytest

from de_assets_tests.assets.shop import HEADER, Shop, check, failed_steps, line


@pytest.fixture
def shop(tmp_path, instance):
    return Shop(tmp_path, instance)


def test_a_broken_row_is_quarantined_with_its_reasons_and_the_others_are_cleaned(shop):
    day = "2026-01-05"
    shop.drop("a.csv", line(1, day), line(2, day, price="free"), line(3, day, price="-4"))
    result = shop.ingest(day)
    assert result.success
    assert shop.table("cleaned/order_lines", day)["order_id"].to_list() == ["o1"]
    quarantined = shop.table("quarantine/order_lines", day)
    assert dict(quarantined.select("order_id", "reasons").iter_rows()) == {
        "o2": ["unit_price.parseable"],
        "o3": ["unit_price.greater_than_or_equal_to(0)"],
    }
    assert quarantined["unit_price"].to_list() == ["free", "-4"]
    assert quarantined["_source_row"].to_list() == [2, 3]
    assert not check(result, "cleaned/order_lines", "validity").passed
    assert check(result, "cleaned/order_lines", "conservation").passed


def test_a_day_that_is_mostly_broken_is_withheld_and_the_other_days_are_published(shop):
    good, bad = "2026-01-05", "2026-01-06"
    shop.drop("a.csv", *(line(n, day) for day in (good, bad) for n in range(40)))
    assert shop.ingest(good, bad).success
    before = shop.table("cleaned/order_lines", bad)
    broken = [line(n, bad, price="?") for n in range(30)] + [line(n, bad) for n in range(5)]
    shop.drop("a.csv", *(line(n, good, price="9") for n in range(40)), *broken)
    result = shop.ingest(good, bad)
    assert failed_steps(result) == {"clean_order_lines"}
    assert shop.table("cleaned/order_lines", bad).equals(before)
    assert set(shop.table("cleaned/order_lines", good)["unit_price"]) == {9.0}
    assert shop.table("quarantine/order_lines", bad).height == 30
    assert not check(result, "cleaned/order_lines", "validity").passed
    recorded = {
        event.partition
        for event in result.all_events
        if event.is_step_materialization
        and event.asset_key.to_user_string() == "cleaned/order_lines"
    }
    assert recorded == {good}


def test_a_failed_day_stops_what_is_downstream_of_it(shop):
    day = "2026-01-05"
    shop.drop("a.csv", *(line(n, day, price="?") for n in range(30)))
    result = shop.ingest(day)
    assert not (shop.lake / "modeled/fct_order_line").exists()
    assert not result.success


def test_one_unreadable_file_does_not_stop_the_others_and_the_check_names_it(shop):
    day = "2026-01-05"
    shop.drop("good.csv", line(1, day))
    whole = gzip.compress((HEADER + f"{line(2, day)}\n" * 200).encode())
    (shop.landing / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    result = shop.ingest(day)
    assert result.success
    assert shop.table("raw/order_lines", day).height == 1
    deliveries = check(result, "raw/order_lines", "deliveries")
    assert not deliveries.passed
    problems = deliveries.metadata["problems"].value
    assert "cut.csv.gz" in str(problems)


def test_a_good_file_that_is_replaced_by_a_broken_one_loses_nothing(shop):
    day, other = "2026-01-05", "2026-01-06"
    whole = gzip.compress((HEADER + f"{line(1, day)}\n").encode())
    (shop.landing / "a.csv.gz").write_bytes(whole)
    shop.drop("b.csv", line(2, other))
    assert shop.ingest(day, other).success
    (shop.landing / "a.csv.gz").write_bytes(whole[:-12])
    shop.drop("b.csv", line(2, other, price="7"))
    result = shop.ingest(day, other)
    assert failed_steps(result) == {"raw__order_lines"}
    assert shop.table("raw/order_lines", day).height == 1
    assert shop.table("raw/order_lines", other)["unit_price"].to_list() == ["7"]


def test_a_redelivered_file_changes_no_cleaned_row(shop):
    day = "2026-01-05"
    lines = [line(1, day), line(1, day), line(2, day)]
    shop.drop("a.csv", *lines)
    shop.ingest(day)
    before = shop.table("cleaned/order_lines", day)
    shop.drop("again.csv", *lines)
    result = shop.ingest(day)
    assert shop.table("cleaned/order_lines", day).equals(before)
    assert before["line_number"].to_list() == [1, 2, 1]
    conserved = check(result, "cleaned/order_lines", "conservation")
    assert conserved.metadata["raw_rows"].value == 6
    assert conserved.metadata["duplicate_rows"].value == 3


def test_an_overwritten_file_replaces_its_rows(shop):
    day = "2026-01-05"
    shop.drop("a.csv", line(1, day))
    shop.ingest(day)
    shop.drop("a.csv", line(1, day, price="8.25"), line(2, day))
    shop.ingest(day)
    assert shop.table("cleaned/order_lines", day)["unit_price"].to_list() == [8.25, 1.5]


def test_a_day_without_a_file_is_an_empty_partition_and_no_failure(shop):
    result = shop.ingest("2026-01-10", "2026-01-12")
    assert result.success
    assert shop.table("cleaned/order_lines", "2026-01-11").height == 0
    assert shop.table("modeled/fct_order_line", "2026-01-11").height == 0


def test_a_typed_file_and_a_text_file_of_one_day_count_the_same_lines_once(shop):
    day = "2026-01-05"
    shop.drop("a.csv", "o1,p1,thing,2,2026-01-05 10:00:00,1.5,17850.0", line(2, day))
    pl.DataFrame(
        {
            "order_id": ["o1"],
            "product_id": ["p1"],
            "description": ["thing"],
            "quantity": [2],
            "ordered_at": ["2026-01-05 10:00:00"],
            "unit_price": [1.5],
            "contact_id": [17850.0],
        }
    ).write_parquet(shop.landing / "b.parquet")
    result = shop.ingest(day)
    assert shop.table("cleaned/order_lines", day)["contact_id"].to_list() == ["17850", "102"]
    conserved = check(result, "cleaned/order_lines", "conservation")
    assert conserved.metadata["duplicate_rows"].value == 1


def test_a_typed_file_keeps_its_types_in_raw(shop):
    frame = pl.DataFrame(
        {
            "order_id": ["o1"],
            "product_id": ["p1"],
            "quantity": [2],
            "ordered_at": [datetime(2026, 1, 5, 10)],  # noqa: DTZ001  a shop writes its own clock
            "unit_price": [1.5],
        }
    )
    frame.write_parquet(shop.landing / "b.parquet")
    assert shop.ingest("2026-01-05").success
    raw = shop.table("raw/order_lines", "2026-01-05")
    assert raw.schema["quantity"] == pl.Int64
    assert raw.schema["unit_price"] == pl.Float64
    assert raw.schema["ordered_at"] == pl.Datetime("us")


def test_columns_that_nobody_mapped_are_kept_in_raw(shop):
    (shop.landing / "a.csv").write_text(
        "order_id,product_id,quantity,ordered_at,unit_price,colour\n"
        "o1,p1,1,2026-01-05 10:00:00,1.5,red\n"
    )
    assert shop.ingest("2026-01-05").success
    assert shop.table("raw/order_lines", "2026-01-05")["_extra"].to_list() == ['{"colour":"red"}']


def test_raw_names_the_file_the_row_and_the_delivery_of_each_line(shop):
    shop.drop("a.csv", line(1, "2026-01-05"), line(2, "2026-01-05"))
    shop.ingest("2026-01-05")
    raw = shop.table("raw/order_lines", "2026-01-05")
    assert raw.select("_source", "_source_row").rows() == [("a.csv", 1), ("a.csv", 2)]
    assert raw["_batch"].str.len_chars().to_list() == [16, 16]
    assert raw["_ingested_at"].null_count() == 0


def test_identifiers_of_contacts_leave_raw_only_as_tokens(tmp_path, instance):
    shop = Shop(
        tmp_path,
        instance,
        contacts={"url": str(tmp_path / "contacts.csv")},
    )
    (tmp_path / "contacts.csv").write_text(
        "contact_id,email,first_name,phone,created_at\n"
        "101,ada@example.com,Ada,+49 30 901820,2025-05-01\n"
        "102,bob@example.com,Bob,+49 30 901821,not a date\n"
    )
    shop.drop("a.csv", line(1, "2026-01-31"))
    shop.ingest("2026-01-31")
    cleaned = shop.table("cleaned/contacts", "2026-01-31")
    quarantined = shop.table("quarantine/contacts", "2026-01-31")
    assert cleaned["contact_id"].to_list() == ["101"]
    assert quarantined["reasons"].to_list() == [["created_at.parseable"]]
    for frame in (cleaned, quarantined):
        assert "example.com" not in str(frame.rows())
        assert "9018" not in str(frame.rows())
    assert "ada@example.com" in str(shop.table("raw/contacts", "2026-01-31").rows())
