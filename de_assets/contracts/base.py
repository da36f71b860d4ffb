"""How a table is declared: a Pandera model whose columns and table carry our metadata.

Not here: the tables themselves (one module a stage), nor the checking (`audit.py`). Everything
else in the project asks these functions, never Pandera's internals.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import pandera.polars as pa
import polars as pl

Pii = Literal["direct", "quasi", "none"]
Severity = Literal["error", "warn"]

# More than half of a day's rows broken means that the file or its mapping is broken, not the rows;
# below that many rows a rate says nothing.
DEFAULT_TOLERATED_REJECT_RATE = 0.5
MINIMUM_REJECTS_TO_BLOCK = 20


@dataclass(frozen=True)
class TableInfo:
    """What is true of a whole table.

    Attributes:
        key: Asset key, `stage/entity`.
        title: One line that a reader of the catalogue sees.
        grain: What one row is.
        owner: `team:...` or an e-mail address, as Dagster takes it.
        is_daily: Whether it is partitioned by day.
        unique_by: Columns that identify a row; empty where rows have no key.
        retention_days: How long a partition is kept; None for ever.
        tolerated_reject_rate: Share of a partition's rows that may be quarantined before the
            partition is not published at all.
        day_column: Column whose date is the partition day, where there is one.
    """

    key: str
    title: str
    grain: str
    owner: str = "team:data-platform"
    is_daily: bool = False
    unique_by: tuple[str, ...] = ()
    retention_days: int | None = None
    tolerated_reject_rate: float = DEFAULT_TOLERATED_REJECT_RATE
    day_column: str | None = None

    @property
    def stage(self) -> str:
        """The first part of the key."""
        return self.key.split("/")[0]

    @property
    def entity(self) -> str:
        """The second part of the key."""
        return self.key.split("/")[1]


@dataclass(frozen=True)
class ColumnInfo:
    """What is true of one column."""

    name: str
    dtype: pl.DataType
    title: str
    pii: Pii
    owner: str
    retention_days: int | None
    is_nullable: bool
    constraints: tuple[str, ...]


class Contract(pa.DataFrameModel):
    """Base of every table's declaration. Columns are exactly these, in this order."""

    class Config:
        """Pandera's own switches: no column more, none less."""

        strict = True
        ordered = True


def column(
    title: str,
    *,
    pii: Pii = "none",
    nullable: bool = False,
    severity: Severity = "error",
    owner: str | None = None,
    retention_days: int | None = None,
    **rules: Any,  # noqa: ANN401  Pandera's own check arguments: ge, le, isin, str_matches, ...
) -> Any:  # noqa: ANN401  the type that Pandera's models expect of a field
    """Declare a column: what it means, who it could identify, and the rules its values keep."""
    return pa.Field(
        title=title,
        nullable=nullable,
        raise_warning=severity == "warn",
        metadata={"pii": pii, "owner": owner, "retention_days": retention_days},
        **rules,
    )


def table_info(contract: type[Contract]) -> TableInfo:
    """The table's own facts, from `Config.metadata["table"]`."""
    metadata: dict[str, object] = vars(contract.Config)["metadata"]
    info = metadata["table"]
    assert isinstance(info, TableInfo)
    return info


def columns(contract: type[Contract]) -> list[ColumnInfo]:
    """Every column with its facts, in order."""
    table = table_info(contract)
    return [
        ColumnInfo(
            name=name,
            # Raw columns keep the type they arrive with; text, until something arrives.
            dtype=declared.dtype.type if declared.dtype else pl.String(),
            title=declared.title or name,
            pii=_pii(declared.metadata),
            owner=(declared.metadata or {}).get("owner") or table.owner,
            retention_days=(declared.metadata or {}).get("retention_days") or table.retention_days,
            is_nullable=declared.nullable,
            constraints=tuple(str(check.error or check.name) for check in declared.checks),
        )
        for name, declared in contract.to_schema().columns.items()
    ]


def polars_schema(contract: type[Contract]) -> pl.Schema:
    """Column names and Polars types, in order."""
    return pl.Schema({info.name: info.dtype for info in columns(contract)})


def _pii(metadata: dict[str, Any] | None) -> Pii:
    pii: Pii = (metadata or {})["pii"]
    assert pii in get_args(Pii)
    return pii
