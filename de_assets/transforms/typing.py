"""From whatever arrived (text, or a typed file's own types) to one type a column.

A cast never fails a row by itself: what cannot be read becomes null, and `unparsed` says that it
was not null before. Dates are in `dates.py`.
"""

import re
from dataclasses import dataclass
from functools import partial

import polars as pl

from de_assets.contracts.audit import UNPARSED

# Of ISO 4217, those that prices are written in. Any three letters would not do: "2 DOZ" is not 2.
CURRENCIES = (
    "AED|ARS|AUD|BGN|BHD|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|HKD|HUF|IDR|ILS|INR|ISK|JOD|"
    "JPY|KES|KRW|KWD|MAD|MXN|MYR|NGN|NOK|NZD|OMR|PEN|PHP|PKR|PLN|QAR|RON|RSD|RUB|SAR|SEK|SGD|THB|"
    "TND|TRY|TWD|UAH|USD|UYU|VND|ZAR"
)
# Amounts to a millionth of the currency, in whole numbers.
AMOUNT = pl.Decimal(38, 6)


@dataclass(frozen=True)
class Dialect:
    """How a supplier writes values.

    Attributes:
        datetime_formats: strptime formats to try first; empty: the usual unambiguous ones.
        decimal: Character before the fraction.
        thousands: Character between groups of digits, if any.
        null_values: Texts that mean nothing, compared after trimming.
        cancellation_prefix: How the order number of a cancellation begins; None: a negative
            quantity is a cancellation.
    """

    datetime_formats: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str | None = None
    null_values: tuple[str, ...] = ()
    cancellation_prefix: str | None = None


def to_text(name: str, dialect: Dialect) -> pl.Expr:
    """A column as trimmed text; empty text and the declared null values become null."""
    text = pl.col(name).cast(pl.String).str.strip_chars()
    return pl.when((text != "") & ~text.is_in(list(dialect.null_values))).then(text).alias(name)


def to_identifier(name: str, dialect: Dialect) -> pl.Expr:
    """An identifier as text; "17850.0" is 17850 that went through a spreadsheet or a float."""
    return to_text(name, dialect).str.replace(r"^([0-9]+)\.0+$", "$1")


def to_code(name: str, dialect: Dialect) -> pl.Expr:
    """A code in upper case: shops write 85123a and 85123A for the same thing."""
    return to_identifier(name, dialect).str.to_uppercase()


def to_label(name: str, dialect: Dialect) -> pl.Expr:
    """A category name in lower case."""
    return to_text(name, dialect).str.to_lowercase()


def present(name: str, dialect: Dialect) -> pl.Expr:
    """The column with the type that it arrived in, without the declared null values."""
    if not dialect.null_values:
        return pl.col(name)
    return pl.when(to_text(name, dialect).is_not_null()).then(pl.col(name))


def to_number(name: str, dialect: Dialect) -> pl.Expr:
    """A number (Float64) from text such as "1.234,50 EUR" or "£2.55"; null where it is none.

    Digits between separators must stand in groups as thousands do: where the dialect says that the
    dot groups them, "2.55" is no number, rather than 255. Typed numbers stay what they are.
    """
    number = present(name, dialect).map_batches(
        partial(_numbers, dialect=dialect), return_dtype=pl.Float64, is_elementwise=True
    )
    return pl.when(number.is_finite()).then(number).alias(name)


def exact_sum(amounts: pl.Expr) -> pl.Expr:
    """A sum (Float64, to a millionth) that is the same whatever the order of the rows.

    The sum of floats is not: its last bits depend on row order and on the number of cores, and
    with them would the digest that names a model.
    """
    return amounts.cast(AMOUNT).sum().cast(pl.Float64)


def _numbers(values: pl.Series, dialect: Dialect) -> pl.Series:
    if values.dtype.is_numeric():
        return values.cast(pl.Float64)
    text = values.cast(pl.String).str.strip_chars()
    if dialect.decimal == ".":
        plain = text.cast(pl.Float64, strict=False)
        if plain.null_count() == text.null_count():
            return plain
    mark = re.escape(dialect.decimal)
    group = rf"[\s'\u{{2019}}{re.escape(dialect.thousands or '')}]"
    whole = rf"[0-9]+|[0-9]{{1,3}}(?:{group}[0-9]{{2,3}})*{group}[0-9]{{3}}"
    number = rf"^[+-]?(?:{whole})?(?:{mark}[0-9]*)?(?:[eE][+-]?[0-9]+)?$"
    if not text.str.contains(number).all():
        currency = rf"(?:\p{{Sc}}|(?i:{CURRENCIES}))?"
        text = text.str.replace(rf"\s*{currency}$", "")
        text = text.str.replace(rf"^([+-]?)\s*{currency}\s*", "${1}")
        text = text.set(~text.str.contains(number), None)
    text = text.str.replace_all(group, "").str.replace(dialect.decimal, ".", literal=True)
    return text.cast(pl.Float64, strict=False)


def unparsed(name: str, typed: pl.Expr, dialect: Dialect, column: str | None = None) -> pl.Expr:
    """Mask (Boolean) of rows in which something arrived and no value came of it.

    Args:
        name: The source's column.
        typed: What came of it.
        dialect: How the supplier writes values.
        column: The cleaned column, where its name is another one.
    """
    is_lost = to_text(name, dialect).is_not_null() & typed.is_null()
    return is_lost.alias(f"{UNPARSED}{column or name}")
