"""Which column of which table comes from which: the lineage of every derivation, as one graph.

Found by asking the transforms (`transforms/lineage.py`), when it is first asked for. Used for the
column lineage that assets report, for `de-assets lineage`, and by the tests of privacy and leaks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

import dagster as dg
import polars as pl

from de_assets.assets.derivation import Derivation
from de_assets.contracts.base import polars_schema, table_info
from de_assets.contracts.tables import TABLES
from de_assets.transforms.lineage import InputColumn, trace

MOST_COLUMNS_NAMED = 6


class Column(NamedTuple):
    """A column of a table of the lake, or of a state that a derivation reads besides."""

    table: str
    name: str

    def __str__(self) -> str:
        """`stage/entity.column`."""
        return f"{self.table}.{self.name}"


@dataclass(frozen=True)
class Sources:
    """The columns that one column is directly made of.

    Attributes:
        values: What this column asks for, and not every column of its table; if that is nothing,
            what every column asks for.
        rows: What decides which rows the table has, and their order.
    """

    values: frozenset[Column]
    rows: frozenset[Column]

    @property
    def needed(self) -> frozenset[Column]:
        """Everything that can change the column."""
        return self.values | self.rows


class LineageGraph:
    """The lineage of all columns of some derivations; each derivation is traced once."""

    def __init__(self, derivations: Mapping[str, Derivation]) -> None:
        """Nothing is traced yet.

        Args:
            derivations: How each table is made, by its key (`derivations.all_derivations`).
        """
        self._derivations = derivations

    @cached_property
    def sources(self) -> dict[Column, Sources]:
        """What each column of each derived table is directly made of, in their order."""
        return {
            Column(key, name): sources
            for key, derivation in self._derivations.items()
            for name, sources in table_sources(derivation).items()
        }

    @cached_property
    def columns(self) -> list[Column]:
        """Every column of the lake's tables, and of the states that derivations read besides."""
        return [
            *(Column(key, name) for key in TABLES for name in table_schema(key)),
            *(
                Column(state, name)
                for derivation in self._derivations.values()
                for state, schema in derivation.states.items()
                for name in schema
            ),
        ]

    def upstream(self, table: str, column: str, *, is_transitive: bool = True) -> frozenset[Column]:
        """The columns that a column is made of: all of them, or only those directly before it."""
        return self._walk(Column(table, column), self._needed, is_transitive=is_transitive)

    def downstream(
        self, table: str, column: str, *, is_transitive: bool = True
    ) -> frozenset[Column]:
        """The columns that a column goes into: all of them, or only those directly after it."""
        return self._walk(Column(table, column), self._readers, is_transitive=is_transitive)

    @cached_property
    def _needed(self) -> dict[Column, frozenset[Column]]:
        return {column: sources.needed for column, sources in self.sources.items()}

    @cached_property
    def _readers(self) -> dict[Column, frozenset[Column]]:
        readers: dict[Column, set[Column]] = {}
        for column, needed in self._needed.items():
            for source in needed:
                readers.setdefault(source, set()).add(column)
        return {source: frozenset(found) for source, found in sorted(readers.items())}

    @staticmethod
    def _walk(
        start: Column, steps: Mapping[Column, frozenset[Column]], *, is_transitive: bool
    ) -> frozenset[Column]:
        found: set[Column] = set()
        ahead = set(steps.get(start, ()))
        while ahead:
            found |= ahead
            if not is_transitive:
                break
            ahead = {after for column in ahead for after in steps.get(column, ())} - found
        return frozenset(found)


@cache
def table_sources(derivation: Derivation) -> dict[str, Sources]:
    """What each column of one derived table is directly made of, `dt` of daily tables included.

    Columns that the table does not declare are marks: rows leave the table by them before it is
    written, so what they ask for decides its rows. Found once in a process.

    Raises:
        LineageError: the transform fails on frames without rows.
    """
    inputs = {name: as_handed(upstream.key) for name, upstream in derivation.upstreams.items()}
    traced = trace(derivation.transform, inputs | dict(derivation.states))
    declared = table_schema(derivation.key)
    marks = frozenset[InputColumn]().union(
        *(of_mark.needed for name, of_mark in traced.items() if name not in declared)
    )
    keys = {name: upstream.key for name, upstream in derivation.upstreams.items()}
    return {
        name: Sources(_named(traced[name].values, keys), _named(traced[name].rows | marks, keys))
        for name in declared
    }


def table_schema(key: str) -> dict[str, pl.DataType]:
    """Columns and types of a table of the lake as transforms see it, `dt` of daily ones included.

    Args:
        key: Its asset key, `stage/entity`.
    """
    contract = TABLES[key]
    day = {"dt": pl.Date()} if table_info(contract).is_daily else {}
    return {**polars_schema(contract), **day}


def column_lineage(sources: Mapping[str, Sources]) -> dg.TableColumnLineage:
    """The lineage of one table as Dagster takes it; everything that a column needs is in it."""
    return dg.TableColumnLineage(
        {
            name: [
                dg.TableColumnDep(dg.AssetKey(column.table.split("/")), column.name)
                for column in sorted(of_column.needed)
                if column.table in TABLES
            ]
            for name, of_column in sources.items()
        }
    )


def lineage_text(name: str, sources: Sources) -> str:
    """Where a column comes from, in one line: `from raw/order_lines.quantity; rows by 11 columns`.

    Args:
        name: The column; a source of the same name is told first.
        sources: What it is made of.
    """
    if not sources.needed:
        return "from no column"
    if not sources.rows or sources.values == sources.rows:
        return f"from {_listed(name, sources.values)}"
    count = len(sources.rows)
    return (
        f"from {_listed(name, sources.values)}; "
        f"rows by {count} {'column' if count == 1 else 'columns'}"
    )


def _listed(name: str, columns: Iterable[Column]) -> str:
    ordered = sorted(columns, key=lambda column: (column.name != name, column))
    more = len(ordered) - MOST_COLUMNS_NAMED
    named = ", ".join(str(column) for column in ordered[:MOST_COLUMNS_NAMED])
    return f"{named} and {more} more" if more > 0 else named


def as_handed(key: str) -> Mapping[str, pl.DataType]:
    """The columns with which a transform gets a table: raw rows without days have an empty one."""
    return {**table_schema(key), "dt": pl.Date()} if key.startswith("raw/") else table_schema(key)


def _named(columns: Iterable[InputColumn], keys: Mapping[str, str]) -> frozenset[Column]:
    named = (Column(keys.get(table, table), name) for table, name in columns)
    return frozenset(
        column
        for column in named
        if column.table not in TABLES or column.name in table_schema(column.table)
    )
