"""From whatever arrived (text, or a typed file's own types) to one type a column.

A cast never fails a row by itself: what cannot be read becomes null, and `unparsed` says that it
was not null before. Dates are in `dates.py`.
"""

from dataclasses import dataclass

import polars as pl

UNPARSED = "_unparsed_"


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


def to_number(name: str, dialect: Dialect) -> pl.Expr:
    """A number (Float64) from text such as "1.234,50 EUR" or "£2.55"; null where it is none."""
    text = to_text(name, dialect).str.replace_all(r"[\s\u00a0\p{Sc}']|(?i:[a-z]{3}$)", "")
    if dialect.thousands:
        text = text.str.replace_all(dialect.thousands, "", literal=True)
    if dialect.decimal != ".":
        # A dot that is neither declared as thousands nor as decimal makes the number unreadable.
        text = pl.when(~text.str.contains(".", literal=True)).then(
            text.str.replace(dialect.decimal, ".", literal=True)
        )
    number = text.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number).alias(name)


def unparsed(name: str, typed: pl.Expr, dialect: Dialect) -> pl.Expr:
    """Mask (Boolean) of rows in which something arrived and no value came of it."""
    return (to_text(name, dialect).is_not_null() & typed.is_null()).alias(f"{UNPARSED}{name}")
