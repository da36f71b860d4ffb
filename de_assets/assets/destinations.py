"""One asset for each further destination of the sources file: the CRM's plan, sent there too.

The engine is the CRM's (`crm/push.py`), with a ledger of its own for each destination. Without
such a destination there is no asset here.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from de_assets.assets.crm import GROUP
from de_assets.assets.declare import (
    IO_MANAGER,
    asset_facts,
    asset_in,
    check_specs,
    lake_of,
    run_days,
)
from de_assets.assets.derivation import Upstream
from de_assets.assets.publish import Publisher
from de_assets.assets.raw import SOURCES, catalog_of
from de_assets.assets.write_back import SendOptions, Sent
from de_assets.contracts.base import Contract, polars_schema, table_info
from de_assets.contracts.crm import Receipts
from de_assets.crm.breaker import Holds, StopSign
from de_assets.crm.destination import Destination
from de_assets.crm.destinations.file_drop import FileDrop
from de_assets.crm.destinations.telling import for_others, tell
from de_assets.crm.destinations.webhook import DEFAULT_BATCH_SIZE, TOKEN_SETTING, Webhook
from de_assets.crm.ledger import Ledger
from de_assets.crm.plan import due_rows
from de_assets.errors import SettingsError
from de_assets.sources.catalog import SourceCatalog
from de_assets.sources.destinations import DestinationSource
from de_assets.storage.lake import Lake
from de_assets.storage.objects import open_store
from de_assets.storage.table_io_manager import LakeTable


def destination_assets(
    daily: dg.DailyPartitionsDefinition, declared: Sequence[DestinationSource]
) -> Sequence[dg.AssetsDefinition]:
    """An asset `crm/<name>` for each, in group `reverse_etl`."""
    return [
        destination_asset(
            daily,
            each.name,
            partial(open_destination, each),
            kind=each.format or "csv" if each.is_files else "webhook",
            where=each.shown,
        )
        for each in declared
    ]


def receipts_of(name: str) -> type[Contract]:
    """The contract of a destination's receipts: that of the CRM's, under the key `crm/<name>`."""
    info = replace(
        table_info(Receipts), key=f"crm/{name}", title=f"Acknowledged and rejected rows of {name}"
    )

    class DestinationReceipts(Receipts):
        class Config:
            metadata = {"table": info}  # noqa: RUF012  Pandera's namespace

    return DestinationReceipts


def open_destination(declared: DestinationSource, catalog: SourceCatalog, day: date) -> Destination:
    """The destination, ready to take one day's changes.

    Raises:
        SettingsError: it is a webhook, and there is no token for it.
    """
    if declared.is_files:
        objects = open_store(declared.url, catalog.s3)
        return FileDrop(declared.name, objects, day, declared.format or "csv")
    token = catalog.settings.webhook_token
    if token is None:
        raise SettingsError(
            f"the webhook {declared.name} has no token",
            where=TOKEN_SETTING,
            fix="set it to the bearer token that the webhook takes",
        )
    return Webhook(
        declared.name,
        declared.url,
        token.get_secret_value(),
        day,
        batch_size=declared.batch_size or DEFAULT_BATCH_SIZE,
    )


def destination_asset(
    daily: dg.DailyPartitionsDefinition,
    name: str,
    open_one: Callable[[SourceCatalog, date], Destination],
    *,
    kind: str,
    where: str,
) -> dg.AssetsDefinition:
    """The asset `crm/<name>`, which sends the plan and keeps the receipts.

    Args:
        daily: The calendar.
        name: The destination's: small letters, digits and underscores.
        open_one: What opens the destination for a day; it is closed afterwards.
        kind: Dagster's word for what it is, shown in the graph.
        where: Where scores go, for the description.
    """
    contract = receipts_of(name)
    key = dg.AssetKey(["crm", name])
    accepted = dg.AssetCheckSpec(
        "accepted", asset=key, description="The destination acknowledged every row that was sent."
    )

    def send_plan(
        context: dg.AssetExecutionContext, config: SendOptions, plan: LakeTable
    ) -> Iterator[Any]:
        publisher = Publisher(context, contract, lake_of(context))
        sender = _Sender(context, name, open_one, publisher.lake, config)
        rejected = 0
        for day in run_days(context) or []:
            sent = sender.send(plan.between(day, day).collect(), day)
            if sent.problem:
                publisher.block(day, sent.problem)
                continue
            states = dict(sent.receipts.group_by("state").len().iter_rows())
            rejected += states.get("rejected", 0)
            publisher.publish(sent.receipts.with_columns(dt=pl.lit(day)), [day])
            context.add_asset_metadata(
                {f"state_{state}": count for state, count in states.items()},
                asset_key=key,
                partition_key=str(day),
            )
        yield dg.AssetCheckResult(
            check_name="accepted",
            passed=rejected == 0,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"rejected_rows": rejected},
        )
        publisher.add_metadata()
        yield from publisher.check_results()
        yield from publisher.fail_if_blocked()
        yield publisher.output()

    send_plan.__name__ = f"crm__{name}"
    return dg.asset(
        **asset_facts(contract, (kind,), GROUP),
        partitions_def=daily,
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version="1",
        io_manager_key=IO_MANAGER,
        required_resource_keys={IO_MANAGER, SOURCES},
        check_specs=[*check_specs(contract), accepted],
        description=f"Sends the plan to {where}; a row is done when it was taken there.",
        ins={"plan": asset_in(Upstream("crm/sync_plan"), daily)},
        pool=f"crm_{name}",
    )(send_plan)


@dataclass(frozen=True)
class _Sender:
    """Sends the plans of one run to one destination, or says why it does not.

    Held days, the kill switch and the stop sign are those of the CRM: they are about the plan.
    """

    context: dg.AssetExecutionContext
    name: str
    open_one: Callable[[SourceCatalog, date], Destination]
    lake: Lake
    options: SendOptions

    def send(self, plan: pl.DataFrame, day: date) -> Sent:
        """Send one day's plan."""
        objects, catalog = self.lake.objects, catalog_of(self.context)
        section = catalog.sources.write_back
        if self.options.dry_run:
            would = due_rows(for_others(plan), Ledger(objects, self.name).read()).height
            self.context.log.info("Dry run: nothing is sent; %d rows of %s would be.", would, day)
            return Sent(self._receipts_of_before(day))
        if not section.enabled:
            self.context.log.warning("write_back.enabled is false: nothing is sent.")
            return Sent(self._receipts_of_before(day))
        if held := "; ".join(each.text for each in Holds(objects).reasons(day)):
            return Sent(self._receipts_of_before(day), f"the breaker holds its plan: {held}")
        with closing(self.open_one(catalog, day)) as destination:
            receipts = tell(
                destination,
                plan,
                Ledger(objects, self.name),
                self.context.run.run_id,
                should_stop=StopSign(objects, section.breaker),
                full_resync=self.options.full_resync,
            )
        return Sent(receipts)

    def _receipts_of_before(self, day: date) -> pl.DataFrame:
        schema = polars_schema(Receipts)
        key = f"crm/{self.name}"
        if day not in self.lake.days(key):
            return pl.DataFrame(schema=schema)
        return self.lake.scan_days(key, [day], schema).drop("dt").collect()
