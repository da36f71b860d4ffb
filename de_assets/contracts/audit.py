"""Holds a collected frame against its contract: which row breaks which rule.

Pandera does the checking; this reads its masks. It never changes or drops a row: what becomes of a
verdict (quarantine, a blocked write, a warning) is decided by `assets/publish.py`.
"""

import copy
import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import pandera.polars as pa
import polars as pl
import polars.selectors as cs
from pandera.errors import SchemaErrorReason

from de_assets.contracts.base import (
    STRICT,
    Contract,
    Severity,
    Terms,
    columns,
    row_rules,
    table_info,
)

Dimension = Literal["schema", "completeness", "validity", "uniqueness", "consistency"]
TYPED = ("number", "moment")  # readings that text can fail
UNPARSED = "_unparsed_"  # prefix of a mask column: text arrived, and no value came of it


@dataclass(frozen=True)
class Rule:
    """One promise of a table; `name` is `column.rule`, or the rule alone for whole rows."""

    name: str
    dimension: Dimension
    column: str | None
    severity: Severity = "error"
    tolerated_rate: float | None = None


@dataclass(frozen=True)
class Verdict:
    """What came of holding a frame against its contract.

    Attributes:
        rules: Every rule that was checked, kept or not.
        failing: For each broken rule the mask of its rows (Boolean, True = breaks it).
        structural: What is wrong with the frame as a whole, in words; no rule can be trusted then.
    """

    rules: tuple[Rule, ...]
    failing: dict[str, pl.Series]
    structural: tuple[str, ...]
    height: int

    def rejected(self, *, with_tolerance: bool = True) -> pl.Series:
        """Mask of the rows that break a rule of severity `error` (Boolean, True = rejected).

        Args:
            with_tolerance: Whether rules count that declare how many rows may break them.
        """
        mask = pl.Series([False]).new_from_index(0, self.height)
        for rule in self.rules:
            if rule.severity == "warn" or rule.name not in self.failing:
                continue
            if with_tolerance or rule.tolerated_rate is None:
                mask |= self.failing[rule.name]
        return mask

    def reasons(self) -> pl.Series:
        """Names of the broken rules of each row (List of String), warnings included."""
        if not self.failing:
            return pl.repeat([], self.height, dtype=pl.List(pl.String), eager=True)
        named = [
            pl.when(mask).then(pl.lit(name)).alias(name) for name, mask in self.failing.items()
        ]
        return pl.select(pl.concat_list(named).list.drop_nulls()).to_series()


@functools.cache
def rules(contract: type[Contract]) -> tuple[Rule, ...]:
    """Every rule that a contract declares, in the order of its columns."""
    schema = contract.to_schema()
    found = [Rule("columns", "schema", None)]
    for info in columns(contract):
        declared = schema.columns[info.name]
        if not info.is_nullable:
            terms = info.terms.get("not_null", STRICT)
            found.append(_rule(f"{info.name}.not_null", "completeness", info.name, terms))
        if info.read in TYPED:
            terms = info.terms.get("parseable", STRICT)
            found.append(_rule(f"{info.name}.parseable", "validity", info.name, terms))
        if info.dtype.is_float():
            terms = info.terms.get("finite", STRICT)
            found.append(_rule(f"{info.name}.finite", "validity", info.name, terms))
        for check in declared.checks:
            terms = info.terms.get(str(check.name), STRICT)
            found.append(_rule(_check_name(check, info.name), "validity", info.name, terms))
    found.extend(Rule(_key_name(key), "uniqueness", None) for key in _keys(contract))
    found.extend(_rule(rule.name, "consistency", None, rule.terms) for rule in row_rules(contract))
    return tuple(found)


def audit(contract: type[Contract], frame: pl.DataFrame) -> Verdict:
    """Check a collected frame; masks of text that could not be cast ride along in `_unparsed_*`.

    Args:
        contract: The table's declaration.
        frame: Its columns, then any of `_unparsed_<column>` (Boolean) and `dt` (Date); with `dt`
            the key is unique within a day.

    Returns:
        The verdict; its masks follow the rows of `frame`.
    """
    unparsed = {
        name.removeprefix(UNPARSED): frame[name]
        for name in frame.columns
        if name.startswith(UNPARSED)
    }
    body = frame.select(pl.exclude(f"^{UNPARSED}.*$", "dt"))
    failing: dict[str, pl.Series] = {
        f"{name}.parseable": mask for name, mask in unparsed.items() if mask.any()
    }
    not_finite = _not_finite(contract, body)
    failing |= {f"{name}.finite": mask for name, mask in not_finite.items()}
    errors = _errors(contract, body)
    structural = _structural(error for error in errors if error.check_output is None)
    for error in errors:
        if error.check_output is None:
            continue
        column = _column(error)
        mask = ~error.check_output.to_series().fill_null(value=True)
        if error.reason_code is SchemaErrorReason.SERIES_CONTAINS_NULLS:
            name = f"{column}.not_null"
            if column in unparsed:
                mask &= ~unparsed[column]  # said once: it was there, and not readable
        else:
            name = _check_name(error.check, column)
            if column in not_finite:
                mask &= ~not_finite[column]  # said once: NaN is above any bound
        if mask.any():
            failing[name] = mask
    for key in [] if structural else _keys(contract):
        by = [*key, "dt"] if "dt" in frame.columns else key
        # A row without its key breaks `not_null`; it is not the same as another one without.
        is_complete = pl.all_horizontal(pl.col(*key).is_not_null())
        again = frame.select(pl.struct(by).is_duplicated() & is_complete).to_series()
        if again.any():
            failing[_key_name(key)] = again
    return Verdict(rules(contract), failing, structural, frame.height)


def _not_finite(contract: type[Contract], body: pl.DataFrame) -> dict[str, pl.Series]:
    """Masks of NaN and infinity, which keep a lower bound and spoil every sum."""
    declared = [info.name for info in columns(contract) if info.dtype.is_float()]
    is_off = ~(cs.by_name(declared, require_all=False) & cs.float()).is_finite()
    return {mask.name: mask for mask in body.select(is_off.fill_null(value=False)) if mask.any()}


def _errors(contract: type[Contract], body: pl.DataFrame) -> list[pa.errors.SchemaError]:
    """Pandera's findings. Its exception quotes rows, so it must not travel any further."""
    try:
        _permissive_schema(contract).validate(body, lazy=True)
    except pa.errors.SchemaErrors as errors:
        return list(errors.schema_errors)
    return []


def _column(error: pa.errors.SchemaError) -> str | None:
    """The column that a finding is about; None for a finding about whole rows."""
    return str(error.schema.name) if isinstance(error.schema, pa.Column) else None


@functools.cache
def _permissive_schema(contract: type[Contract]) -> pa.DataFrameSchema:
    """The schema with every check an error: severity is ours to judge, Pandera would only warn.

    Keys are left to `audit`, which knows that each day has its own.
    """
    schema = copy.deepcopy(contract.to_schema())
    for check in schema.checks:
        check.raise_warning = False
    for declared in schema.columns.values():
        declared.unique = False
    return schema


def _check_name(check: pa.Check, column: str | None) -> str:
    name = str(check.name)
    if column is None:
        return name
    bounds = [f"{value}" for value in (check.statistics or {}).values()]
    return f"{column}.{name}({', '.join(bounds)})" if bounds else f"{column}.{name}"


def _keys(contract: type[Contract]) -> list[tuple[str, ...]]:
    """The table's key, and every column that is declared `unique`."""
    declared = contract.to_schema().columns.items()
    keys = [table_info(contract).unique_by, *((name,) for name, each in declared if each.unique)]
    return list(dict.fromkeys(filter(None, keys)))


def _key_name(key: Sequence[str]) -> str:
    return f"unique({', '.join(key)})"


def _rule(name: str, dimension: Dimension, column: str | None, terms: Terms) -> Rule:
    return Rule(name, dimension, column, terms.severity, terms.tolerated_rate)


def _structural(errors: Iterable[pa.errors.SchemaError]) -> tuple[str, ...]:
    """What is wrong with the frame as a whole. A rule that fails because of it says nothing new."""
    found = list(errors)
    causes = [e for e in found if e.reason_code is not SchemaErrorReason.CHECK_ERROR]
    return tuple(dict.fromkeys(_structural_text(error) for error in causes or found))


def _structural_text(error: pa.errors.SchemaError) -> str:
    """Names and types only; Pandera's own text may quote values."""
    column = _column(error)
    reason = error.reason_code.name.lower() if error.reason_code else "schema"
    if error.reason_code is SchemaErrorReason.CHECK_ERROR:
        return f"rule cannot be checked: {_check_name(error.check, column)}"
    if error.reason_code is SchemaErrorReason.COLUMN_NOT_ORDERED:
        return "columns are not in the declared order"
    if error.reason_code is SchemaErrorReason.WRONG_DATATYPE:
        return f"{column}: {error.check} expected"
    culprit = (
        error.failure_cases
        if isinstance(error.failure_cases, str)
        and error.reason_code
        in (SchemaErrorReason.COLUMN_NOT_IN_DATAFRAME, SchemaErrorReason.COLUMN_NOT_IN_SCHEMA)
        else column
    )
    return f"{reason.replace('_', ' ')}: {culprit}"
