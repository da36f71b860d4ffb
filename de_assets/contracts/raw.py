"""Raw and quarantine: what arrived, as it arrived, and what of it broke a rule.

Both are made from the four source tables, since neither adds a column of its own but provenance.
"""

import pandera.polars as pa
import polars as pl

from de_assets.contracts.base import Contract, Pii, TableInfo, column
from de_assets.contracts.source_tables import SOURCE_TABLES, SourceTable

RAW_RETENTION_DAYS = 1100  # three years, so that a rebuilt model can look back as far as the old
# A year and a month: whoever was not heard of since is known by tokens alone. Tables rebuilt from
# older days have no tokens; nothing that is modelled reads them.
DIRECT_RETENTION_DAYS = 400


class RawContract(Contract):
    """Base of the raw tables: the arrived columns may have any type."""

    @classmethod
    def to_schema(cls) -> pa.DataFrameSchema:
        """The declared columns; those that arrived keep whatever type they came with."""
        schema = super().to_schema()
        for name, declared in schema.columns.items():
            if not name.startswith("_"):
                declared._dtype = None  # noqa: SLF001  its setter refuses None
        return schema


def raw_contract(table: SourceTable) -> type[Contract]:
    """The raw table of a source table: its columns, the rest as JSON, and how each row came."""
    info = TableInfo(
        f"raw/{table.name}",
        f"{_spoken(table)} as they arrived",
        "one delivered row; re-deliveries included",
        owner=table.owner,
        is_daily=table.day_column is not None,
        retention_days=RAW_RETENTION_DAYS,
        on_erasure=table.on_erasure,
    )
    fields = {name: _as_arrived(table, name) for name in table.columns}
    fields["_extra"] = column(
        "Columns that nobody mapped, as JSON",
        pii="direct",
        nullable=True,
        retention_days=DIRECT_RETENTION_DAYS,
        alias="_extra",
    )
    fields |= _provenance()
    fields["_ingested_at"] = column("When it was read, UTC", alias="_ingested_at")
    return _make(RawContract, info, fields, {"_ingested_at": pl.Datetime("us")})


def quarantine_contract(table: SourceTable) -> type[Contract]:
    """The quarantine of a source table: raw rows as text, identifiers as tokens, and reasons."""
    info = TableInfo(
        f"quarantine/{table.name}",
        f"{_spoken(table)} that broke a rule",
        "one row that broke a rule",
        owner=table.owner,
        is_daily=table.day_column is not None,
        retention_days=RAW_RETENTION_DAYS,
        on_erasure=table.on_erasure,
    )
    fields = {name: _as_arrived(table, name, direct="quasi") for name in table.columns}
    fields["reasons"] = column("Names of the rules that it broke")
    fields |= _provenance()
    return _make(Contract, info, fields, {"reasons": pl.List(pl.String)})


def _provenance() -> dict[str, object]:
    return {
        "_source": column("The file or service that it came from", alias="_source"),
        "_source_row": column("Row number there, from 1", alias="_source_row"),
        "_batch": column("Digest of the delivery that it came in", alias="_batch"),
    }


def _make(
    base: type[Contract], info: TableInfo, fields: dict[str, object], types: dict[str, object]
) -> type[Contract]:
    name = "".join(part.title() for part in info.key.replace("/", "_").split("_"))
    types = {"_source_row": pl.Int64} | types
    body = {
        "__doc__": info.title,
        "__module__": __name__,
        # Pandera passes over attributes that begin with `_`; their real name is the alias.
        "__annotations__": {name.strip("_"): types.get(name, pl.String) for name in fields},
        "Config": type("Config", (), {"metadata": {"table": info}}),
        **{name.strip("_"): field for name, field in fields.items()},
    }
    return type(name, (base,), body)


def _as_arrived(table: SourceTable, name: str, *, direct: Pii = "direct") -> object:
    pii: Pii = "none"
    if name in table.direct_identifiers:
        pii = direct
    elif name in table.quasi_identifiers:
        pii = "quasi"
    return column(
        f"{name.replace('_', ' ')}, as delivered",
        pii=pii,
        nullable=True,
        retention_days=DIRECT_RETENTION_DAYS if pii == "direct" else None,
        watch=False,
    )


def _spoken(table: SourceTable) -> str:
    return table.name.replace("_", " ").capitalize()


RAW = {table.name: raw_contract(table) for table in SOURCE_TABLES.values()}
QUARANTINE = {table.name: quarantine_contract(table) for table in SOURCE_TABLES.values()}
