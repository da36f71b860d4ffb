"""Which input columns each output column of a transform asks for, found without any data.

The transform is given frames without rows that note what Polars' optimiser asks them for. That is
the optimiser's own condition for a right answer: more may be asked for than is used, never less.
Not here: the graph over all tables (`assets/lineage.py`).
"""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import polars as pl
from polars.exceptions import UnstableWarning
from polars.io.plugins import register_io_source

from de_assets.errors import DeAssetsError

# Any day would do: there are no rows that it could be compared with.
SOME_DAY = date(2001, 1, 1)


class LineageError(DeAssetsError):
    """A transform whose lineage cannot be found."""


class InputColumn(NamedTuple):
    """A column of an input: the transform's parameter name, and the column's name there."""

    table: str
    column: str


@dataclass(frozen=True)
class ColumnLineage:
    """What one output column is made of.

    Attributes:
        values: Input columns that its values are made of. A column that both decides which rows
            there are and enters the value is missing here if other columns enter the value too.
        rows: Input columns that decide which rows there are, or their order; the same for every
            column of the table.
    """

    values: frozenset[InputColumn]
    rows: frozenset[InputColumn]

    @property
    def needed(self) -> frozenset[InputColumn]:
        """Everything that can change the column: the set to go by where nothing may be missed."""
        return self.values | self.rows


def trace(
    transform: Callable[..., pl.LazyFrame],
    inputs: Mapping[str, Mapping[str, pl.DataType]],
    *,
    day: date = SOME_DAY,
) -> dict[str, ColumnLineage]:
    """Find the lineage of every output column of a transform.

    A transform that collects something while it builds its plan may build another one from other
    rows. Of its columns nothing is known, so each has all columns of all inputs as its lineage.

    Args:
        transform: From LazyFrames, by parameter name, to a LazyFrame. It must work on frames
            without rows.
        inputs: Column names and types of each of its frames.
        day: Handed to a transform that has a parameter `day`.

    Returns:
        The lineage by output column, in the order of the columns.

    Raises:
        LineageError: the transform fails on frames without rows.
    """
    asked: set[InputColumn] = set()
    frames: dict[str, object] = {
        name: _listening(name, pl.Schema(schema), asked) for name, schema in inputs.items()
    }
    if "day" in inspect.signature(transform).parameters:
        frames["day"] = day
    try:
        output = transform(**frames)
        names = output.collect_schema().names()
        if asked:
            everything = frozenset(
                InputColumn(name, column) for name, schema in inputs.items() for column in schema
            )
            return dict.fromkeys(names, ColumnLineage(everything, everything))
        needed = {name: _asked_for(output.select(name), asked) for name in names}
        counted = _asked_for(output.select(pl.len()), asked)
    except Exception as error:  # whatever a transform raises, it raises for want of rows
        raise LineageError(
            f"The transform failed on frames without rows: {type(error).__name__}.",
            where=f"a transform of {', '.join(inputs)}",
            fix="A day without data is a frame without rows: make the transform return none.",
        ) from error
    # To count rows, Polars may read any one column; one that decides them is needed by all.
    rows = counted.intersection(*needed.values())
    return {name: ColumnLineage(found - rows or found, rows) for name, found in needed.items()}


def _listening(name: str, schema: pl.Schema, asked: set[InputColumn]) -> pl.LazyFrame:
    """A frame without rows that notes in `asked` which of its columns it is asked for."""

    def read(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,  # noqa: ARG001  Polars passes these by position
        batch_size: int | None,  # noqa: ARG001
    ) -> Iterator[pl.DataFrame]:
        projected = list(schema) if with_columns is None else with_columns
        filtered = [] if predicate is None else predicate.meta.root_names()
        asked.update(InputColumn(name, column) for column in (*projected, *filtered))
        yield pl.DataFrame(schema={column: schema[column] for column in projected})

    with warnings.catch_warnings():
        # Said only where Polars is told to; docs/lineage.md says why we rely on it all the same.
        warnings.simplefilter("ignore", UnstableWarning)
        return register_io_source(read, schema=schema)


def _asked_for(plan: pl.LazyFrame, asked: set[InputColumn]) -> frozenset[InputColumn]:
    asked.clear()
    # The in-memory engine reads every input of a join, also where another one is empty.
    plan.collect(engine="in-memory")
    return frozenset(asked)
