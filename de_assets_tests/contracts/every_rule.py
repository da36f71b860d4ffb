"""A table with a rule of every kind that may be declared, some of which no table of ours has."""

from datetime import date
from types import MappingProxyType

import polars as pl

from de_assets.contracts.base import Contract, TableInfo, column, row_rule

INFO = TableInfo("tests/every_rule", "Every kind of rule", "one", unique_by=("code", "on"))


class EveryRule(Contract):
    """Bounds open and closed, categories, patterns, lengths, keys of one and of two columns."""

    code: pl.String = column("Code", str_matches=r"^[A-Z][0-9]{3}$")
    on: pl.Date = column("Day", ge=date(2020, 1, 1), le=date(2029, 12, 31))
    serial: pl.Int64 = column("Serial number", unique=True)
    above: pl.Float64 = column("More than nothing", gt=0, nullable=True)
    below: pl.Int32 = column("Less than ten", lt=10)
    share: pl.Float64 = column("A share", in_range={"min_value": 0, "max_value": 1})
    inside: pl.Float64 = column(
        "An open range",
        in_range={"min_value": 0, "max_value": 1, "include_min": False, "include_max": False},
    )
    word: pl.String = column("A word of two to four letters", str_length=(2, 4))
    state: pl.String = column("A state", isin=("on", "off"), nullable=True)
    digit: pl.Int64 = column("Neither seven nor eight", notin=[7, 8], ge=0, le=9)
    tags: pl.List(pl.String) = column("Tags")

    class Config:
        """The table."""

        metadata = MappingProxyType({"table": INFO})

    on_means_some = row_rule(
        "on_means_some",
        "What is on has more than nothing.",
        (pl.col("state") != "on") | pl.col("above").is_not_null(),
    )
