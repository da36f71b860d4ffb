"""Raw to cleaned and quarantine, one pair of tables for each source table.

One pass makes both: type, mark duplicates, audit, split. A row is cleaned, quarantined with its
reasons, or a duplicate; the check `conservation` counts that none is lost.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from de_assets.assets.declare import (
    IO_MANAGER,
    Upstream,
    asset_facts,
    asset_in,
    check_specs,
    definition_metadata,
    lake_of,
    run_days,
)
from de_assets.assets.publish import Publisher, is_beyond_tolerance
from de_assets.contracts.audit import Verdict
from de_assets.contracts.base import Contract, table_info
from de_assets.contracts.cleaned import (
    CleanedContacts,
    CleanedEvents,
    CleanedOrderLines,
    CleanedProducts,
)
from de_assets.contracts.raw import QUARANTINE
from de_assets.contracts.source_tables import (
    CONTACTS,
    EVENTS,
    ORDER_LINES,
    PRODUCTS,
    SourceTable,
)
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
from de_assets.transforms.tokens import tokenise
from de_assets.transforms.typing import UNPARSED, Dialect

DESCRIPTIONS = {
    "order_lines": "Order lines, typed and trimmed; the same line from two files counts once.",
    "events": "Web events, typed; an event delivered twice counts once.",
    "products": "The catalogue, typed; one row a product, the last delivered.",
    "contacts": "Contacts as the CRM held them, direct identifiers as keyed tokens.",
}


def cleaned_assets(
    daily: dg.DailyPartitionsDefinition, dialects: dict[str, Dialect], pii_key: bytes
) -> Sequence[dg.AssetsDefinition]:
    """The assets of stages `cleaned` and `quarantine`.

    Args:
        daily: The calendar.
        dialects: How each source table's supplier writes values, by the table's name.
        pii_key: The key of the tokens.
    """
    of_contacts = partial(clean_contacts, pii_key=pii_key)
    return [
        _cleaned_pair(ORDER_LINES, CleanedOrderLines, clean_order_lines, daily, dialects, pii_key),
        _cleaned_pair(EVENTS, CleanedEvents, clean_events, daily, dialects, pii_key),
        _cleaned_pair(PRODUCTS, CleanedProducts, clean_products, None, dialects, pii_key),
        _cleaned_pair(CONTACTS, CleanedContacts, of_contacts, daily, dialects, pii_key),
    ]


def _cleaned_pair(
    source: SourceTable,
    contract: type[Contract],
    clean: Clean,
    partitions: dg.DailyPartitionsDefinition | None,
    dialects: dict[str, Dialect],
    pii_key: bytes,
) -> dg.AssetsDefinition:
    quarantine = QUARANTINE[source.name]
    facts = asset_facts(contract, ("polars", "pandera"))
    upstream = Upstream(f"raw/{source.name}")
    clean_it = partial(clean, dialect=dialects[source.name])

    def compute(context: dg.AssetExecutionContext, raw: LakeTable) -> Iterator[Any]:
        lake = lake_of(context)
        cleaned = Publisher(context, contract, lake)
        rejects = Publisher(context, quarantine, lake)
        days = run_days(context)
        cut: Iterator[Sequence[date | None]] = (
            iter([[None]]) if days is None else passes(days, raw.sizes())
        )
        for together in cut:
            _clean_pass(source, clean_it, raw, together, cleaned, rejects, pii_key)
        rejects.add_metadata()
        cleaned.add_metadata()
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
                code_version="1",
                description=f"Rows of {source.name} that broke a rule, each with its reasons.",
                metadata=definition_metadata(quarantine),
            ),
            "cleaned": dg.AssetOut(
                key=facts["key"],
                group_name=facts["group_name"],
                owners=facts["owners"],
                kinds=facts["kinds"],
                io_manager_key=IO_MANAGER,
                code_version="1",
                is_required=False,
                description=DESCRIPTIONS[source.name],
                metadata=facts["metadata"],
            ),
        },
        ins={"raw": asset_in(upstream, partitions)},
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run() if partitions else None,
        check_specs=check_specs(contract, "conservation"),
        required_resource_keys={IO_MANAGER},
    )(compute)


def _clean_pass(
    source: SourceTable,
    clean_it: Callable[[pl.LazyFrame], pl.LazyFrame],
    raw: LakeTable,
    days: Sequence[date | None],
    cleaned: Publisher,
    rejects: Publisher,
    pii_key: bytes,
) -> None:
    """Read some days once, and write both tables of them."""
    started = time.perf_counter()
    first, last = days[0], days[-1]
    if first is None or last is None:
        frame = raw.frame().with_columns(dt=pl.lit(None, pl.Date))
    else:
        frame = raw.between(first, last)
    arrived = frame.sort("dt", "_source", "_source_row").with_row_index("_row").collect()
    # In order of arrival, so that the same rows make the same file.
    typed = clean_it(arrived.lazy()).sort("_row").collect()
    _count(cleaned, arrived, typed, days)
    distinct = typed.filter(~pl.col(IS_DUPLICATE)).drop(IS_DUPLICATE)
    kept, rejected, verdict = _split(cleaned, distinct)
    marked = _as_quarantine(source, arrived, distinct, verdict, pii_key)
    cleaned.spent(time.perf_counter() - started, days)
    if first is None:
        kept, marked = kept.drop("dt"), marked.drop("dt")
    rejects.write(marked, days)
    cleaned.write(kept, _judge(cleaned, rejected, verdict, days))


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


def _split(cleaned: Publisher, typed: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, Verdict]:
    """Rows that keep the contract, rows that do not (with `_row`), and why."""
    verdict = cleaned.audit(typed.drop("_row"))
    rejected = verdict.rejected()
    kept = typed.filter(~rejected).select(pl.exclude("_row", f"^{UNPARSED}.*$"))
    return kept, typed.filter(rejected), verdict


def _judge(
    cleaned: Publisher, rejected: pl.DataFrame, verdict: Verdict, days: Sequence[date | None]
) -> list[date | None]:
    """The days that may be published; the others are blocked, with the reason."""
    counts = dict(rejected.group_by("dt").len().iter_rows())
    publishable = []
    for day in days:
        report = cleaned.report(day)
        report.quarantined = counts.get(day, 0)
        distinct = (report.rows_in or 0) - report.duplicates
        if verdict.structural:
            cleaned.block(day, "; ".join(verdict.structural))
        elif is_beyond_tolerance(cleaned.contract, report.quarantined, distinct):
            rate = table_info(cleaned.contract).tolerated_reject_rate
            cleaned.block(
                day,
                f"{report.quarantined:,} of {distinct:,} rows break the contract, more than the "
                f"tolerated {rate:.0%}",
            )
        else:
            publishable.append(day)
    return publishable


def _as_quarantine(
    source: SourceTable,
    arrived: pl.DataFrame,
    typed: pl.DataFrame,
    verdict: Verdict,
    pii_key: bytes,
) -> pl.DataFrame:
    """The rejected rows as they arrived, as text, with their reasons; identifiers as tokens."""
    rejected = verdict.rejected()
    marked = pl.DataFrame(
        {"_row": typed["_row"].filter(rejected), "reasons": verdict.reasons().filter(rejected)}
    )
    rows = arrived.join(marked, on="_row", how="inner", maintain_order="left")
    return rows.select(
        *(pl.col(name).cast(pl.String) for name in source.columns),
        "reasons",
        "_source",
        "_source_row",
        "_batch",
        "dt",
    ).with_columns(
        pl.col(name).map_batches(lambda v: tokenise(v, pii_key), return_dtype=pl.String)
        for name in source.direct_identifiers
    )
