"""How a table is declared: a Pandera model whose columns and table carry our metadata.

Not here: the tables themselves (one module a stage), nor the checking (`audit.py`). Everything
else in the project asks these functions, never Pandera's internals.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import pandera.polars as pa
import polars as pl

Pii = Literal["direct", "quasi", "none"]
Severity = Literal["error", "warn"]
OnErasure = Literal["delete", "anonymise"]
# How a cleaned column is read from the source's column: as one of these, or as a keyed token of it.
Reading = Literal["text", "identifier", "code", "label", "number", "moment", "token"]

# More than half of a day's rows broken means that the file or its mapping is broken, not the rows;
# below that many rows a rate says nothing.
DEFAULT_TOLERATED_REJECT_RATE = 0.5
MINIMUM_REJECTS_TO_BLOCK = 20


@dataclass(frozen=True)
class Terms:
    """How grave it is when a rule is broken, and by how many.

    Attributes:
        severity: `error`: the row is rejected (quarantined, where the table has a quarantine).
            `warn`: it stays, and the check is yellow.
        tolerated_rate: Share of a partition's rows that may break the rule. Beyond it an `error`
            withholds the partition, and a `warn` turns the check yellow. None: of an `error` the
            table's `tolerated_reject_rate` decides alone; of a `warn` one row is enough.
    """

    severity: Severity = "error"
    tolerated_rate: float | None = None


STRICT = Terms()


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
        on_erasure: What becomes of the rows of a person who is erased: deleted, or kept for the
            books without the person.
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
    on_erasure: OnErasure = "delete"

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
    """What is true of one column; the arguments of `column` say what each means."""

    name: str
    dtype: pl.DataType
    title: str
    pii: Pii
    owner: str
    retention_days: int | None
    is_nullable: bool
    constraints: tuple[str, ...]
    read: Reading | None
    source: str
    declassified: str | None
    is_watched: bool
    follows: str | None
    terms: Mapping[str, Terms] = field(repr=False)


@dataclass(frozen=True)
class RowRule:
    """A rule between the columns of a row; the arguments of `row_rule` say what each means."""

    name: str
    meaning: str
    columns: tuple[str, ...]
    terms: Terms


class Contract(pa.DataFrameModel):
    """Base of every table's declaration. Columns are exactly these, in this order."""

    class Config:
        """Pandera's own switches: no column more, none less."""

        strict = True
        ordered = True


def column(  # noqa: PLR0913  a declaration, always called by keyword
    title: str,
    *,
    pii: Pii = "none",
    nullable: bool = False,
    read: Reading | None = None,
    source: str | None = None,
    terms: Mapping[str, Terms] | None = None,
    declassified: str | None = None,
    watch: bool | None = None,
    follows: str | None = None,
    owner: str | None = None,
    retention_days: int | None = None,
    **rules: Any,  # noqa: ANN401  Pandera's own check arguments: ge, le, isin, str_matches, ...
) -> Any:  # noqa: ANN401  the type that Pandera's models expect of a field
    """Declare a column: what it means, who it could identify, and the rules its values keep.

    Args:
        title: What the column means, in one line.
        pii: `direct` names a person by itself, `quasi` together with others, `none` never.
        nullable: Whether a value may be missing.
        read: In a cleaned table: how it is read from the source. The source column is then asked
            for in deliveries, kept in raw, typed here and shown in quarantine, by this one line.
        source: Name of that source column, where it is another one.
        terms: Severity and tolerance of single rules, by the argument that declares them (`ge`,
            `isin`, ...), `not_null`, `parseable` or `finite`; else `Terms()`.
        declassified: Why a column that is made of direct identifiers tells nothing of a person.
        watch: Whether its distribution is compared with earlier days. Left out: numbers and
            booleans that identify nobody are.
        follows: Column that mostly determines this one (a product its price); watched too.
        owner: Else the table's.
        retention_days: Days after which its values are removed; else the table's.
        **rules: Pandera's checks of the values.
    """
    return pa.Field(
        title=title,
        nullable=nullable,
        metadata={
            "pii": pii,
            "read": read,
            "source": source,
            "terms": {_check_key(rule, rules): value for rule, value in (terms or {}).items()},
            "declassified": declassified,
            "watch": watch,
            "follows": follows,
            "owner": owner,
            "retention_days": retention_days,
        },
        **rules,
    )


def row_rule(name: str, meaning: str, holds: pl.Expr, terms: Terms = STRICT) -> Any:  # noqa: ANN401  the class method that Pandera's models collect
    """Declare a rule between the columns of a row, as an attribute of a contract.

    Args:
        name: The rule's name, as checks and quarantine show it.
        meaning: What it says, in one line.
        holds: True where a row keeps it; null counts as kept. Each column is named by itself
            (not `pl.col("a", "b")`), so that the rule's columns can be told.
        terms: Its severity and tolerance.
    """

    def check(cls: type[Contract], data: pa.PolarsData) -> pl.LazyFrame:  # noqa: ARG001  Pandera's
        return data.lazyframe.select(holds)

    return pa.dataframe_check(
        name=name,
        description=meaning,
        raise_warning=terms.severity == "warn",
        statistics={
            "tolerated_rate": terms.tolerated_rate,
            "columns": tuple(dict.fromkeys(holds.meta.root_names())),
        },
    )(check)


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
        _column_info(name, declared, table)
        for name, declared in contract.to_schema().columns.items()
    ]


def row_rules(contract: type[Contract]) -> list[RowRule]:
    """Every rule between the columns of a row, in the order of their declaration."""
    found = []
    for check in contract.to_schema().checks:
        facts = check.statistics or {}
        severity: Severity = "warn" if check.raise_warning else "error"
        found.append(
            RowRule(
                name=str(check.name),
                meaning=check.description or "",
                columns=facts.get("columns", ()),
                terms=Terms(severity, facts.get("tolerated_rate")),
            )
        )
    return found


def polars_schema(contract: type[Contract]) -> pl.Schema:
    """Column names and Polars types, in order."""
    return pl.Schema({info.name: info.dtype for info in columns(contract)})


def _column_info(name: str, declared: pa.Column, table: TableInfo) -> ColumnInfo:
    metadata: dict[str, Any] = declared.metadata or {}
    assert metadata["pii"] in get_args(Pii)
    # Raw columns keep the type they arrive with; text, until something arrives.
    dtype = declared.dtype.type if declared.dtype else pl.String()
    is_measure = dtype.is_numeric() or dtype == pl.Boolean
    watch = metadata["watch"]
    return ColumnInfo(
        name=name,
        dtype=dtype,
        title=declared.title or name,
        pii=metadata["pii"],
        owner=metadata["owner"] or table.owner,
        retention_days=metadata["retention_days"] or table.retention_days,
        is_nullable=declared.nullable,
        constraints=tuple(str(check.error or check.name) for check in declared.checks),
        read=metadata["read"],
        source=metadata["source"] or name,
        declassified=metadata["declassified"],
        is_watched=is_measure and metadata["pii"] == "none" if watch is None else watch,
        follows=metadata["follows"],
        terms=metadata["terms"],
    )


def _check_key(rule: str, rules: Mapping[str, Any]) -> str:
    """Pandera's name of the check that an argument declares: `ge` is `greater_than_or_equal_to`."""
    if rule in ("not_null", "parseable", "finite"):
        return rule
    argument = rules[rule]
    check = getattr(pa.Check, rule)
    return str((check(**argument) if isinstance(argument, dict) else check(argument)).name)
