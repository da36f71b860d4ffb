"""The columns of a cleaned table as its contract says that they are read (`column(..., read=)`)."""

import polars as pl
import polars.selectors as cs

from de_assets.contracts.audit import TYPED
from de_assets.contracts.base import ColumnInfo, Contract, columns, table_info
from de_assets.transforms.dates import DEFAULT_FORMATS, to_datetime, to_datetime_on_day
from de_assets.transforms.tokens import TokenKey, to_token
from de_assets.transforms.typing import (
    Dialect,
    present,
    to_code,
    to_identifier,
    to_label,
    to_number,
    to_text,
    unparsed,
)

UNREADABLE = "_unreadable"
TEXTS = {"text": to_text, "identifier": to_identifier, "code": to_code, "label": to_label}


def read_columns(
    contract: type[Contract],
    raw: pl.LazyFrame,
    dialect: Dialect,
    token_key: TokenKey,
    **derived: pl.Expr,
) -> pl.LazyFrame:
    """Raw rows with the columns of a cleaned table that are read from them, in its order.

    Args:
        contract: The cleaned table.
        raw: The source table's columns, of any type, with `dt`, `_row` and `_source`.
        dialect: How the supplier writes values.
        token_key: The key of the tokens.
        derived: Further columns, made of raw ones.

    Returns:
        The columns that the contract reads, those derived, `_unparsed_<column>` (Boolean) of
        numbers and moments, `_unreadable` (String: the text of all values that could not be read;
        it is content too, and tells lines apart), `dt`, `_row`, `_source`.
    """
    read = [info for info in columns(contract) if info.read]
    typed = {info.name: _read(info, contract, dialect, token_key) for info in read}
    fallible = [info for info in read if info.read in TYPED]
    unreadable = [
        pl.when(typed[info.name].is_null()).then(to_text(info.source, dialect)).fill_null("")
        for info in fallible
    ]
    # NaN is how a typed file without nulls says that there is nothing; as text it is a name.
    return raw.with_columns(cs.float().fill_nan(None)).select(
        *(value.alias(name) for name, value in typed.items()),
        *(value.alias(name) for name, value in derived.items()),
        *(unparsed(info.source, typed[info.name], dialect, info.name) for info in fallible),
        pl.concat_str(unreadable or [pl.lit("")], separator="\x1f").alias(UNREADABLE),
        "dt",
        "_row",
        "_source",
    )


def moment_of(name: str, contract: type[Contract], dialect: Dialect) -> pl.Expr:
    """A moment (Datetime) from text or a typed column; the day's own moment leans on the day.

    The moment that put a row into its day can be read better than others: the day `dt` tells 10/2
    in October from 10/2 in February.
    """
    if name == table_info(contract).day_column and not dialect.datetime_formats:
        return to_datetime_on_day(present(name, dialect), pl.col("dt"))
    return to_datetime(present(name, dialect), dialect.datetime_formats or DEFAULT_FORMATS)


def _read(
    info: ColumnInfo, contract: type[Contract], dialect: Dialect, token_key: TokenKey
) -> pl.Expr:
    if info.read == "number":
        return _as_declared(to_number(info.source, dialect), info.dtype)
    if info.read == "moment":
        return moment_of(info.source, contract, dialect).cast(info.dtype)
    if info.read == "token":
        return to_token(to_text(info.source, dialect), token_key)
    assert info.read is not None
    return TEXTS[info.read](info.source, dialect)


def _as_declared(number: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A number of the declared type; what would lose its fraction or its digits is null."""
    if not dtype.is_integer():
        return number.cast(dtype)
    whole = number.cast(dtype, strict=False)
    return pl.when(whole.cast(pl.Float64) == number).then(whole)
