"""How a table becomes an asset: from its derivation (`derivation.py`).

`table_asset` reads each pass of days lazily, calls the transform, and publishes what it returns
under the contract (`publish.py`). Cleaning, which has two outputs, is declared in `cleaned.py`.
"""

import time
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any

import dagster as dg
import polars as pl

from de_assets.assets.derivation import Derivation, Upstream
from de_assets.assets.lineage import column_lineage, lineage_text, table_sources
from de_assets.assets.publish import Publisher
from de_assets.checks.watch import drift_watch, watch_specs
from de_assets.contracts.audit import rules
from de_assets.contracts.base import Contract, columns, table_info
from de_assets.partitions import passes
from de_assets.storage.lake import Lake
from de_assets.storage.table_io_manager import ALLOW_MISSING, LakeTable, TableIOManager
from de_assets.transforms.lineage import LineageError

IO_MANAGER = "tables"
DIMENSIONS = {
    "schema": "Columns and types are the declared ones, none missing and none more.",
    "completeness": "Every required value is present.",
    "validity": "Every value could be read and is within its bounds.",
    "uniqueness": "Every key identifies one row.",
    "consistency": "The values of a row agree with each other.",
    "conservation": "Every raw row is cleaned, quarantined or a duplicate; none is lost.",
}


def table_asset(
    derivation: Derivation,
    daily: dg.PartitionsDefinition,
    *,
    kinds: tuple[str, ...] = ("polars",),
    group: str | None = None,
) -> dg.AssetsDefinition:
    """Make an asset of a derivation; it has daily partitions if its table has."""
    contract, upstreams = derivation.contract, derivation.upstreams
    partitions = daily if table_info(contract).is_daily else None

    def compute(context: dg.AssetExecutionContext, **tables: LakeTable) -> Iterator[Any]:
        lake = lake_of(context)
        publisher = Publisher(context, contract, lake, drift_watch(contract, lake.objects))
        days = run_days(context)
        if days is None:
            _publish_whole(publisher, derivation, tables)
        else:
            weights = _weights(tables, upstreams)
            cut = ([day] for day in days) if derivation.is_by_day else passes(days, weights)
            for together in cut:
                _publish_days(publisher, derivation, tables, together)
        publisher.add_metadata(lineage_metadata(derivation, context))
        yield from publisher.check_results()
        yield from publisher.fail_if_blocked()
        yield publisher.output()

    compute.__name__ = derivation.key.replace("/", "__")
    return dg.asset(
        **asset_facts(contract, kinds, group),
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run() if partitions else None,
        code_version=derivation.code_version,
        description=derivation.description,
        io_manager_key=IO_MANAGER,
        required_resource_keys={IO_MANAGER},
        check_specs=check_specs(contract),
        ins={name: asset_in(upstream, partitions) for name, upstream in upstreams.items()},
    )(compute)


def asset_facts(
    contract: type[Contract], kinds: tuple[str, ...], group: str | None = None
) -> dict[str, Any]:
    """What Dagster is told of a table besides how it is made: key, group, owner, kinds, columns."""
    info = table_info(contract)
    return {
        "key": dg.AssetKey(info.key.split("/")),
        "group_name": group or info.stage,
        "owners": [info.owner],
        "kinds": {*kinds, "parquet"},
        "metadata": definition_metadata(contract),
    }


def definition_metadata(contract: type[Contract]) -> dict[str, Any]:
    """Column schema, grain and retention of a table, shown before it is first materialized."""
    info = table_info(contract)
    facts: dict[str, Any] = {
        "dagster/column_schema": column_schema(contract),
        "dagster/table_name": info.key.replace("/", "."),
        "grain": info.grain,
    }
    if info.is_daily:
        facts["partition_expr"] = "dt"
    if info.retention_days:
        facts["retention_days"] = info.retention_days
    return facts


def lineage_metadata(derivation: Derivation, context: dg.AssetExecutionContext) -> dict[str, Any]:
    """Where each column comes from: as Dagster's column lineage, and in words in the column tab."""
    try:
        sources = table_sources(derivation)
    except LineageError as error:
        # The table is written by now, and is no worse for it.
        context.log.warning("No column lineage of %s. %s", derivation.key, error)
        return {}
    texts = {name: lineage_text(name, of_column) for name, of_column in sources.items()}
    return {
        "dagster/column_lineage": column_lineage(sources),
        "dagster/column_schema": column_schema(derivation.contract, texts),
    }


def column_schema(
    contract: type[Contract], made_of: Mapping[str, str] | None = None
) -> dg.TableSchema:
    """The column tab: type, meaning, constraints, and who a column could identify.

    Args:
        contract: The table.
        made_of: Where its columns come from, in words; shown among the constraints, since the UI
            takes the meaning from the definition alone.
    """
    unique = table_info(contract).unique_by
    made = made_of or {}
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=info.name,
                type=str(info.dtype),
                description=info.title,
                constraints=dg.TableColumnConstraints(
                    nullable=info.is_nullable,
                    unique=unique == (info.name,),
                    other=[*info.constraints, *filter(None, [made.get(info.name)])],
                ),
                tags={"pii": info.pii},
            )
            for info in columns(contract)
        ]
    )


def check_specs(contract: type[Contract], *more: str) -> list[dg.AssetCheckSpec]:
    """One blocking check for each dimension that the contract has a rule of, and `more`.

    Then those that compare with earlier days, which block nothing.
    """
    key = dg.AssetKey(table_info(contract).key.split("/"))
    dimensions = dict.fromkeys([*(rule.dimension for rule in rules(contract)), *more])
    return [
        *(
            dg.AssetCheckSpec(name, asset=key, blocking=True, description=DIMENSIONS[name])
            for name in dimensions
        ),
        *watch_specs(contract),
    ]


def asset_in(
    upstream: Upstream, partitions: dg.PartitionsDefinition | None, handed_as: type = LakeTable
) -> dg.AssetIn:
    """An input with the partition mapping that its reading needs, handed over as a type."""
    mapping: dg.PartitionMapping | None = None
    if partitions is None or upstream.is_whole:
        mapping = dg.AllPartitionMapping()
    elif upstream.look_back_days:
        mapping = dg.TimeWindowPartitionMapping(
            start_offset=-upstream.look_back_days, allow_nonexistent_upstream_partitions=True
        )
    may_be_missing = partitions is None or upstream.is_whole or upstream.look_back_days > 0
    return dg.AssetIn(
        key=dg.AssetKey(upstream.key.split("/")),
        partition_mapping=mapping,
        metadata={ALLOW_MISSING: True} if may_be_missing else None,
        dagster_type=_dagster_type(handed_as),
    )


@cache
def _dagster_type(python_type: type) -> dg.DagsterType:
    """One Dagster type for each Python type: two of the same name are refused."""
    return dg.PythonObjectDagsterType(python_type)


def run_days(context: dg.AssetExecutionContext) -> list[date] | None:
    """The days that this run is to make, ascending; None for an asset without partitions."""
    # A run over a range of days carries its tags to assets without days too.
    if context.assets_def.partitions_def is None:
        return None
    return sorted(date.fromisoformat(key) for key in context.partition_keys)


def lake_of(context: dg.AssetExecutionContext) -> Lake:
    """The lake of the deployment, from Dagster's untyped resources."""
    manager = getattr(context.resources, IO_MANAGER)
    assert isinstance(manager, TableIOManager)
    return manager.lake


def _weights(tables: Mapping[str, LakeTable], upstreams: Mapping[str, Upstream]) -> dict[date, int]:
    """Bytes that each day reads of the upstreams' same day."""
    weights: dict[date, int] = {}
    for name, table in tables.items():
        if upstreams[name].is_whole:
            continue
        for day, size in table.sizes().items():
            weights[day] = weights.get(day, 0) + size
    return weights


def _publish_whole(
    publisher: Publisher, derivation: Derivation, tables: Mapping[str, LakeTable]
) -> None:
    started = time.perf_counter()
    frames = {name: table.frame() for name, table in tables.items()}
    frame = derivation.transform(**frames).collect(engine="streaming")
    publisher.publish(frame, [None])
    publisher.report(None).seconds = time.perf_counter() - started


def _publish_days(
    publisher: Publisher,
    derivation: Derivation,
    tables: Mapping[str, LakeTable],
    days: list[date],
) -> None:
    started = time.perf_counter()
    frames: dict[str, Any] = {}
    for name, table in tables.items():
        upstream = derivation.upstreams[name]
        since = days[0] - timedelta(days=upstream.look_back_days)
        is_whole = upstream.is_whole or not table.is_daily
        frames[name] = table.frame() if is_whole else table.between(since, days[-1])
    if derivation.is_by_day:
        frames["day"] = days[0]
    made = derivation.transform(**frames)
    frame = made.filter(pl.col("dt").is_between(days[0], days[-1])).collect()
    publisher.spent(time.perf_counter() - started, days)
    publisher.publish(frame, days)
