"""Back to the source: the plan, the write-back that the CRM acknowledged, and the reading back."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from de_assets.assets.declare import (
    IO_MANAGER,
    asset_facts,
    asset_in,
    check_specs,
    lake_of,
    lineage_metadata,
    run_days,
)
from de_assets.assets.derivation import Derivation, Upstream
from de_assets.assets.publish import Publisher
from de_assets.assets.raw import SOURCES, catalog_of
from de_assets.contracts.base import Contract, table_info
from de_assets.contracts.crm import Receipts, Reconciliation, SyncPlan
from de_assets.crm.ledger import SCHEMA as LEDGER_SCHEMA
from de_assets.crm.ledger import Ledger
from de_assets.crm.plan import Mode, make_plan
from de_assets.crm.push import RECEIPT_SCHEMA, ensure_properties, push, reconcile
from de_assets.sources.catalog import SourceCatalog
from de_assets.storage.table_io_manager import LakeTable, empty_frame

GROUP = "reverse_etl"
CRM_SPEC = dg.AssetSpec(
    ["destination", "crm"],
    group_name=GROUP,
    owners=["team:sales-ops"],
    kinds={"hubspot"},
    description="The CRM in which sales people see the scores.",
    deps=[dg.AssetKey(["crm", "writeback"])],
)


def plan_derivation(mode: Mode) -> Derivation:
    """How the sync plan is made, of scores, contacts and what the CRM has acknowledged."""
    return Derivation(
        SyncPlan,
        partial(make_plan, mode=mode),
        {
            "scores": Upstream("predictions/lead_scores"),
            "contacts": Upstream("modeled/dim_contact"),
        },
        "What a write-back would change, contact by contact, before anything is sent.",
        states={"ledger": LEDGER_SCHEMA},
    )


def crm_assets(daily: dg.DailyPartitionsDefinition, mode: Mode) -> Sequence[dg.AssetsDefinition]:
    """The assets of group `reverse_etl`."""
    plan_of = plan_derivation(mode)

    @dg.asset(
        **_facts(SyncPlan, daily),
        description=plan_of.description,
        ins={name: asset_in(each, daily) for name, each in plan_of.upstreams.items()},
    )
    def sync_plan(
        context: dg.AssetExecutionContext, scores: LakeTable, contacts: LakeTable
    ) -> Iterator[Any]:
        publisher = _publisher(context, SyncPlan)
        ledger = Ledger(publisher.lake.objects).read()
        for day in run_days(context) or []:
            plan = plan_of.transform(
                scores=scores.between(day, day), contacts=contacts.frame(), ledger=ledger.lazy()
            ).collect()
            publisher.publish(plan, [day])
            _add_counts(context, publisher, plan, "action", str(day))
        yield from _finish(publisher, lineage_metadata(plan_of, context))

    @dg.asset(
        **_facts(Receipts, daily, kinds=("hubspot",), check="accepted"),
        description="Sends the plan to the CRM; a row is done when the CRM acknowledged it.",
        ins={"plan": asset_in(Upstream("crm/sync_plan"), daily)},
        pool="crm",
    )
    def writeback(context: dg.AssetExecutionContext, plan: LakeTable) -> Iterator[Any]:
        publisher = _publisher(context, Receipts)
        ledger = Ledger(publisher.lake.objects)
        catalog = catalog_of(context)
        rejected = 0
        for day in run_days(context) or []:
            receipts = _push(context, catalog, plan.between(day, day).collect(), ledger)
            rejected += receipts.filter(pl.col("state") == "rejected").height
            publisher.publish(receipts.with_columns(dt=pl.lit(day)), [day])
            _add_counts(context, publisher, receipts, "state", str(day))
        yield dg.AssetCheckResult(
            check_name="accepted",
            passed=rejected == 0,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"rejected_rows": rejected},
        )
        yield from _finish(publisher)

    @dg.asset(
        **_facts(Reconciliation, daily, kinds=("hubspot",), check="in_step"),
        description="Reads back what the CRM holds and lists where it differs from what it "
        "acknowledged.",
        deps=[dg.AssetKey(["crm", "writeback"])],
        pool="crm",
    )
    def reconciliation(context: dg.AssetExecutionContext) -> Iterator[Any]:
        publisher = _publisher(context, Reconciliation)
        catalog = catalog_of(context)
        days = run_days(context) or []
        differing = empty_frame("crm/reconciliation").collect()
        if catalog.crm_url is not None:
            ledger = Ledger(publisher.lake.objects).read()
            with catalog.crm() as client:
                differing = reconcile(client, ledger, days[-1])
        publisher.publish(differing, days)
        yield dg.AssetCheckResult(
            check_name="in_step",
            passed=differing.is_empty(),
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"differing_values": differing.height},
        )
        yield from _finish(publisher)

    return [sync_plan, writeback, reconciliation]


CHECKS = {
    "accepted": "The CRM acknowledged every row that was sent.",
    "in_step": "The CRM holds what it has acknowledged.",
}


def _facts(
    contract: type[Contract],
    daily: dg.DailyPartitionsDefinition,
    kinds: tuple[str, ...] = ("polars",),
    check: str | None = None,
) -> dict[str, Any]:
    specs = check_specs(contract)
    if check:
        key = dg.AssetKey(table_info(contract).key.split("/"))
        specs.append(dg.AssetCheckSpec(check, asset=key, description=CHECKS[check]))
    return {
        **asset_facts(contract, kinds, GROUP),
        "partitions_def": daily,
        "backfill_policy": dg.BackfillPolicy.single_run(),
        "code_version": "1",
        "io_manager_key": IO_MANAGER,
        "required_resource_keys": {IO_MANAGER, SOURCES},
        "check_specs": specs,
    }


def _publisher(context: dg.AssetExecutionContext, contract: type[Contract]) -> Publisher:
    return Publisher(context, contract, lake_of(context))


def _push(
    context: dg.AssetExecutionContext, catalog: SourceCatalog, plan: pl.DataFrame, ledger: Ledger
) -> pl.DataFrame:
    """Send one day's plan; without a CRM nothing is sent, and the log says so."""
    if catalog.crm_url is None:
        context.log.warning(
            "No CRM is declared (contacts.url of the sources file, CRM_BASE_URL): "
            "the plan is made, the write-back is skipped."
        )
        return pl.DataFrame(schema=RECEIPT_SCHEMA)
    with catalog.crm() as client:
        if plan["action"].is_in(["create", "update"]).any():
            ensure_properties(client)
        return push(
            client,
            plan,
            ledger,
            context.run.run_id,
            progress=lambda done, total: context.log.debug("%d of %d rows sent", done, total),
        )


def _add_counts(
    context: dg.AssetExecutionContext,
    publisher: Publisher,
    frame: pl.DataFrame,
    column: str,
    partition: str,
) -> None:
    """How many rows of each kind, as numbers that the UI can plot."""
    counts = dict(frame.group_by(column).len().iter_rows())
    context.add_asset_metadata(
        {f"{column}_{name}": count for name, count in counts.items()},
        asset_key=dg.AssetKey(publisher.key.split("/")),
        partition_key=partition,
    )


def _finish(publisher: Publisher, lineage: Mapping[str, Any] | None = None) -> Iterator[Any]:
    publisher.add_metadata(lineage)
    yield from publisher.check_results()
    yield from publisher.fail_if_blocked()
    yield publisher.output()
