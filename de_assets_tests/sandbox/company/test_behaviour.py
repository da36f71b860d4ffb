from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from de_assets.sandbox.company import Company
from de_assets.sandbox.company.orders import SALE, STRANGER, orders_of

from .conftest import Delivered


def known_orders(sales: pl.DataFrame) -> pl.DataFrame:
    is_order = pl.col("customer").is_not_null() & (pl.col("qty") > 0)
    return (
        sales.filter(is_order)
        .group_by("order_no", "customer")
        .agg(
            value=(pl.col("qty") * pl.col("unit_price")).sum(),
            lines=pl.len(),
            ordered=pl.col("ordered").min(),
        )
    )


def test_most_buy_little_and_a_few_buy_most(sales: pl.DataFrame):
    orders = known_orders(sales)
    by_contact = (
        orders.group_by("customer")
        .agg(orders=pl.len(), revenue=pl.col("value").sum())
        .sort("revenue", descending=True)
    )

    top = by_contact.head(by_contact.height // 10)["revenue"].sum() / by_contact["revenue"].sum()
    assert 0.20 < (by_contact["orders"] == 1).mean() < 0.40
    assert 2 <= by_contact["orders"].median() <= 4
    assert by_contact["orders"].quantile(0.99) > 6 * by_contact["orders"].median()
    assert 0.50 < top < 0.75


def test_orders_have_the_size_of_a_wholesale_gift_shop(sales: pl.DataFrame):
    orders = known_orders(sales)

    assert 200 < orders["value"].median() < 400
    assert 2_000 < orders["value"].quantile(0.99) < 9_000
    assert 8 < orders["lines"].mean() < 15


def test_november_is_more_than_twice_february():
    company = Company(contacts=4_000, start=date(2023, 1, 1), end=date(2024, 12, 31))
    orders = orders_of(company)
    months = Counts(company, orders.days[orders.kinds == SALE])

    # The company grows: a February before and one after the November cancel that out.
    ratio = months.of(2023, 11) / np.sqrt(months.of(2023, 2) * months.of(2024, 2))
    assert 1.9 < ratio < 2.9


class Counts:
    """Orders by month."""

    def __init__(self, company: Company, days: np.ndarray) -> None:
        self._months = [company.start + timedelta(days=int(day)) for day in days]

    def of(self, year: int, month: int) -> int:
        return sum((day.year, day.month) == (year, month) for day in self._months)


def test_cancellations_come_later_and_take_back_what_was_bought(
    delivered: Delivered, sales: pl.DataFrame
):
    cancelled = cancelled_lines(delivered)
    bought = sales.filter(pl.col("customer").is_not_null()).select(
        "customer", "sku", "qty", "ordered", "order_no"
    )

    matched = cancelled.join_where(
        bought,
        pl.col("customer") == pl.col("customer_right"),
        pl.col("sku") == pl.col("sku_right"),
        pl.col("ordered") > pl.col("ordered_right"),
        -pl.col("qty") <= pl.col("qty_right"),
    )
    assert (cancelled["qty"] < 0).all()
    assert matched["row"].n_unique() / cancelled.height > 0.98  # the rest has an unreadable partner


def test_cancellations_are_as_many_and_as_late_as_in_a_real_shop(
    delivered: Delivered, sales: pl.DataFrame
):
    orders = orders_of(Company(end=date(2026, 6, 30)))
    origin = orders.origins[orders.origins >= 0]
    lag = orders.days[orders.origins >= 0] - orders.days[origin]
    old = (orders.kinds == SALE) & (orders.days < 250)

    assert 8 <= np.median(lag) <= 13
    assert 60 <= np.quantile(lag, 0.9) <= 110
    assert np.isin(np.flatnonzero(old), origin).mean() == pytest.approx(0.176, abs=0.025)
    written = delivered.written.orders
    assert 1.5 < written.cancellation_lines / written.cancellations < 3.0


def test_about_a_third_of_the_cancelled_lines_is_cancelled_as_a_whole(
    delivered: Delivered, sales: pl.DataFrame
):
    bought = sales.filter(pl.col("qty") > 0).select("customer", "sku", "qty", "ordered")
    once = bought.filter(pl.struct("customer", "sku").is_unique())

    matched = cancelled_lines(delivered).join(once, on=["customer", "sku"], suffix="_bought")
    assert matched.height > 500
    assert 0.27 < (-matched["qty"] == matched["qty_bought"]).mean() < 0.45


def cancelled_lines(delivered: Delivered) -> pl.DataFrame:
    return (
        delivered.order_lines.filter(pl.col("order_no").str.starts_with("C"))
        .with_columns(
            pl.col("qty").cast(pl.Int64, strict=False),
            pl.col("ordered").str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False),
            pl.col("sku").str.to_uppercase(),
            pl.col("customer").str.strip_suffix(".0"),
        )
        .drop_nulls(["qty", "ordered"])
        .with_row_index("row")
    )


def test_lines_without_a_contact_are_about_a_fifth_and_more_in_some_months(delivered: Delivered):
    lines = delivered.order_lines.with_columns(is_unknown=pl.col("customer").is_null())
    by_month = lines.group_by(pl.col("day").dt.truncate("1mo")).agg(pl.col("is_unknown").mean())

    assert lines["is_unknown"].mean() == pytest.approx(0.22, abs=0.05)
    assert by_month["is_unknown"].max() - by_month["is_unknown"].min() > 0.06


def test_orders_without_a_contact_swing_widely_from_day_to_day():
    # So large that the swing cannot be the chance of small numbers.
    company = Company(contacts=20_000)
    orders = orders_of(company)
    strangers = np.bincount(orders.days[orders.kinds == STRANGER], minlength=300)
    sales = np.bincount(orders.days[orders.kinds == SALE], minlength=300)
    open_days = sales > 50
    share = strangers[open_days] / (strangers + sales)[open_days]

    assert 0.12 < np.median(share) < 0.24
    assert 0.35 < np.quantile(share, 0.95) < 0.60
    assert 0.55 < share.max() < 0.90
    assert share.min() < 0.05


def test_two_fifths_of_the_catalogue_is_new_after_the_first_month(delivered: Delivered):
    first_seen = (
        delivered.order_lines.with_columns(pl.col("sku").str.to_uppercase())
        .group_by("sku")
        .agg(pl.col("day").min())
    )

    is_new = first_seen["day"] >= delivered.company.start + timedelta(days=30)
    assert 0.33 < is_new.mean() < 0.55


def test_order_numbers_rise_with_time_and_leave_gaps(delivered: Delivered):
    numbers = (
        delivered.order_lines.filter(pl.col("ordered").str.contains("^202[45]"))
        .select("ordered", number=pl.col("order_no").str.strip_prefix("C").cast(pl.Int64))
        .filter(~pl.col("ordered").str.starts_with("2025-02-30"))
        .unique()
        .sort("number")
    )

    assert numbers["ordered"].is_sorted()
    assert numbers["number"].n_unique() == numbers.height
    assert 1.02 < (numbers["number"].max() - numbers["number"].min()) / numbers.height < 1.1
