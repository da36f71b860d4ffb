"""The order files of the landing directory: their names, formats and re-deliveries.

What stands in the rows is `order_text`'s.
"""

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from de_assets.sandbox.company.atomic import gzipped, write_whole
from de_assets.sandbox.company.chance import Chance
from de_assets.sandbox.company.lines import lines_of
from de_assets.sandbox.company.order_text import COLUMNS, PLANTED, order_text
from de_assets.sandbox.company.orders import CANCELLATION, SALE, STRANGER, orders_of
from de_assets.sandbox.company.parameters import Company, Days
from de_assets.sandbox.company.trading import calendar_of
from de_assets.sandbox.company.written import WrittenOrders

DRIFTED = {"order_no": "order_number", "unit_price": "price", "customer": "customer_no"}
"""Columns that the supplier renames for the last third of the trading days."""

_BLOCK_DAYS = 28
"""Days made at once: enough to be quick, few enough to be small."""
_FEWEST_DAYS_FOR_ODDITIES = 10


@dataclass(frozen=True)
class _Delivery:
    """How the file of one trading day looks."""

    is_gzipped: bool
    has_bom_and_crlf: bool
    is_drifted: bool
    is_redelivered: bool
    is_redelivery_reversed: bool


def write_orders(company: Company, directory: Path, *, days: Days | None = None) -> WrittenOrders:
    """Write `orders/orders-YYYY-MM-DD.csv` for each trading day, re-delivered files beside them.

    Columns: `order_no, sku, item, qty, ordered, unit_price, customer, country`; in the last third
    of the company's trading days `order_number`, `price` and `customer_no` instead. One file is
    `.csv.gz`, one begins with a byte order mark and ends its lines with CRLF. A re-delivered file
    is `orders-YYYY-MM-DD-redelivery.csv`: the same bytes, or the same rows from last to first.

    Args:
        company: The company.
        directory: The landing directory; `orders` is made in it.
        days: First and last day to write, both included; all days unless told. The bytes of a
            file do not depend on it.

    Raises:
        CompanyError: `days` reaches outside the company's days.
    """
    first, last = company.day_range(days)
    folder = directory / "orders"
    counts: Counter[str] = Counter(dict.fromkeys(PLANTED, 0))
    for begin, end in _blocks(first, last):
        lines = lines_of(company, orders_of(company).on_days(begin, end))
        text = order_text(company, lines)
        counts.update(_counted(text))
        by_day = {
            int(key[0]): frame for key, frame in text.partition_by("day", as_dict=True).items()
        }
        for day in np.flatnonzero(calendar_of(company).is_open[begin : end + 1]) + begin:
            rows = by_day.get(int(day), text.clear()).select(COLUMNS)
            counts.update(_write_day(company, folder, int(day), rows))
    planted = {kind: counts[kind] for kind in PLANTED}
    return WrittenOrders(
        files=counts["files"],
        lines=counts["lines"],
        orders=counts["orders"],
        cancellations=counts["cancellations"],
        cancellation_lines=counts["cancellation_lines"],
        lines_without_contact=counts["lines_without_contact"],
        duplicate_lines=counts["duplicate_lines"],
        redelivered_files=counts["redelivered_files"],
        redelivered_lines=counts["redelivered_lines"],
        planted=planted,
        size_bytes=counts["size_bytes"],
    )


def _blocks(first: int, last: int) -> Iterator[tuple[int, int]]:
    for begin in range(first, last + 1, _BLOCK_DAYS):
        yield begin, min(begin + _BLOCK_DAYS - 1, last)


def _counted(text: pl.DataFrame) -> dict[str, int]:
    is_cancellation = pl.col("kind") == CANCELLATION
    order_no = pl.col("order_no")
    counted = text.select(
        *(pl.col(kind).sum() for kind in PLANTED),
        lines=pl.len(),
        orders=order_no.filter(pl.col("kind").is_in([SALE, STRANGER])).n_unique(),
        cancellations=order_no.filter(is_cancellation).n_unique(),
        cancellation_lines=is_cancellation.sum(),
        lines_without_contact=pl.col("customer").is_null().sum(),
        duplicate_lines=pl.col("is_duplicate").sum(),
    )
    return {name: int(value) for name, value in counted.row(0, named=True).items()}


def _write_day(company: Company, folder: Path, day: int, rows: pl.DataFrame) -> dict[str, int]:
    delivery = _deliveries(company)[day]
    name = f"orders-{company.start + timedelta(days=day)}"
    if delivery.is_drifted:
        rows = rows.rename(DRIFTED)
    content = _csv(rows, has_bom_and_crlf=delivery.has_bom_and_crlf)
    if delivery.is_gzipped:
        size = write_whole(folder / f"{name}.csv.gz", gzipped(content))
    else:
        size = write_whole(folder / f"{name}.csv", content)
    counts = {"files": 1, "size_bytes": size}
    if delivery.is_redelivered:
        again = _csv(rows.reverse()) if delivery.is_redelivery_reversed else content
        counts["size_bytes"] += write_whole(folder / f"{name}-redelivery.csv", again)
        counts |= {"redelivered_files": 1, "redelivered_lines": rows.height}
    return counts


def _csv(rows: pl.DataFrame, *, has_bom_and_crlf: bool = False) -> bytes:
    content = io.BytesIO()
    rows.write_csv(
        content,
        include_bom=has_bom_and_crlf,
        line_terminator="\r\n" if has_bom_and_crlf else "\n",
    )
    return content.getvalue()


@lru_cache(maxsize=4)
def _deliveries(company: Company) -> dict[int, _Delivery]:
    """How each trading day is delivered, decided over all days at once."""
    trading = np.flatnonzero(calendar_of(company).is_open)
    has_oddities = company.dirt.has_odd_formats and len(trading) >= _FEWEST_DAYS_FOR_ODDITIES
    gzip_at, bom_at = len(trading) // 5, 2 * len(trading) // 5
    drifts_at = 2 * len(trading) // 3
    draws = Chance(company.seed).uniform("redelivered", trading)
    # The two odd files keep to themselves, so that each oddity can be looked at alone.
    draws[[at for at in (gzip_at, bom_at) if at < len(draws)]] = 2.0
    redelivered = np.argsort(draws, kind="stable")[: _redeliveries(company, len(trading))].tolist()
    return {
        int(day): _Delivery(
            is_gzipped=has_oddities and at == gzip_at,
            has_bom_and_crlf=has_oddities and at == bom_at,
            is_drifted=has_oddities and at >= drifts_at,
            is_redelivered=at in redelivered,
            is_redelivery_reversed=at in redelivered[1::2],
        )
        for at, day in enumerate(trading)
    }


def _redeliveries(company: Company, trading_days: int) -> int:
    share = company.dirt.redelivered_files
    if share == 0 or trading_days < _FEWEST_DAYS_FOR_ODDITIES:
        return 0
    return max(1, round(share * trading_days))
