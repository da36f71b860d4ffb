"""Order lines as the supplier writes them: text in the supplier's columns, with the dirt in it.

Beside the eight columns of the files stand `day`, `kind` and one flag for each kind of dirt; the
files leave these out.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta

import numpy as np
import polars as pl

from de_assets.sandbox.company.catalogue import catalogue_of
from de_assets.sandbox.company.chance import Chance, Flags, Floats, Ints, Keys
from de_assets.sandbox.company.lines import Lines
from de_assets.sandbox.company.orders import CANCELLATION, NOBODY, WRITE_OFF, orders_of
from de_assets.sandbox.company.parameters import Company
from de_assets.sandbox.company.population import COUNTRIES, population_of

COLUMNS = ("order_no", "sku", "item", "qty", "ordered", "unit_price", "customer", "country")
"""The supplier's columns, in the order of the files."""

PLANTED = (
    "unreadable_quantity",
    "unreadable_price",
    "unreadable_date",
    "negative_price",
    "zero_price",
    "without_description",
    "placeholder_description",
    "other_description",
    "untrimmed",
    "lower_case_codes",
)
"""The kinds of dirt in a line, named as in `Dirt`."""

_NO_QUANTITIES = ("twelve", "?", "1 pack", "#N/A")
_NO_PRICES = ("free", "n/a", "2,5O", "#REF!")
_NO_DATES = ("0000-00-00 00:00:00", "2025-02-30 09:15:00", "TBC", "13/31/2025")
_PLACEHOLDERS = ("?", "n/a", "UNKNOWN", "-", "no description")
_NOTES = ("damages", "check", "missing", "wet", "thrown away", "?")
_BLANKS = ((" ", ""), ("", " "), ("  ", ""), ("", "   "), (" ", " "))


def order_text(company: Company, lines: Lines) -> pl.DataFrame:
    """One row a line, in the order given, and a second one where a line is duplicated.

    Columns: those of `COLUMNS` (String), `day` (Int64, from the company's start), `kind` (Int64,
    of `orders`), `is_duplicate` and those of `PLANTED` (Boolean).
    """
    chance = Chance(company.seed)
    orders = orders_of(company)
    keys = orders.keys[lines.orders]
    planted = _planted(company, chance, lines, keys)
    text = pl.DataFrame(
        {
            "order_no": _order_numbers(orders.kinds[lines.orders], orders.numbers[lines.orders]),
            "sku": _codes(company, lines, planted),
            "item": _descriptions(company, chance, lines, keys, planted),
            "qty": _spoiled(
                pl.Series(lines.quantities).cast(pl.String),
                planted["unreadable_quantity"], _NO_QUANTITIES, chance, keys, lines.numbers,
            ),
            "ordered": _spoiled(
                _times(company, orders.days[lines.orders], orders.minutes[lines.orders]),
                planted["unreadable_date"], _NO_DATES, chance, keys, lines.numbers,
            ),
            "unit_price": _spoiled(
                _prices(lines.pence, planted),
                planted["unreadable_price"], _NO_PRICES, chance, keys, lines.numbers,
            ),
            "customer": _customers(
                company, orders.contacts[lines.orders], orders.days[lines.orders]
            ),
            "country": pl.Series(COUNTRIES).gather(orders.countries[lines.orders]),
        }
    )  # fmt: skip
    text = text.with_columns(
        day=pl.Series(orders.days[lines.orders]), kind=pl.Series(orders.kinds[lines.orders])
    ).with_columns(**{name: pl.Series(flags) for name, flags in planted.items()})
    is_doubled = chance.happens(company.dirt.duplicate_lines, "duplicate", keys, lines.numbers)
    rows = np.repeat(np.arange(text.height), 1 + is_doubled)
    is_repeated = np.concatenate([[False], rows[1:] == rows[:-1]])[: len(rows)]
    return text[rows].with_columns(is_duplicate=pl.Series(is_repeated, dtype=pl.Boolean))


def _planted(company: Company, chance: Chance, lines: Lines, keys: Keys) -> dict[str, Flags]:
    dirt = company.dirt
    goods = catalogue_of(company)
    kinds = orders_of(company).kinds[lines.orders]
    is_note = kinds == WRITE_OFF
    is_product = (lines.products < company.products) & ~is_note

    def happens(share: float, about: str) -> Flags:
        return chance.happens(share, about, keys, lines.numbers)

    # One draw for all that makes a line unacceptable: no line has two of these.
    fault = chance.pick(
        [
            dirt.unreadable_quantity,
            dirt.unreadable_price,
            dirt.unreadable_date,
            dirt.negative_price,
            max(0.0, 1 - _sum_of_faults(company)),
        ],
        "fault",
        keys,
        lines.numbers,
    )
    is_zero = (kinds != CANCELLATION) & is_product & happens(dirt.zero_price, "zero price")
    is_empty = happens(dirt.without_description, "no description")
    is_placeholder = ~is_empty & happens(dirt.placeholder_description, "placeholder")
    is_other = is_product & ~is_empty & ~is_placeholder
    has_letter = np.array([code[-1].isalpha() for code in goods.codes])[lines.products]
    return {
        "unreadable_quantity": fault == 0,
        "unreadable_price": fault == 1,
        "unreadable_date": fault == 2,
        "negative_price": (fault == 3) & (lines.pence > 0),
        "zero_price": is_zero & (fault == 4),
        "without_description": is_empty,
        "placeholder_description": is_placeholder,
        "other_description": is_other & happens(dirt.other_description, "other description"),
        "untrimmed": ~is_empty & happens(dirt.untrimmed, "untrimmed"),
        "lower_case_codes": has_letter
        & (lines.products < company.products)
        & happens(dirt.lower_case_codes, "lower case"),
    }


def _sum_of_faults(company: Company) -> float:
    dirt = company.dirt
    return (
        dirt.unreadable_quantity
        + dirt.unreadable_price
        + dirt.unreadable_date
        + dirt.negative_price
    )


def _order_numbers(kinds: Ints, numbers: Ints) -> pl.Series:
    frame = pl.DataFrame({"prefix": np.where(kinds == CANCELLATION, "C", ""), "number": numbers})
    return frame.select(pl.concat_str("prefix", "number")).to_series()


def _codes(company: Company, lines: Lines, planted: dict[str, Flags]) -> pl.Series:
    codes = pl.Series(catalogue_of(company).codes)
    usual, lower = codes.gather(lines.products), codes.str.to_lowercase().gather(lines.products)
    return lower.zip_with(pl.Series(planted["lower_case_codes"]), usual)


def _descriptions(
    company: Company, chance: Chance, lines: Lines, keys: Keys, planted: dict[str, Flags]
) -> pl.Series:
    goods = catalogue_of(company)
    is_note = orders_of(company).kinds[lines.orders] == WRITE_OFF

    def one_of(texts: Sequence[str]) -> pl.Series:
        chosen = chance.below(len(texts), "which text", keys, lines.numbers)
        return pl.Series(texts).gather(chosen)

    def blanks(side: int) -> pl.Series:
        some = one_of([each[side] for each in _BLANKS])
        none = pl.repeat("", len(some), eager=True)
        return some.zip_with(pl.Series(planted["untrimmed"]), none)

    text = pl.Series(goods.names).gather(lines.products)
    other = pl.Series(goods.other_names).gather(lines.products)
    text = other.zip_with(pl.Series(planted["other_description"]), text)
    text = one_of(_NOTES).zip_with(pl.Series(is_note), text)
    text = one_of(_PLACEHOLDERS).zip_with(pl.Series(planted["placeholder_description"]), text)
    text = blanks(0) + text + blanks(1)
    nothing = pl.repeat(None, len(text), dtype=pl.String, eager=True)
    return nothing.zip_with(pl.Series(planted["without_description"]), text)


def _spoiled(
    values: pl.Series,
    is_spoiled: Flags,
    nonsense: Sequence[str],
    chance: Chance,
    keys: Keys,
    numbers: Ints,
) -> pl.Series:
    chosen = chance.below(len(nonsense), "nonsense", keys, numbers)
    return pl.Series(nonsense).gather(chosen).zip_with(pl.Series(is_spoiled), values)


def _prices(pence: Ints, planted: dict[str, Flags]) -> pl.Series:
    signed = np.where(planted["negative_price"], -pence, pence)
    price: Floats = np.where(planted["zero_price"], 0, signed) / 100
    return pl.Series(price).cast(pl.String)


def _times(company: Company, days: Ints, minutes: Ints) -> pl.Series:
    start = datetime.combine(company.start, time.min)
    moments = pl.Series(days * 1_440 + minutes) * timedelta(minutes=1) + start
    return moments.dt.strftime("%Y-%m-%d %H:%M:%S")


def _customers(company: Company, contacts: Ints, days: Ints) -> pl.Series:
    """Contact ids as text; in some files a float, as a spreadsheet with gaps writes them."""
    is_float_file = Chance(company.seed).happens(
        company.dirt.float_contact_files, "float contacts", days
    )
    plain = pl.Series(population_of(company).ids).cast(pl.String).gather(np.maximum(contacts, 0))
    text = (plain + ".0").zip_with(pl.Series(is_float_file), plain)
    nothing = pl.repeat(None, len(text), dtype=pl.String, eager=True)
    return nothing.zip_with(pl.Series(contacts == NOBODY), text)
