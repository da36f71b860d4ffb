"""What is in each order document: products, quantities and prices, still without any dirt.

Made for the documents asked for and no others, so memory does not grow with the number of days.
"""

from dataclasses import dataclass

import numpy as np

from de_assets.sandbox.company.catalogue import Catalogue, catalogue_of
from de_assets.sandbox.company.chance import Chance, Floats, Ints
from de_assets.sandbox.company.orders import (
    CANCELLATION,
    SALE,
    STRANGER,
    WRITE_OFF,
    Orders,
    orders_of,
    repeated,
)
from de_assets.sandbox.company.parameters import Company

_SPREAD_OF_LINES = 0.85
_MOST_LINES = 400
_MOST_PIECES = 20_000
_WHOLE_LINE_CANCELLED = 0.30
"""Beside lines of one piece, which can only be cancelled as a whole."""
_OTHER_LINE_CANCELLED = 0.18
# From four usual packs on the piece costs less.
_BULK_PACKS = 4
_BULK_PRICE = 0.85
_POSTAGE = 0.35
_POSTAGE_PENCE = 1_800
_DISCOUNT = 0.015
_DISCOUNT_RATE = 0.05
_TEST = 0.001
_SERVICE_LINE = 10_000
"""Line numbers of services begin here: they stand below the products."""


@dataclass(frozen=True)
class Lines:
    """One entry a line.

    Attributes:
        orders: Entry of the document among the company's orders.
        numbers: Which line of the document, from 0.
        products: Index into the catalogue's codes.
        quantities: Pieces, below zero for cancellations, write-offs and discounts.
        pence: Price of a piece in hundredths.
    """

    orders: Ints
    numbers: Ints
    products: Ints
    quantities: Ints
    pence: Ints

    def where(self, chosen: Ints) -> "Lines":
        """The lines at these positions, in this order."""
        return Lines(
            self.orders[chosen],
            self.numbers[chosen],
            self.products[chosen],
            self.quantities[chosen],
            self.pence[chosen],
        )


def lines_of(company: Company, entries: Ints) -> Lines:
    """The lines of these documents, by document and line number."""
    chance = Chance(company.seed)
    orders = orders_of(company)
    goods = catalogue_of(company)
    kinds = orders.kinds[entries]
    sold = entries[(kinds == SALE) | (kinds == STRANGER)]
    sales = _sold(company, chance, orders, goods, sold)
    together = _together(
        sales,
        _services(chance, orders, goods, sold, sales),
        _cancelled(company, chance, orders, goods, entries[kinds == CANCELLATION]),
        _written_off(chance, orders, goods, entries[kinds == WRITE_OFF]),
    )
    return together.where(np.lexsort((together.numbers, together.orders)))


def _sold(
    company: Company, chance: Chance, orders: Orders, goods: Catalogue, entries: Ints
) -> Lines:
    count = company.lines_per_order * np.exp(
        _SPREAD_OF_LINES * chance.normal("lines", orders.keys[entries])
    )
    order, number = repeated(entries, np.clip(np.round(count), 1, _MOST_LINES).astype(np.int64))
    keys = orders.keys[order]
    product = goods.pick(orders.days[order], chance.uniform("product", keys, number))
    # A product stands once in an order, so that the duplicates in the files are the planted ones.
    first = _first_of_product(order, product, len(goods.codes))
    order, number, product, keys = order[first], number[first], product[first], keys[first]
    packs = orders.sizes[order] * np.exp(0.6 * chance.normal("quantity", keys, number))
    quantity = np.clip(np.round(goods.packs[product] * packs), 1, _MOST_PIECES).astype(np.int64)
    price = goods.pence[product] * (1 + 0.03 * chance.below(3, "price rise", product, keys))
    price = np.where(packs >= _BULK_PACKS, price * _BULK_PRICE, price)
    return Lines(order, number, product, quantity, np.maximum(1, np.round(price)).astype(np.int64))


def _services(
    chance: Chance, orders: Orders, goods: Catalogue, entries: Ints, sales: Lines
) -> Lines:
    keys = orders.keys[entries]
    goods_pence = np.bincount(
        np.searchsorted(entries, sales.orders),
        weights=sales.quantities * sales.pence,
        minlength=len(entries),
    )
    discount = np.maximum(1, np.round(goods_pence * _DISCOUNT_RATE))
    is_abroad = orders.countries[entries] > 0
    return _together(
        _service(goods, "POST", entries[is_abroad & chance.happens(_POSTAGE, "post", keys)]),
        _service(
            goods,
            "DISCOUNT",
            entries[is_discounted := chance.happens(_DISCOUNT, "discount", keys)],
            pence=discount[is_discounted],
        ),
        _service(goods, "TEST001", entries[chance.happens(_TEST, "test", keys)]),
    )


def _service(goods: Catalogue, code: str, entries: Ints, *, pence: Floats | None = None) -> Lines:
    product = goods.service(code)
    each = np.ones(len(entries), dtype=np.int64)
    return Lines(
        orders=entries,
        numbers=each * (_SERVICE_LINE + product),
        products=each * product,
        quantities=each if pence is None else -each,
        pence=each * _POSTAGE_PENCE if pence is None else pence.astype(np.int64),
    )


def _cancelled(
    company: Company, chance: Chance, orders: Orders, goods: Catalogue, entries: Ints
) -> Lines:
    """One line of the cancelled order at least, a part of its quantity at least."""
    by_origin = entries[np.argsort(orders.origins[entries], kind="stable")]
    origins = orders.origins[by_origin]
    lines = _sold(company, chance, orders, goods, origins)
    draw = chance.uniform("line cancelled", orders.keys[lines.orders], lines.numbers)
    position = np.searchsorted(origins, lines.orders)
    least = np.full(len(origins), 2.0)
    np.minimum.at(least, position, draw)
    chosen = np.flatnonzero((draw < _OTHER_LINE_CANCELLED) | (draw == least[position]))
    lines, position = lines.where(chosen), position[chosen]
    keys = orders.keys[lines.orders]
    is_whole = chance.happens(_WHOLE_LINE_CANCELLED, "whole line", keys, lines.numbers)
    part = 1 + chance.below(np.maximum(lines.quantities - 1, 1), "part", keys, lines.numbers)
    is_whole |= lines.quantities == 1
    return Lines(
        orders=by_origin[position],
        numbers=lines.numbers,
        products=lines.products,
        quantities=-np.where(is_whole, lines.quantities, part),
        pence=lines.pence,
    )


def _written_off(chance: Chance, orders: Orders, goods: Catalogue, entries: Ints) -> Lines:
    order, number = repeated(entries, 1 + chance.below(3, "lost lines", orders.keys[entries]))
    keys = orders.keys[order]
    product = goods.pick(orders.days[order], chance.uniform("lost product", keys, number))
    first = _first_of_product(order, product, len(goods.codes))
    order, number, product, keys = order[first], number[first], product[first], keys[first]
    return Lines(
        orders=order,
        numbers=number,
        products=product,
        quantities=-1 - chance.below(60, "lost pieces", keys, number),
        pence=np.zeros(len(order), dtype=np.int64),
    )


def _first_of_product(order: Ints, product: Ints, products: int) -> Ints:
    _, first = np.unique(order * products + product, return_index=True)
    return np.sort(first)


def _together(*parts: Lines) -> Lines:
    return Lines(
        np.concatenate([part.orders for part in parts]),
        np.concatenate([part.numbers for part in parts]),
        np.concatenate([part.products for part in parts]),
        np.concatenate([part.quantities for part in parts]),
        np.concatenate([part.pence for part in parts]),
    )
