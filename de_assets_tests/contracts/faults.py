"""Every way to break every rule of a contract, from its declaration, as `contract_rows.py` makes
the valid rows that are spoiled here.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

import pandera.polars as pa
import polars as pl

from de_assets.contracts.audit import UNPARSED, Rule, rules
from de_assets.contracts.base import ColumnInfo, Contract, columns
from de_assets_tests.contract_rows import with_row_rules

FAR = 1e15
NOT_FINITE = (math.nan, math.inf, -math.inf)
STRANGE_TEXTS = ("", " ", "no such value", "A\u0301", "\u0664\u0662", "x" * 300)
SEEDS = 4


@dataclass(frozen=True)
class CellFault:
    """A value that breaks a rule of its column.

    Attributes:
        rule: The rule.
        way: How it breaks it, in a few words.
        value: What stands in the cell.
        is_unread: Whether text came there and no value was made of it.
    """

    rule: Rule
    way: str
    value: Any
    is_unread: bool = False


def cell_faults(contract: type[Contract]) -> list[CellFault]:
    """Every rule of every column, broken in every way."""
    declared = contract.to_schema().columns
    checks = {
        check_name(name, check): check for name, each in declared.items() for check in each.checks
    }
    infos = {info.name: info for info in columns(contract)}
    found: list[CellFault] = []
    for rule in rules(contract):
        if rule.column is None:
            continue
        if rule.name.endswith(".not_null"):
            found.append(CellFault(rule, "null", None))
        elif rule.name.endswith(".parseable"):
            found.append(CellFault(rule, "unread", None, is_unread=True))
        elif rule.name.endswith(".finite"):
            found += [CellFault(rule, str(value), value) for value in NOT_FINITE]
        else:
            outside = _outside(checks[rule.name], infos[rule.column])
            found += [CellFault(rule, way, value) for way, value in outside]
    return found


def check_name(column: str, check: pa.Check) -> str:
    """The rule that a Pandera check is."""
    facts = [str(value) for value in (check.statistics or {}).values()]
    return f"{column}.{check.name}({', '.join(facts)})"


def spoiled(
    frame: pl.DataFrame, faults: Sequence[CellFault], places: Sequence[int]
) -> pl.DataFrame:
    """The frame with one fault in each of some rows; text that was not read is marked as such."""
    for name in dict.fromkeys(fault.rule.column for fault in faults):
        here = [(p, f) for p, f in zip(places, faults, strict=True) if f.rule.column == name]
        values = frame[name].to_list()
        for place, fault in here:
            values[place] = fault.value
        frame = frame.with_columns(pl.Series(name, values, frame.schema[name]))
        if unread := [place for place, fault in here if fault.is_unread]:
            is_unread = pl.int_range(pl.len()).is_in(unread)
            frame = frame.with_columns(is_unread.alias(f"{UNPARSED}{name}"))
    return frame


def contradictions(contract: type[Contract], rule: Rule, frame: pl.DataFrame) -> pl.DataFrame:
    """All rows with values that each keep the rules of their columns, and break a row rule."""

    def breaks(broken: dict[str, pl.Series], height: int) -> pl.Series:
        return broken.get(rule.name, pl.repeat(value=False, n=height, eager=True))

    return with_row_rules(contract, frame, Random(1), breaks)  # noqa: S311


def copies(rule: Rule, frame: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame, list[int]]]:
    """Two rows, or all rows, with one key: how, the frame, and the rows' places."""
    key = rule.name.removeprefix("unique(").rstrip(")").split(", ")
    last = frame.height - 1
    for way, rows in (
        ("two neighbours", [0, 1]),
        ("first and last", [0, last]),
        ("all rows", list(range(frame.height))),
    ):
        is_hit = pl.int_range(pl.len()).is_in(rows)
        same = [
            pl.when(is_hit).then(pl.col(name).first()).otherwise(name).alias(name) for name in key
        ]
        yield way, frame.with_columns(same), rows
    yield "a row again", pl.concat([frame, frame[1:2]]), [1, frame.height]


def shapes(contract: type[Contract], frame: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Columns missing, too many, in another order or of another type: how, and the frame."""
    for info in columns(contract):
        yield f"{info.name} is missing", frame.drop(info.name)
        if contract.to_schema().columns[info.name].dtype is not None:
            other = pl.lit("x") if info.dtype != pl.String else pl.lit(1)
            yield f"{info.name} has another type", frame.with_columns(other.alias(info.name))
    yield "a column more", frame.with_columns(_more=pl.lit(1))
    yield "reversed", frame.select(reversed(frame.columns))
    first, second, *rest = frame.columns
    yield "two exchanged", frame.select(second, first, *rest)
    yield "another name", frame.rename({first: second, second: first})


def _outside(check: pa.Check, info: ColumnInfo) -> Iterator[tuple[str, Any]]:
    """Values that a check of a column refuses."""
    facts = check.statistics or {}
    least, most = facts.get("min_value"), facts.get("max_value")
    if check.name == "str_length":
        yield "too short", "x" * (least - 1)
        yield "too long", "x" * (most + 1)
        return
    if least is not None:
        is_open = check.name == "greater_than" or facts.get("include_min") is False
        yield "just below", least if is_open else _next(least, info.dtype, -1)
        if not info.dtype.is_unsigned_integer():
            yield "far below", _far(info.dtype, -1)
    if most is not None:
        is_open = check.name == "less_than" or facts.get("include_max") is False
        yield "just above", most if is_open else _next(most, info.dtype, 1)
        yield "far above", _far(info.dtype, 1)
    if allowed := facts.get("allowed_values"):
        yield from (("another category", text) for text in STRANGE_TEXTS)
        yield from (("another case", each.swapcase()) for each in allowed)
        yield from (("a blank more", f"{each} ") for each in allowed)
    yield from (("forbidden", each) for each in facts.get("forbidden_values", ()))
    if check.name == "not_equal_to":
        yield "forbidden", facts["value"]
        yield "forbidden, negative zero", -0.0
    if "pattern" in facts:
        matching = re.compile(facts["pattern"])
        yield from (("no match", text) for text in STRANGE_TEXTS if not matching.match(text))


def _next(bound: Any, dtype: pl.DataType, towards: int) -> Any:
    if dtype == pl.Date:
        return bound + timedelta(towards)
    if dtype.is_integer():
        return bound + towards
    return math.nextafter(bound, math.copysign(math.inf, towards))


def _far(dtype: pl.DataType, towards: int) -> Any:
    if dtype == pl.Date:
        return date(9999, 1, 1) if towards > 0 else date(1, 1, 1)
    return towards * (2**31 - 1) if dtype.is_integer() else towards * FAR
