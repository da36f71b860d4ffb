"""Raw to cleaned and quarantine, one pair of tables for each source table.

One pass makes both: type, mark duplicates, audit, split. A row is cleaned, quarantined with its
reasons, or a duplicate; the check `conservation` counts that none is lost.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    definition_metadata,
    lake_of,
    lineage_metadata,
    run_days,
)
from de_assets.assets.derivation import Derivation, Upstream
from de_assets.assets.publish import Publisher
from de_assets.assets.quarantine_report import QuarantineReport
from de_assets.assets.tally import is_beyond
from de_assets.checks.watch import drift_watch
from de_assets.contracts.audit import UNPARSED, Verdict
from de_assets.contracts.base import Contract, table_info
from de_assets.contracts.cleaned import (
    CleanedContacts,
    CleanedEvents,
    CleanedOrderLines,
    CleanedProducts,
)
from de_assets.contracts.raw import QUARANTINE
from de_assets.contracts.source_tables import SOURCE_TABLES, SourceTable
from de_assets.partitions import passes
from de_assets.storage.table_io_manager import LakeTable
from de_assets.transforms.clean import (
    Clean,
    clean_contacts,
    clean_events,
    clean_order_lines,
    clean_products,
)
from de_assets.transforms.deduplicate import IS_DUPLICATE
from de_assets.transforms.quarantine import as_quarantine, in_order_of_arrival, mark_quarantined
from de_assets.transforms.tokens import TokenKey
from de_assets.transforms.typing import Dialect

DESCRIPTIONS = {
    "order_lines": "Order lines, typed and trimmed; the same line from two files counts once.",
    "events": "Web events, typed; an event delivered twice counts once.",
    "products": "The catalogue, typed; one row a product, the last delivered.",
    "contacts": "Contacts as the CRM held them, direct identifiers as keyed tokens.",
}


CLEANED: tuple[tuple[type[Contract], Clean], ...] = (
    (CleanedOrderLines, clean_order_lines),
    (CleanedEvents, clean_events),
    (CleanedProducts, clean_products),
    (CleanedContacts, clean_contacts),
)


@dataclass(frozen=True)
class Cleaning:
    """One source table on its way to cleaned and quarantine."""

    source: SourceTable
    contract: type[Contract]
    clean: Clean
    dialect: Dialect
    token_key: TokenKey

    def typed(self, arrived: pl.LazyFrame) -> pl.LazyFrame:
        """Raw rows in order of arrival to typed ones, duplicates marked."""
        # In order of arrival, so that the same rows make the same file.
        return self.clean(arrived, self.dialect, self.token_key).sort("_row")

    def marked(self, raw: pl.LazyFrame) -> pl.LazyFrame:
        """Raw rows to typed ones: the table, before duplicates and broken rows leave it."""
        return self.typed(in_order_of_arrival(raw))

    def derivations(self) -> tuple[Derivation, Derivation]:
        """How the cleaned table is made, and its quarantine."""
        upstreams = {"raw": Upstream(f"raw/{self.source.name}")}
        rejects = partial(
            mark_quarantined,
            source=self.source,
            contract=self.contract,
            clean=self.clean,
            dialect=self.dialect,
            token_key=self.token_key,
        )
        return (
            Derivation(self.contract, self.marked, upstreams, DESCRIPTIONS[self.source.name]),
            Derivation(
                QUARANTINE[self.source.name],
                rejects,
                upstreams,
                f"Rows of {self.source.name} that broke a rule, each with its reasons.",
            ),
        )


def cleanings(dialects: Mapping[str, Dialect], token_key: TokenKey) -> Sequence[Cleaning]:
    """Every source table on its way.

    Args:
        dialects: How each source table's supplier writes values, by the table's name.
        token_key: The key of the tokens.
    """
    return [
        Cleaning(SOURCE_TABLES[entity], contract, clean, dialects[entity], token_key)
        for contract, clean in CLEANED
        for entity in [table_info(contract).entity]
    ]


def cleaned_pair(cleaning: Cleaning, daily: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The assets `cleaned/<entity>` and `quarantine/<entity>`: one step makes both."""
    source, contract = cleaning.source, cleaning.contract
    of_cleaned, of_quarantine = cleaning.derivations()
    partitions = daily if table_info(contract).is_daily else None
    facts = asset_facts(contract, ("polars", "pandera"))

    def compute(context: dg.AssetExecutionContext, raw: LakeTable) -> Iterator[Any]:
        lake = lake_of(context)
        cleaned = Publisher(context, contract, lake, drift_watch(contract, lake.objects))
        rejects = Publisher(context, of_quarantine.contract, lake)
        found = QuarantineReport(source.name)
        days = run_days(context)
        cut: Iterator[Sequence[date | None]] = (
            iter([[None]]) if days is None else passes(days, raw.sizes())
        )
        for together in cut:
            found.add(clean_pass(cleaning, raw, together, cleaned, rejects))
        told = found.metadata(lake, days[0] if days else None)
        rejects.add_metadata(lineage_metadata(of_quarantine, context) | told)
        cleaned.add_metadata(lineage_metadata(of_cleaned, context))
        yield rejects.output("quarantine")
        yield from cleaned.check_results()
        yield cleaned.conservation_result()
        yield from cleaned.fail_if_blocked()
        yield cleaned.output("cleaned")

    compute.__name__ = f"clean_{source.name}"
    return dg.multi_asset(
        name=f"clean_{source.name}",
        outs={
            "quarantine": dg.AssetOut(
                key=dg.AssetKey(["quarantine", source.name]),
                group_name="quarantine",
                owners=facts["owners"],
                kinds=facts["kinds"],
                io_manager_key=IO_MANAGER,
                code_version=of_quarantine.code_version,
                description=of_quarantine.description,
                metadata=definition_metadata(of_quarantine.contract),
            ),
            "cleaned": dg.AssetOut(
                key=facts["key"],
                group_name=facts["group_name"],
                owners=facts["owners"],
                kinds=facts["kinds"],
                io_manager_key=IO_MANAGER,
                code_version=of_cleaned.code_version,
                is_required=False,
                description=of_cleaned.description,
                metadata=facts["metadata"],
            ),
        },
        ins={"raw": asset_in(of_cleaned.upstreams["raw"], partitions)},
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run() if partitions else None,
        check_specs=check_specs(contract, "conservation"),
        required_resource_keys={IO_MANAGER},
    )(compute)


def clean_pass(
    cleaning: Cleaning,
    raw: LakeTable,
    days: Sequence[date | None],
    cleaned: Publisher,
    rejects: Publisher,
) -> pl.DataFrame:
    """Read some days once, write both tables of them, and return the rows in quarantine.

    Args:
        cleaning: The source table and its way.
        raw: Its raw table.
        days: Neighbouring days, or None alone for a table without days.
        cleaned: Publisher of the cleaned table; its reports are filled in.
        rejects: Publisher of the quarantine.

    Returns:
        The quarantine's columns, and `dt` for daily tables.
    """
    started = time.perf_counter()
    first, last = days[0], days[-1]
    if first is None or last is None:
        frame = raw.frame().with_columns(dt=pl.lit(None, pl.Date))
    else:
        frame = raw.between(first, last)
    arrived = in_order_of_arrival(frame).collect()
    typed = cleaning.typed(arrived.lazy()).collect()
    _count(cleaned, arrived, typed, days)
    distinct = typed.filter(~pl.col(IS_DUPLICATE)).drop(IS_DUPLICATE)
    verdict = cleaned.audit(distinct.drop("_row"), days)
    rejected = verdict.rejected()
    kept = distinct.filter(~rejected).select(pl.exclude("_row", f"^{UNPARSED}.*$"))
    broken = distinct.select("_row", reasons=verdict.reasons()).filter(rejected)
    marked = as_quarantine(
        arrived.lazy(), broken.lazy(), cleaning.source, cleaning.token_key
    ).collect()
    cleaned.spent(time.perf_counter() - started, days)
    if first is None:
        kept, marked = kept.drop("dt"), marked.drop("dt")
    rejects.write(marked, days)
    cleaned.write(kept, _judge(cleaned, distinct.filter(rejected), verdict, days))
    return marked


def _count(
    cleaned: Publisher, arrived: pl.DataFrame, typed: pl.DataFrame, days: Sequence[date | None]
) -> None:
    """Count what came in from the raw rows, and the duplicates from the typed ones."""
    rows_in = dict(arrived.group_by("dt").len().iter_rows())
    duplicates = dict(typed.filter(IS_DUPLICATE).group_by("dt").len().iter_rows())
    for day in days:
        report = cleaned.report(day)
        report.rows_in = rows_in.get(day, 0)
        report.duplicates = duplicates.get(day, 0)


def _judge(
    cleaned: Publisher, rejected: pl.DataFrame, verdict: Verdict, days: Sequence[date | None]
) -> list[date | None]:
    """The days that may be published; the others are blocked, with the reason."""
    counts = dict(rejected.group_by("dt").len().iter_rows())
    rate = table_info(cleaned.contract).tolerated_reject_rate
    publishable = []
    for day in days:
        report = cleaned.report(day)
        report.quarantined = counts.get(day, 0)
        distinct = (report.rows_in or 0) - report.duplicates
        if verdict.structural:
            cleaned.block(day, "; ".join(verdict.structural))
        elif is_beyond(report.quarantined, distinct, rate):
            cleaned.block(
                day,
                f"{report.quarantined:,} of {distinct:,} rows break the contract, more than the "
                f"tolerated {rate:.0%}",
            )
        elif beyond := cleaned.tally.rules_beyond_tolerance(day):
            cleaned.block(
                day,
                f"more than the tolerated {beyond[0].tolerated_rate:.1%} of the rows break "
                f"{beyond[0].name}",
            )
        else:
            publishable.append(day)
    return publishable
