"""What the assets of the write-back do besides reading and publishing tables.

Here: their launchpad options, the breaker as a check, what a page shows of a plan, and the sending
of one day. The assets are in `crm.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg
import polars as pl
from pydantic import Field

from de_assets.checks.days import failing_days_metadata
from de_assets.contracts.audit import audit
from de_assets.contracts.base import polars_schema
from de_assets.contracts.crm import Receipts
from de_assets.contracts.features import LeadScores
from de_assets.crm.breaker import Finding, Holds, StopSign, find_excesses
from de_assets.crm.ledger import Ledger
from de_assets.crm.mapping import check_mapping
from de_assets.crm.plan import count_actions, due_rows
from de_assets.crm.progress import Progress
from de_assets.crm.push import PushStoppedError, ensure_properties, push
from de_assets.sources.catalog import SourceCatalog
from de_assets.sources.write_back import WriteBack
from de_assets.storage.lake import Lake
from de_assets.storage.table_io_manager import empty_frame

RECEIPTS = "crm/writeback"
BREAKER = "breaker"


class PlanOptions(dg.Config):
    """How a plan is judged."""

    release_breaker: bool = Field(
        default=False,
        description=(
            "Somebody has looked at the plan and found it right: let it be sent whatever the "
            "breaker finds. The check is a warning then. Only for this run."
        ),
    )


class SendOptions(dg.Config):
    """How a plan is sent."""

    dry_run: bool = Field(
        default=False,
        description="Send nothing, and say how many contacts would be written to, in the metadata.",
    )
    full_resync: bool = Field(
        default=False,
        description=(
            "Send everything again, also what the CRM has acknowledged: for a CRM that was "
            "restored or emptied. Blocked rows stay blocked."
        ),
    )


def judge_plan(
    plan: pl.DataFrame, scores: pl.DataFrame, ledger: pl.DataFrame, section: WriteBack, day: date
) -> list[Finding]:
    """Everything in which a day's plan is beyond its limits.

    Args:
        plan: `crm/sync_plan` of the day.
        scores: `predictions/lead_scores` of the day, with `dt`.
        ledger: What the CRM has acknowledged.
        section: The limits.
        day: The day.
    """
    verdict = audit(LeadScores, scores)
    severe = {rule.name for rule in verdict.rules if rule.severity == "error"}
    broken = (*verdict.structural, *(name for name in verdict.failing if name in severe))
    return find_excesses(
        plan,
        section.breaker,
        day=day,
        is_first=ledger.drop_nulls("crm_id").is_empty(),
        broken_rules=broken,
    )


def breaker_result(
    findings: Mapping[date, Sequence[Finding]], *, is_released: bool
) -> dg.AssetCheckResult:
    """The check of all days of a run: an error that stops the write-back, unless released."""
    records = [
        dg.TableRecord({"day": str(day), "limit": each.limit, "found": each.text})
        for day, of_day in findings.items()
        for each in of_day
    ]
    held = [day for day, of_day in findings.items() if of_day]
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(["crm", "sync_plan"]),
        check_name=BREAKER,
        passed=not held,
        severity=dg.AssetCheckSeverity.WARN if is_released else dg.AssetCheckSeverity.ERROR,
        metadata={
            **({"beyond_limits": dg.MetadataValue.table(records)} if records else {}),
            **failing_days_metadata(held),
        },
    )


def plan_metadata(plan: pl.DataFrame) -> dict[str, dg.TableMetadataValue]:
    """What a plan does and why, as a table that names nobody."""
    if plan.is_empty():
        return {}
    records = [dg.TableRecord(row) for row in count_actions(plan).iter_rows(named=True)]
    return {"examples": dg.MetadataValue.table(records)}


@dataclass(frozen=True)
class Sent:
    """What became of a day's plan.

    Attributes:
        receipts: `crm/writeback` of the day, without `dt`; as they were before, if nothing is sent.
        problem: Why the day must not count as sent; empty if it may.
    """

    receipts: pl.DataFrame
    problem: str = ""


@dataclass(frozen=True)
class Sender:
    """Sends the plans of one run, or says why it does not."""

    context: dg.AssetExecutionContext
    catalog: SourceCatalog
    lake: Lake
    options: SendOptions

    def send(self, plan: pl.DataFrame, day: date) -> Sent:
        """Send one day's plan.

        Raises:
            PushStoppedError: it is stopped by `crm/_ledger/STOP`, or too much is rejected.
            MappingError: the CRM's properties do not fit; nothing was written.
            CrmError: the CRM stopped answering or refuses us; what it acknowledged is kept.
        """
        ledger = Ledger(self.lake.objects)
        held = "; ".join(each.text for each in Holds(self.lake.objects).reasons(day))
        if self.options.dry_run:
            self._say_what_would_be_sent(plan, ledger, day, held)
            return Sent(self._receipts_of_before(day))
        if reason := self._why_nothing_is_sent():
            self.context.log.warning("%s: the plan is made, the write-back is skipped.", reason)
            return Sent(self._receipts_of_before(day))
        if held:
            return Sent(self._receipts_of_before(day), f"the breaker holds its plan: {held}")
        return Sent(self._push(plan, ledger))

    def _push(self, plan: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
        section = self.catalog.sources.write_back
        stop_sign = StopSign(self.lake.objects, section.breaker)
        full_resync = self.options.full_resync
        due = due_rows(plan, ledger.read(), full_resync=full_resync)
        with self.catalog.crm() as client:
            if not due.is_empty():
                if reason := stop_sign():
                    raise PushStoppedError(
                        f"the write-back did not begin: {reason}",
                        where=RECEIPTS,
                        fix="remove it, then materialize crm/writeback again",
                    )
                if section.create_properties:
                    ensure_properties(client)
                check_mapping(
                    client.property_definitions(), needs_key=due["crm_id"].null_count() > 0
                )
            return push(
                client,
                plan,
                ledger,
                self.context.run.run_id,
                progress=Progress(self.context.log.info),
                should_stop=stop_sign,
                full_resync=full_resync,
            )

    def _why_nothing_is_sent(self) -> str:
        if self.catalog.crm_url is None:
            return "No CRM is declared (contacts.url of the sources file, CRM_BASE_URL)"
        if not self.catalog.sources.write_back.enabled:
            return "write_back.enabled is false in the sources file"
        return ""

    def _say_what_would_be_sent(
        self, plan: pl.DataFrame, ledger: Ledger, day: date, held: str
    ) -> None:
        due = due_rows(plan, ledger.read(), full_resync=self.options.full_resync)
        self.context.log.info("Dry run: nothing is sent; %d rows of %s would be.", due.height, day)
        self.context.add_asset_metadata(
            {
                "dry_run": True,
                "would_send": due.height,
                **({"held": held} if held else {}),
                **plan_metadata(due),
            },
            asset_key=dg.AssetKey(RECEIPTS.split("/")),
            partition_key=str(day),
        )

    def _receipts_of_before(self, day: date) -> pl.DataFrame:
        if day not in self.lake.days(RECEIPTS):
            return empty_frame(RECEIPTS).drop("dt").collect()
        return self.lake.scan_days(RECEIPTS, [day], polars_schema(Receipts)).drop("dt").collect()
