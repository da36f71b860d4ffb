"""Holds a collected frame against its contract: which row breaks which rule.

Pandera does the checking; this reads its masks. It never changes or drops a row: what becomes of a
verdict (quarantine, a blocked write, a warning) is decided by `assets/publish.py`.
"""

import copy
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrorReason

from de_assets.contracts.base import Contract, Severity, table_info

Dimension = Literal["schema", "completeness", "validity", "uniqueness", "consistency"]
UNPARSED = "_unparsed_"  # prefix of a mask column: text arrived, and no value came of it


@dataclass(frozen=True)
class Rule:
    """One promise of a table; `name` is `column.rule`, or the rule alone for whole rows."""

    name: str
    dimension: Dimension
    column: str | None
    severity: Severity


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

    def rejected(self) -> pl.Series:
        """Mask of the rows that break a rule of severity `error` (Boolean, True = rejected)."""
        mask = pl.Series([False]).new_from_index(0, self.height)
        for rule in self.rules:
            if rule.severity == "error" and rule.name in self.failing:
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


def rules(contract: type[Contract]) -> tuple[Rule, ...]:
    """Every rule that a contract declares, in the order of its columns."""
    schema = contract.to_schema()
    found = [Rule("columns", "schema", None, "error")]
    for name, declared in schema.columns.items():
        if not declared.nullable:
            found.append(Rule(f"{name}.not_null", "completeness", name, "error"))
        if table_info(contract).stage == "cleaned" and declared.dtype.type != pl.String:
            found.append(Rule(f"{name}.parseable", "validity", name, "error"))
        found.extend(
            Rule(_check_name(check, name), "validity", name, _severity(check))
            for check in declared.checks
        )
    if table_info(contract).unique_by:
        found.append(Rule(_key_name(contract), "uniqueness", None, "error"))
    found.extend(
        Rule(_check_name(check, None), "consistency", None, _severity(check))
        for check in schema.checks
    )
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
        if mask.any():
            failing[name] = mask
    key = [c for c in table_info(contract).unique_by if c in body.columns]
    if key and not structural:
        by = [*key, "dt"] if "dt" in frame.columns else key
        # A row without its key breaks `not_null`; it is not the same as another one without.
        is_complete = pl.all_horizontal(pl.col(*key).is_not_null())
        again = frame.select(pl.struct(by).is_duplicated() & is_complete).to_series()
        if again.any():
            failing[_key_name(contract)] = again
    return Verdict(rules(contract), failing, structural, frame.height)


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
    """The schema with every check an error: severity is ours to judge, Pandera would only warn."""
    schema = copy.deepcopy(contract.to_schema())
    for declared in schema.columns.values():
        for check in declared.checks:
            check.raise_warning = False
    for check in schema.checks:
        check.raise_warning = False
    return schema


def _check_name(check: pa.Check, column: str | None) -> str:
    name = str(check.name)
    if column is None:
        return name
    bounds = [f"{value}" for value in (check.statistics or {}).values()]
    return f"{column}.{name}({', '.join(bounds)})" if bounds else f"{column}.{name}"


def _key_name(contract: type[Contract]) -> str:
    return f"unique({', '.join(table_info(contract).unique_by)})"


def _severity(check: pa.Check) -> Severity:
    return "warn" if check.raise_warning else "error"


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
