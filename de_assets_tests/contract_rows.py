"""Frames that keep a contract, made from its declaration alone: for the tests of all contracts.

Types, nullability, bounds, categories, patterns and keys are kept by construction; rules between
columns by drawing the columns they speak of again until they hold. What breaks a rule is in
`contract_faults.py`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

import pandera.polars as pa
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from de_assets.contracts.base import ColumnInfo, Contract, columns, polars_schema, table_info

FIRST_DAY, DAYS = date(2009, 12, 1), 6_000
LOWEST, HIGHEST = -1e6, 1e6  # where no bound is declared
CHARACTERS = "abcXYZ019 .,;'\"-_é\u00df\u6f22\u0664\u20ac"
LONGEST = 6
CANDIDATES, ROUNDS = 300, 40


@dataclass(frozen=True)
class Domain:
    """The values of a column that keep its rules; `low` and `high` are themselves allowed."""

    info: ColumnInfo
    low: float | int | date | None
    high: float | int | date | None
    choices: tuple[Any, ...]
    forbidden: tuple[Any, ...]
    patterns: tuple[str, ...]
    length: tuple[int, int]

    def draw(self, random: Random) -> Any:
        """One value; now and then null, where that is allowed."""
        if self.info.is_nullable and random.randint(0, 3) == 3:
            return None
        while (value := self._present(random)) in self.forbidden:
            pass
        return value

    def _present(self, random: Random) -> Any:
        if self.choices:
            return random.choice(self.choices)
        if self.patterns:
            return random.choice(_matching(self.patterns[0]))
        return _of_type(self.info.dtype, random, self)

    def number(self, random: Random) -> float:
        """A number within the bounds: often a bound itself, or a whole number near the lower."""
        low, high = float(self.low), float(self.high)
        way = random.randint(0, 3)
        if way == 0:
            return random.choice((low, high))
        if way == 1:
            return min(low + random.randint(0, 20), high)
        return low + (high - low) * random.randint(0, 10**6) / 10**6


def _of_type(dtype: pl.DataType, random: Random, domain: Domain) -> Any:
    if dtype.is_temporal():
        return _moment(dtype, random, domain)
    if dtype.is_numeric():
        number = domain.number(random)
        return int(number) if dtype.is_integer() else number
    if dtype == pl.List:
        return [_of_type(dtype.inner, random, domain) for _ in range(random.randint(0, 2))]
    if dtype == pl.Struct:
        return {each.name: _of_type(each.dtype, random, domain) for each in dtype.fields}
    if dtype == pl.Boolean:
        return random.randint(0, 1) == 1
    assert dtype == pl.String, dtype
    shortest, longest = domain.length
    return "".join(
        random.choice(CHARACTERS) for _ in range(random.randint(shortest, min(longest, LONGEST)))
    )


def _moment(dtype: pl.DataType, random: Random, domain: Domain) -> date | datetime:
    day = _day(random, domain)
    if dtype == pl.Date:
        return day
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC if dtype.time_zone else None)
    return midnight + timedelta(microseconds=random.randint(0, 86_399_999_999))


def _day(random: Random, domain: Domain) -> date:
    low = domain.low if isinstance(domain.low, date) else FIRST_DAY
    high = domain.high if isinstance(domain.high, date) else low + timedelta(DAYS)
    return low + timedelta(random.randint(0, (high - low).days))


@cache
def domains(contract: type[Contract]) -> dict[str, Domain]:
    """The domain of each column, from the statistics of Pandera's checks."""
    declared = contract.to_schema().columns
    return {info.name: _domain(info, declared[info.name]) for info in columns(contract)}


def _domain(info: ColumnInfo, declared: pa.Column) -> Domain:
    is_temporal = info.dtype.is_temporal()
    low: Any = None if is_temporal else 0 if info.dtype.is_unsigned_integer() else LOWEST
    high: Any = None if is_temporal else HIGHEST
    choices: tuple[Any, ...] = ()
    forbidden: set[Any] = set()
    patterns: list[str] = []
    length = (0, LONGEST)
    for check in declared.checks:
        facts = check.statistics or {}
        if check.name == "str_length":
            length = (facts["min_value"] or 0, facts["max_value"] or LONGEST)
            continue
        least, most = facts.get("min_value"), facts.get("max_value")
        if least is not None:
            is_open = check.name == "greater_than" or facts.get("include_min") is False
            low = _inner(least, info.dtype, 1) if is_open else least
        if most is not None:
            is_open = check.name == "less_than" or facts.get("include_max") is False
            high = _inner(most, info.dtype, -1) if is_open else most
        choices = tuple(facts.get("allowed_values", choices))
        forbidden |= {*facts.get("forbidden_values", ())}
        if check.name == "not_equal_to":
            forbidden.add(facts["value"])
        if "pattern" in facts:
            patterns.append(str(facts["pattern"]))
        unknown = set(facts) - KNOWN_FACTS
        assert not unknown, f"{info.name}: the generator does not know {check.name}"
    return Domain(info, low, high, choices, tuple(forbidden), tuple(patterns), length)


KNOWN_FACTS = {
    "min_value",
    "max_value",
    "include_min",
    "include_max",
    "allowed_values",
    "forbidden_values",
    "value",
    "pattern",
}


def _inner(bound: Any, dtype: pl.DataType, towards: int) -> Any:
    """The nearest value within an open bound."""
    if dtype == pl.Date:
        return bound + timedelta(towards)
    if dtype.is_integer():
        return bound + towards
    return math.nextafter(bound, math.copysign(math.inf, towards))


@cache
def _matching(pattern: str) -> tuple[str, ...]:
    """Texts that match a pattern, the same on every run."""
    assert "\\d" not in pattern, "\\d matches digits of all scripts; write [0-9]"
    found: list[str] = []

    @settings(max_examples=20, database=None, suppress_health_check=[HealthCheck.nested_given])
    @given(st.from_regex(pattern, fullmatch=True))
    def collect(text: str) -> None:
        found.append(text)

    collect()
    return tuple(dict.fromkeys(found))


def valid_frame(contract: type[Contract], random: Random, height: int) -> pl.DataFrame:
    """At most so many rows that keep every rule of a contract, in the declared order and types.

    Two rows that would have the same key are one.
    """
    drawn = {
        name: [domain.draw(random) for _ in range(height)]
        for name, domain in domains(contract).items()
    }
    frame = pl.DataFrame(drawn, schema=polars_schema(contract))
    key = table_info(contract).unique_by
    if key:
        frame = frame.unique(key, maintain_order=True, keep="first")
    for declared in contract.to_schema().columns.values():
        if declared.unique:
            frame = frame.unique(declared.name, maintain_order=True, keep="first")
    # A generator of its own: a search draws more than Hypothesis cares to remember.
    return with_row_rules(contract, frame, Random(random.randint(0, 2**32)))  # noqa: S311


def with_row_rules(
    contract: type[Contract],
    frame: pl.DataFrame,
    random: Random,
    wanted: Callable[[dict[str, pl.Series], int], pl.Series] | None = None,
) -> pl.DataFrame:
    """The frame with the columns of its row rules drawn again where a row is not as wanted.

    Args:
        contract: Its contract.
        frame: Rows that keep every rule of their columns.
        random: To draw with.
        wanted: From the rows that break each row rule (masks) and the height to the rows that are
            as wanted; left out: those that break none.
    """
    wanted = wanted or _keeps_all
    involved = _columns_of_row_rules(contract)
    if not involved or frame.is_empty():
        return frame
    place = pl.int_range(frame.height, eager=True)
    for _ in range(ROUNDS):
        is_good = wanted(broken_row_rules(contract, frame), frame.height)
        bad = place.filter(~is_good)
        if bad.is_empty():
            return frame
        drawn = _drawn_again(contract, frame[bad], involved, random).with_columns(
            _place=pl.Series(bad).gather(_repeated(bad.len()))
        )
        tried = drawn.drop("_place")
        found = drawn.filter(wanted(broken_row_rules(contract, tried), tried.height)).unique(
            "_place", keep="first", maintain_order=True
        )
        kept = frame.with_columns(_place=place).join(found, on="_place", how="anti")
        frame = pl.concat([kept, found]).sort("_place").drop("_place")
    raise AssertionError(f"{contract.__name__}: no row was found in {ROUNDS} rounds")


def _keeps_all(broken: dict[str, pl.Series], height: int) -> pl.Series:
    good = pl.repeat(value=True, n=height, eager=True)
    for mask in broken.values():
        good &= ~mask
    return good


def _repeated(rows: int) -> pl.Series:
    return pl.int_range(rows * CANDIDATES, eager=True) // CANDIDATES


def _drawn_again(
    contract: type[Contract], rows: pl.DataFrame, names: tuple[str, ...], random: Random
) -> pl.DataFrame:
    many = rows[_repeated(rows.height)]
    return many.with_columns(
        pl.Series(name, [domain.draw(random) for _ in range(many.height)], rows.schema[name])
        for name, domain in domains(contract).items()
        if name in names
    )


def _columns_of_row_rules(contract: type[Contract]) -> tuple[str, ...]:
    """The columns that may be drawn again: a key stays, or it would have to be made anew."""
    key = table_info(contract).unique_by
    found = [name for check in contract.to_schema().checks for name in check.statistics["columns"]]
    return tuple(name for name in dict.fromkeys(found) if name not in key)


def broken_row_rules(contract: type[Contract], frame: pl.DataFrame) -> dict[str, pl.Series]:
    """The mask of each row rule that is broken: Pandera's own word, not the audit's."""
    checks = [pa.Check(check._check_fn, name=check.name) for check in contract.to_schema().checks]
    try:
        pa.DataFrameSchema(checks=checks).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        return {
            error.check.name: ~error.check_output.to_series().fill_null(value=True)
            for error in errors.schema_errors
        }
    return {}


def frames(contract: type[Contract], most_rows: int = 6) -> st.SearchStrategy[pl.DataFrame]:
    """Valid frames of a contract, of one row or more; they shrink."""
    return st.tuples(st.randoms(use_true_random=False), st.integers(1, most_rows)).map(
        lambda drawn: valid_frame(contract, *drawn)
    )


def seeded(contract: type[Contract], height: int, seed: int = 0) -> pl.DataFrame:
    """A valid frame that is the same on every run."""
    return valid_frame(contract, Random(seed), height)  # noqa: S311
