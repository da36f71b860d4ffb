"""The data dictionary: every table and column in words, from the contracts, as Markdown.

`de-assets dictionary` writes it to docs/data-dictionary.md; a test keeps that file fresh.
"""

from collections.abc import Iterator, Sequence

import polars as pl

from de_assets.contracts.audit import Rule, rules
from de_assets.contracts.base import (
    ColumnInfo,
    Contract,
    columns,
    row_rules,
    table_info,
)
from de_assets.contracts.tables import TABLES

INTRODUCTION = """\
# Data dictionary

<!-- Made of the contracts in de_assets/contracts by `make dictionary`. Do not edit it here. -->

Every table of the lake, in the order in which they are made. What a table promises is checked
before anyone can read it; a cleaned table's rows that break a rule stand in its quarantine.

**Class** says whom a value could identify: `direct` names a person by itself, `quasi` together
with others, `none` nobody.

**Rules** are named as checks and quarantine show them, without the column's name. Three go without
saying: a column that may not be empty keeps `not_null`, a `Float64` is `finite`, and what is read
as a number or a moment must be `parseable`. Unless told otherwise a rule is an error without a
tolerance of its own: a row that breaks it goes to quarantine, or where there is none, its
partition is not published. `warn`: the row stays and the check is yellow. A percentage is the
share of a partition's rows that may break the rule before the check turns yellow (`warn`) or the
partition is withheld (`error`).
"""
IMPLIED = ("not_null", "finite", "parseable")
READINGS = {
    "text": "trimmed text",
    "identifier": "identifier; a trailing `.0` is cut",
    "code": "code, in upper case",
    "label": "label, in lower case",
    "number": "number",
    "moment": "moment",
    "token": "keyed token",
}
ERASURE = {
    "delete": "the rows of the person are deleted",
    "anonymise": "the rows stay, for the books, without the person",
}


def data_dictionary() -> str:
    """The whole dictionary (Markdown): how to read it, contents, and a chapter for each table."""
    contracts = list(TABLES.values())
    return "\n".join([INTRODUCTION, *_contents(contracts), *map(describe, contracts)])


def describe(contract: type[Contract]) -> str:
    """One table: its facts, its columns, and the rules between them (Markdown)."""
    return "\n".join(_chapter(contract))


def _contents(contracts: Sequence[type[Contract]]) -> Iterator[str]:
    yield from ("## Contents", "", "| Table | What it holds | One row is | Owner |")
    yield "|---|---|---|---|"
    for info in map(table_info, contracts):
        link = f"[{info.key}](#{info.key.replace('/', '')})"
        yield f"| {link} | {info.title} | {info.grain} | {info.owner} |"
    yield ""


def _chapter(contract: type[Contract]) -> Iterator[str]:
    info = table_info(contract)
    yield from (f"## {info.key}", "", f"{info.title}.", "")
    yield from (f"- **{name}:** {text}" for name, text in _facts(contract))
    yield ""
    yield from _column_table(contract)
    yield ""
    if between := list(_row_rules(contract)):
        yield from ("Rules between the columns of a row:", "", *between, "")


def _facts(contract: type[Contract]) -> Iterator[tuple[str, str]]:
    info = table_info(contract)
    yield "One row is", info.grain
    yield "Owner", info.owner
    by_day = f"by day of `{info.day_column}`" if info.day_column else "by day"
    yield "Partitions", by_day if info.is_daily else "none"
    keys = [rule.name for rule in rules(contract) if rule.dimension == "uniqueness"]
    shown = (name.removeprefix("unique(").rstrip(")").replace(", ", "`, `") for name in keys)
    within = ", within a day" if info.is_daily else ""
    yield "Key", " and ".join(f"`{key}`" for key in shown) + within if keys else "none"
    yield "Kept", "; ".join(_retention(contract))
    is_personal = any(each.pii != "none" for each in columns(contract))
    yield "When a person is erased", ERASURE[info.on_erasure] if is_personal else "nothing"
    if info.stage == "cleaned":
        rate = f"{info.tolerated_reject_rate * 100:g} %"
        yield "Withheld", f"a partition of which more than {rate} break the contract"


def _column_table(contract: type[Contract]) -> Iterator[str]:
    """The columns; a fact that no column of the table has is no column here."""
    declared = contract.to_schema().columns
    of_column: dict[str | None, list[Rule]] = {}
    for rule in rules(contract):
        of_column.setdefault(rule.column, []).append(rule)
    records = [
        {
            "Column": f"`{info.name}`",
            # Raw columns have the type that they arrive with.
            "Type": _type(info.dtype) if declared[info.name].dtype else "any",
            "Meaning": _meaning(info),
            "Class": f"`{info.pii}`",
            "Empty": "may be" if info.is_nullable else "never",
            "Rules": ", ".join(_rule(info.name, rule) for rule in _told(of_column, info.name)),
            "Read as": _reading(info),
        }
        for info in columns(contract)
    ]
    names = [name for name in records[0] if any(record[name] for record in records)]
    yield f"| {' | '.join(names)} |"
    yield "|---" * len(names) + "|"
    for record in records:
        yield f"| {' | '.join(record[name].replace('|', chr(92) + '|') for name in names)} |"


def _told(of_column: dict[str | None, list[Rule]], name: str) -> list[Rule]:
    """The rules that do not go without saying."""
    implied = {f"{name}.{rule}" for rule in IMPLIED}
    return [
        rule
        for rule in of_column.get(name, ())
        if rule.name not in implied or _terms(rule.severity, rule.tolerated_rate)
    ]


def _rule(column: str, rule: Rule) -> str:
    return f"`{rule.name.removeprefix(f'{column}.')}`{_terms(rule.severity, rule.tolerated_rate)}"


def _row_rules(contract: type[Contract]) -> Iterator[str]:
    for rule in row_rules(contract):
        of = ", ".join(f"`{name}`" for name in rule.columns)
        terms = _terms(rule.terms.severity, rule.terms.tolerated_rate)
        yield f"- `{rule.name}`{terms}: {rule.meaning} ({of})"


def _terms(severity: str, tolerated_rate: float | None) -> str:
    """Severity and tolerance where they are not the usual ones."""
    told = [severity] if severity != "error" or tolerated_rate is not None else []
    if tolerated_rate is not None:
        told.append(f"up to {tolerated_rate * 100:g} %" if tolerated_rate else "none tolerated")
    return f" ({', '.join(told)})" if told else ""


def _reading(info: ColumnInfo) -> str:
    if info.read is None:
        return ""
    of = f", of `{info.source}`" if info.source != info.name else ""
    return READINGS[info.read] + of


def _meaning(info: ColumnInfo) -> str:
    return f"{info.title} (not personal: {info.declassified})" if info.declassified else info.title


def _retention(contract: type[Contract]) -> Iterator[str]:
    """How long partitions are kept, and the values of columns that are kept less long."""
    whole = table_info(contract).retention_days
    yield _days(whole)
    shorter: dict[int | None, list[str]] = {}
    for info in columns(contract):
        if info.retention_days != whole:
            shorter.setdefault(info.retention_days, []).append(f"`{info.name}`")
    yield from (f"{', '.join(names)} {_days(days)}" for days, names in shorter.items())


def _days(days: int | None) -> str:
    return "for ever" if days is None else f"{days:,} days"


def _type(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Datetime):
        return "Datetime, UTC" if dtype.time_zone else "Datetime"
    return "List of structs" if dtype == pl.List(pl.Struct) else str(dtype)
