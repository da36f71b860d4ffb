import gzip
import hashlib
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from de_assets.sandbox.company import (
    NO_DIRT,
    Company,
    CompanyError,
    write_company,
    write_events,
    write_orders,
    write_products,
)
from de_assets.sandbox.company.atomic import write_whole

from .conftest import Delivered, read_order_files

# Longer than a block of days, across a Christmas, with every kind of file.
SMALL = Company(
    seed=3, contacts=120, start=date(2024, 12, 2), end=date(2025, 1, 31), events_per_day=60
)


def digests(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_equal_parameters_give_equal_bytes_whatever_the_number_of_threads(tmp_path: Path):
    write_company(SMALL, tmp_path / "here")
    program = (
        "from datetime import date; from pathlib import Path;"
        "from de_assets.sandbox.company import *;"
        f"write_company(Company(seed=3, contacts=120, start=date(2024, 12, 2), "
        f"end=date(2025, 1, 31), events_per_day=60), Path({str(tmp_path / 'there')!r}))"
    )

    subprocess.run(
        [sys.executable, "-c", program],
        env={"POLARS_MAX_THREADS": "1", "PYTHONHASHSEED": "5"},
        cwd=Path(__file__).parents[3],
        check=True,
    )

    assert digests(tmp_path / "here") == digests(tmp_path / "there")


def test_another_seed_is_another_company(tmp_path: Path):
    write_company(SMALL, tmp_path / "one")
    write_company(replace(SMALL, seed=4), tmp_path / "other")

    one, other = digests(tmp_path / "one"), digests(tmp_path / "other")
    # Order files of days without an order hold a header only, whatever the seed.
    assert set(one) & set(other) >= {"products/products.csv", "events/events-2024-12-24.jsonl.gz"}
    assert sum(one[name] != other.get(name) for name in one) > 0.9 * len(one)


def test_days_written_one_by_one_are_the_bytes_of_the_full_run(tmp_path: Path):
    whole = write_company(SMALL, tmp_path / "whole")
    split = date(2025, 1, 8)
    parts = [write_company(SMALL, tmp_path / "parts", days=(SMALL.start, split))]
    for n in range((SMALL.end - split).days):
        day = split + timedelta(days=n + 1)
        parts.append(write_company(SMALL, tmp_path / "parts", days=(day, day)))

    assert digests(tmp_path / "parts") == digests(tmp_path / "whole")
    assert sum(part.orders.lines for part in parts) == whole.orders.lines
    assert sum(part.orders.duplicate_lines for part in parts) == whole.orders.duplicate_lines
    assert sum(part.events.events for part in parts) == whole.events.events
    assert sum(part.events.late_events for part in parts) == whole.events.late_events


def test_no_orders_on_saturdays_and_over_christmas_and_events_every_day(delivered: Delivered):
    days = [
        delivered.company.start + timedelta(days=n) for n in range(delivered.company.length_days)
    ]
    order_days = {
        date.fromisoformat(path.name[7:17]) for path in (delivered.directory / "orders").iterdir()
    }
    event_days = {
        date.fromisoformat(path.name[7:17]) for path in (delivered.directory / "events").iterdir()
    }

    closed = set(days) - order_days
    assert {day for day in days if day.weekday() == 5} <= closed
    assert {date(2024, 12, 24) + timedelta(days=n) for n in range(11)} <= closed
    assert len(closed) == 53  # 43 Saturdays, and the ten other days of the Christmas shut-down
    assert event_days == set(days)


def test_what_was_written_is_what_is_said(delivered: Delivered):
    orders, events = delivered.written.orders, delivered.written.events
    files = [path for path in delivered.directory.rglob("*") if path.is_file()]
    daily = [path for path in files if path.name.startswith("orders-")]

    assert not [path for path in files if path.name.startswith(".")]
    assert orders.files + orders.redelivered_files == len(daily)
    assert orders.lines == delivered.order_lines.height
    assert orders.lines_without_contact == delivered.order_lines["customer"].null_count()
    assert events.files == delivered.company.length_days
    assert events.events == delivered.events.height
    assert events.anonymous_events == delivered.events["customer"].null_count()
    assert delivered.written.size_bytes == sum(path.stat().st_size for path in files)


def test_the_default_company_is_small_enough_for_a_demo(delivered: Delivered):
    assert 40_000 < delivered.written.orders.lines < 100_000
    assert 150_000 < delivered.written.events.events < 300_000
    assert delivered.written.size_bytes < 25_000_000


def test_one_order_file_is_gzipped_and_one_has_a_mark_and_crlf(delivered: Delivered):
    folder = delivered.directory / "orders"
    plain = [path.read_bytes() for path in folder.glob("*.csv")]
    packed = [gzip.decompress(path.read_bytes()) for path in folder.glob("*.csv.gz")]

    marked = [content for content in plain if content.startswith(b"\xef\xbb\xbf")]
    assert len(packed) == 1
    assert packed[0].startswith(b"order_no,")
    assert len(marked) == 1
    assert marked[0].count(b"\r\n") == marked[0].count(b"\n") > 1
    assert not [content for content in plain if b"\r" in content and content not in marked]


def test_the_header_changes_for_the_last_third_of_the_days(delivered: Delivered):
    paths = sorted((delivered.directory / "orders").glob("*.csv"))
    headers = [path.read_text(encoding="utf-8-sig").splitlines()[0] for path in paths]

    old, new = (
        "order_no,sku,item,qty,ordered,unit_price,customer,country",
        "order_number,sku,item,qty,ordered,price,customer_no,country",
    )
    assert set(headers) == {old, new}
    assert headers == sorted(headers, key=[old, new].index)
    assert headers.count(new) / len(headers) == pytest.approx(1 / 3, abs=0.03)


def test_redelivered_files_hold_the_lines_of_their_day_once_more(delivered: Delivered):
    again = sorted((delivered.directory / "orders").glob("*-redelivery.csv"))
    first = [path.with_name(path.name.replace("-redelivery", "")) for path in again]

    same_bytes = [a.read_bytes() == b.read_bytes() for a, b in zip(again, first, strict=True)]
    left = read_order_files(again).drop("file").sort(pl.all())
    right = read_order_files(first).drop("file").sort(pl.all())
    assert left.equals(right)
    assert left.height == delivered.written.orders.redelivered_lines
    assert len(again) == delivered.written.orders.redelivered_files == round(247 * 8 / 305)
    assert 0 < sum(same_bytes) < len(again)  # some are shuffled


def test_the_catalogue_grows_until_the_day_asked_for(tmp_path: Path):
    early = write_products(SMALL, tmp_path, as_of=SMALL.start)
    late = write_products(SMALL, tmp_path)

    listed = pl.read_csv(tmp_path / "products" / "products.csv", separator=";")
    assert listed.columns == ["code", "title", "group", "list_price"]
    assert early.products < late.products == listed.height == SMALL.products
    assert listed["code"].n_unique() == listed.height
    assert listed["list_price"].min() > 0


def test_a_clean_company_has_no_dirt_at_all(tmp_path: Path):
    written = write_company(replace(SMALL, dirt=NO_DIRT), tmp_path)

    lines = read_order_files(sorted((tmp_path / "orders").iterdir()))
    assert set(written.orders.planted.values()) == {0}
    assert written.orders.duplicate_lines == lines.is_duplicated().sum() == 0
    assert written.orders.redelivered_files == 0
    assert written.events.late_events == written.events.duplicate_events == 0
    assert written.events.unreadable_events == written.contacts_missing_from_crm == 0
    assert lines["qty"].cast(pl.Int64).null_count() == 0


def test_a_company_without_events_writes_no_event_files(tmp_path: Path):
    written = write_events(replace(SMALL, events_per_day=0), tmp_path)

    assert written.files == written.events == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("contacts", [1, 2])
def test_the_smallest_company_still_delivers_its_days(tmp_path: Path, contacts: int):
    tiny = Company(
        contacts=contacts, products=1, start=date(2025, 3, 3), end=date(2025, 3, 9),
        events_per_day=1, buyer_share=0.0,
    )  # fmt: skip

    written = write_company(tiny, tmp_path)

    assert written.orders.files == 6
    assert written.events.files == 7


def test_days_outside_the_company_are_refused(tmp_path: Path):
    with pytest.raises(CompanyError, match="not a part of the company's days"):
        write_orders(SMALL, tmp_path, days=(SMALL.start, SMALL.end + timedelta(days=1)))
    with pytest.raises(CompanyError, match="not a part of the company's days"):
        write_events(SMALL, tmp_path, days=(SMALL.end, SMALL.start))


def test_who_is_reading_a_file_while_it_is_replaced_reads_the_old_one(tmp_path: Path):
    path = tmp_path / "orders.csv"
    write_whole(path, b"old")

    with path.open("rb") as reader:
        write_whole(path, b"new and longer")
        seen = reader.read()

    assert seen == b"old"
    assert path.read_bytes() == b"new and longer"
    assert list(tmp_path.iterdir()) == [path]
