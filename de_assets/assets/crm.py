"""Back to the source: the plan, the write-back that the CRM acknowledged, and the reading back."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
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
from de_assets.assets.write_back import (
    BREAKER,
    PlanOptions,
    Sender,
    SendOptions,
    breaker_result,
    judge_plan,
    plan_metadata,
)
from de_assets.contracts.base import Contract, table_info
from de_assets.contracts.crm import Receipts, Reconciliation, SyncPlan
from de_assets.crm.breaker import Finding, Holds
from de_assets.crm.ledger import SCHEMA as LEDGER_SCHEMA
from de_assets.crm.ledger import Ledger
from de_assets.crm.mapping import mapping_with
from de_assets.crm.plan import make_plan
from de_assets.crm.reconcile import reconcile
from de_assets.sources.write_back import WriteBack
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


def plan_derivation(section: WriteBack) -> Derivation:
    """How the sync plan is made, of scores, contacts and what the CRM has acknowledged."""
    return Derivation(
        SyncPlan,
        partial(make_plan, mode=section.mode, mapping=mapping_with(section.nulls)),
        {
            "scores": Upstream("predictions/lead_scores"),
            "contacts": Upstream("modeled/dim_contact"),
        },
        "What a write-back would change, contact by contact, before anything is sent.",
        states={"ledger": LEDGER_SCHEMA},
    )


def crm_assets(
    daily: dg.DailyPartitionsDefinition, section: WriteBack
) -> Sequence[dg.AssetsDefinition]:
    """The assets of group `reverse_etl`."""
    plan_of = plan_derivation(section)

    @dg.asset(
        **_facts(SyncPlan, daily, check=BREAKER),
        description=plan_of.description,
        ins={name: asset_in(each, daily) for name, each in plan_of.upstreams.items()},
    )
    def sync_plan(
        context: dg.AssetExecutionContext,
        config: PlanOptions,
        scores: LakeTable,
        contacts: LakeTable,
    ) -> Iterator[Any]:
        publisher = _publisher(context, SyncPlan)
        ledger = Ledger(publisher.lake.objects).read()
        holds = Holds(publisher.lake.objects)
        findings: dict[date, list[Finding]] = {}
        for day in run_days(context) or []:
            scored = scores.between(day, day).collect()
            plan = plan_of.transform(
                scores=scored.lazy(), contacts=contacts.frame(), ledger=ledger.lazy()
            ).collect()
            findings[day] = judge_plan(plan, scored, ledger, section, day)
            # Before the plan is there: no moment in which it could be sent unjudged.
            holds.put(day, [] if config.release_breaker else findings[day])
            publisher.publish(plan, [day])
            _add_counts(context, publisher, plan, "action", str(day), plan_metadata(plan))
        yield breaker_result(findings, is_released=config.release_breaker)
        yield from _finish(publisher, lineage_metadata(plan_of, context))

    @dg.asset(
        **_facts(Receipts, daily, kinds=("hubspot",), check="accepted"),
        description="Sends the plan to the CRM; a row is done when the CRM acknowledged it.",
        ins={"plan": asset_in(Upstream("crm/sync_plan"), daily)},
        pool="crm",
    )
    def writeback(
        context: dg.AssetExecutionContext, config: SendOptions, plan: LakeTable
    ) -> Iterator[Any]:
        publisher = _publisher(context, Receipts)
        sender = Sender(context, catalog_of(context), publisher.lake, config)
        rejected = 0
        for day in run_days(context) or []:
            sent = sender.send(plan.between(day, day).collect(), day)
            rejected += sent.receipts.filter(pl.col("state") == "rejected").height
            if sent.problem:
                publisher.block(day, sent.problem)
                continue
            publisher.publish(sent.receipts.with_columns(dt=pl.lit(day)), [day])
            _add_counts(context, publisher, sent.receipts, "state", str(day))
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
            ledger = Ledger(publisher.lake.objects)
            with catalog.crm() as client:
                differing = reconcile(client, ledger.read(), days[-1])
            ledger.doubt(differing)  # the next write-back sends these again
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
    BREAKER: "The plan is within its limits (write_back.breaker of the sources file); "
    "else it is not sent.",
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
        is_blocking = check == BREAKER
        specs.append(
            dg.AssetCheckSpec(check, asset=key, description=CHECKS[check], blocking=is_blocking)
        )
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


def _add_counts(
    context: dg.AssetExecutionContext,
    publisher: Publisher,
    frame: pl.DataFrame,
    column: str,
    partition: str,
    more: Mapping[str, Any] | None = None,
) -> None:
    """How many rows of each kind, as numbers that the UI can plot, and `more`."""
    counts = dict(frame.group_by(column).len().iter_rows())
    context.add_asset_metadata(
        {**{f"{column}_{name}": count for name, count in counts.items()}, **(more or {})},
        asset_key=dg.AssetKey(publisher.key.split("/")),
        partition_key=partition,
    )


def _finish(publisher: Publisher, lineage: Mapping[str, Any] | None = None) -> Iterator[Any]:
    publisher.add_metadata(lineage)
    yield from publisher.check_results()
    yield from publisher.fail_if_blocked()
    yield publisher.output()
