"""How a table becomes an asset: from its contract, its upstreams and one pure transform.

`@table_asset` reads each pass of days lazily, calls the transform, and publishes what it returns
under the contract (`publish.py`). Cleaning, which has two outputs, is declared in `cleaned.py`.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

import dagster as dg
import polars as pl

from de_assets.assets.publish import Publisher
from de_assets.contracts.audit import rules
from de_assets.contracts.base import Contract, columns, table_info
from de_assets.partitions import passes
from de_assets.storage.lake import Lake
from de_assets.storage.table_io_manager import ALLOW_MISSING, LakeTable, TableIOManager

IO_MANAGER = "tables"
DIMENSIONS = {
    "schema": "Columns and types are the declared ones, none missing and none more.",
    "completeness": "Every required value is present.",
    "validity": "Every value could be read and is within its bounds.",
    "uniqueness": "Every key identifies one row.",
    "consistency": "The values of a row agree with each other.",
    "conservation": "Every raw row is cleaned, quarantined or a duplicate; none is lost.",
}
Transform = Callable[..., pl.LazyFrame]


@dataclass(frozen=True)
class Upstream:
    """A table that an asset reads.

    Attributes:
        key: Asset key, `stage/entity`.
        look_back_days: How many days before its own a daily asset also reads of a daily one.
        is_whole: Whether a daily asset reads all days of it, not only its own.
    """

    key: str
    look_back_days: int = 0
    is_whole: bool = False


def table_asset(
    contract: type[Contract],
    *,
    partitions: dg.PartitionsDefinition | None,
    code_version: str,
    kinds: tuple[str, ...] = ("polars",),
    group: str | None = None,
    **upstreams: Upstream,
) -> Callable[[Transform], dg.AssetsDefinition]:
    """Make an asset of a transform from LazyFrames (named as the upstreams) to one LazyFrame.

    Daily tables are read and written with `dt` (Date). A transform that also takes `day` is called
    once for each day; else it gets a pass of neighbouring days at once.
    """

    def decorate(transform: Transform) -> dg.AssetsDefinition:
        is_by_day = "day" in transform.__annotations__

        def compute(context: dg.AssetExecutionContext, **tables: LakeTable) -> Iterator[Any]:
            publisher = Publisher(context, contract, lake_of(context))
            days = run_days(context)
            if days is None:
                _publish_whole(publisher, transform, tables)
            else:
                weights = _weights(tables, upstreams)
                cut = ([day] for day in days) if is_by_day else passes(days, weights)
                for together in cut:
                    _publish_days(publisher, transform, tables, upstreams, together)
            publisher.add_metadata()
            yield from publisher.check_results()
            yield from publisher.fail_if_blocked()
            yield publisher.output()

        compute.__name__ = transform.__name__
        return dg.asset(
            **asset_facts(contract, kinds, group),
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run() if partitions else None,
            code_version=code_version,
            description=transform.__doc__,
            io_manager_key=IO_MANAGER,
            required_resource_keys={IO_MANAGER},
            check_specs=check_specs(contract),
            ins={name: asset_in(upstream, partitions) for name, upstream in upstreams.items()},
        )(compute)

    return decorate


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


def column_schema(contract: type[Contract]) -> dg.TableSchema:
    """The column tab: type, meaning, constraints, and who a column could identify."""
    unique = table_info(contract).unique_by
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=info.name,
                type=str(info.dtype),
                description=info.title,
                constraints=dg.TableColumnConstraints(
                    nullable=info.is_nullable,
                    unique=unique == (info.name,),
                    other=list(info.constraints),
                ),
                tags={"pii": info.pii},
            )
            for info in columns(contract)
        ]
    )


def check_specs(contract: type[Contract], *more: str) -> list[dg.AssetCheckSpec]:
    """One blocking check for each dimension that the contract has a rule of, and `more`."""
    key = dg.AssetKey(table_info(contract).key.split("/"))
    dimensions = dict.fromkeys([*(rule.dimension for rule in rules(contract)), *more])
    return [
        dg.AssetCheckSpec(name, asset=key, blocking=True, description=DIMENSIONS[name])
        for name in dimensions
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
    publisher: Publisher, transform: Transform, tables: Mapping[str, LakeTable]
) -> None:
    started = time.perf_counter()
    frames = {name: table.frame() for name, table in tables.items()}
    frame = transform(**frames).collect(engine="streaming")
    publisher.publish(frame, [None])
    publisher.report(None).seconds = time.perf_counter() - started


def _publish_days(
    publisher: Publisher,
    transform: Transform,
    tables: Mapping[str, LakeTable],
    upstreams: Mapping[str, Upstream],
    days: list[date],
) -> None:
    started = time.perf_counter()
    frames: dict[str, Any] = {}
    for name, table in tables.items():
        upstream = upstreams[name]
        since = days[0] - timedelta(days=upstream.look_back_days)
        is_whole = upstream.is_whole or not table.is_daily
        frames[name] = table.frame() if is_whole else table.between(since, days[-1])
    if "day" in transform.__annotations__:
        frames["day"] = days[0]
    frame = transform(**frames).filter(pl.col("dt").is_between(days[0], days[-1])).collect()
    publisher.spent(time.perf_counter() - started, days)
    publisher.publish(frame, days)
