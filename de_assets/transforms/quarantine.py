"""Rows that broke their contract, as they arrived, with the names of the rules they broke."""

from functools import partial

import polars as pl

from de_assets.contracts.audit import UNPARSED, audit
from de_assets.contracts.base import Contract, columns
from de_assets.contracts.source_tables import SourceTable
from de_assets.transforms.clean import Clean
from de_assets.transforms.deduplicate import IS_DUPLICATE
from de_assets.transforms.tokens import TokenKey, to_token
from de_assets.transforms.typing import Dialect

IS_QUARANTINED = "_is_quarantined"


def in_order_of_arrival(raw: pl.LazyFrame) -> pl.LazyFrame:
    """Raw rows with their place of arrival `_row` (UInt32), whatever file they came in."""
    return raw.sort("dt", "_source", "_source_row").with_row_index("_row")


def as_quarantine(
    arrived: pl.LazyFrame, broken: pl.LazyFrame, source: SourceTable, token_key: TokenKey
) -> pl.LazyFrame:
    """The broken rows as text, with their reasons; direct identifiers as tokens.

    Args:
        arrived: Raw rows with `_row` and `dt`.
        broken: `_row` and `reasons` (List of String) of those that broke a rule.
        source: Their source table.
        token_key: The key of the tokens.

    Returns:
        The quarantine's columns and `dt`.
    """
    text = {name: pl.col(name).cast(pl.String) for name in source.columns}
    for name in source.direct_identifiers:
        text[name] = to_token(text[name], token_key)
    return arrived.join(broken, on="_row", how="inner", maintain_order="left").select(
        *text.values(), "reasons", "_source", "_source_row", "_batch", "dt"
    )


def mark_quarantined(
    raw: pl.LazyFrame,
    *,
    source: SourceTable,
    contract: type[Contract],
    clean: Clean,
    dialect: Dialect,
    token_key: TokenKey,
) -> pl.LazyFrame:
    """Every raw row as its quarantine would hold it, and whether it does.

    The asset does the same step by step, since it counts on the way; this is what column lineage
    asks.

    Returns:
        The quarantine's columns, `dt` and `_is_quarantined` (Boolean); `reasons` is null where a
        row is cleaned or a duplicate.
    """
    arrived = in_order_of_arrival(raw)
    declared = [info.name for info in columns(contract)]
    audited = pl.struct(*declared, f"^{UNPARSED}.*$", "dt", IS_DUPLICATE)
    reasons = audited.map_batches(
        partial(_reasons_if_rejected, contract=contract), return_dtype=pl.List(pl.String)
    )
    judged = clean(arrived, dialect, token_key).sort("_row").select("_row", reasons=reasons)
    return as_quarantine(arrived, judged, source, token_key).with_columns(
        pl.col("reasons").is_not_null().alias(IS_QUARANTINED)
    )


def _reasons_if_rejected(rows: pl.Series, contract: type[Contract]) -> pl.Series:
    typed = rows.struct.unnest().with_row_index("_place")
    distinct = typed.filter(~pl.col(IS_DUPLICATE)).drop(IS_DUPLICATE)
    verdict = audit(contract, distinct.drop("_place"))
    judged = distinct.select("_place", reasons=verdict.reasons()).filter(verdict.rejected())
    return typed.join(judged, on="_place", how="left", maintain_order="left")["reasons"]
