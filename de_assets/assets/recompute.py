"""Makes derived tables again where their upstreams were changed in place, without a Dagster run.

What erasure takes out of raw would change these tables at the next run; this is that run's result
now, by the same derivations. Not here: when and why (`privacy/holders.py`, `commands/erase.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import polars as pl

from de_assets.assets.derivation import Derivation, Upstream
from de_assets.contracts.audit import UNPARSED, audit
from de_assets.contracts.base import columns, polars_schema, table_info
from de_assets.contracts.tables import TABLES
from de_assets.storage.lake import Lake
from de_assets.storage.table_io_manager import empty_frame
from de_assets.transforms.deduplicate import IS_DUPLICATE
from de_assets.transforms.quarantine import IS_QUARANTINED

# What an ingestion makes of raw; later stages keep a row a contact, and lose it by itself.
STAGES = ("cleaned", "quarantine", "modeled")
MOST_DAYS_TOGETHER = 92
Days = Mapping[str, Sequence[date | None]]


def recompute(lake: Lake, derivations: Mapping[str, Derivation], changed: Days) -> dict[str, int]:
    """Make the tables of `STAGES` again on the days on which they, or what they read, changed.

    A day on which neither changed is as it would be: what one person did is seen on the days on
    which that person did something. A day whose upstream is gone, or whose new rows break the
    contract, stays as it is.

    Args:
        lake: The tables.
        derivations: How each is made, by key, in the order of the lifecycle.
        changed: Which partitions of which tables changed (None: the table has no days).

    Returns:
        `partitions_made_again`, and `partitions_left_alone` because they break their contract.
    """
    dirty = {key: set(days) for key, days in changed.items()}
    counts = {"partitions_made_again": 0, "partitions_left_alone": 0}
    for key, derivation in derivations.items():
        if table_info(derivation.contract).stage not in STAGES:
            continue
        upstreams = derivation.upstreams.values()
        days = dirty.get(key, set()).union(*(dirty.get(each.key, ()) for each in upstreams))
        for day, frame in _made(lake, derivation, days):
            if frame is None:
                counts["partitions_left_alone"] += 1
            else:
                lake.write(key, frame, day)
                counts["partitions_made_again"] += 1
            dirty.setdefault(key, set()).add(day)
    return counts


def _made(
    lake: Lake, derivation: Derivation, days: set[date | None]
) -> Iterator[tuple[date | None, pl.DataFrame | None]]:
    """Each partition that is due and there, made again; None where it breaks the contract."""
    if not table_info(derivation.contract).is_daily:
        if days and lake.has(derivation.key):
            yield None, _kept(derivation, _transformed(lake, derivation, []), None)
        return
    there = set(lake.days(derivation.key))
    for each in derivation.upstreams.values():
        if table_info(TABLES[each.key]).is_daily:
            there &= set(lake.days(each.key))
    due = sorted(day for day in days if day is not None and day in there)
    for together in _together(due):
        frame = _transformed(lake, derivation, together)
        for day in together:
            yield day, _kept(derivation, frame.filter(pl.col("dt") == day), day)


def _transformed(lake: Lake, derivation: Derivation, days: Sequence[date]) -> pl.DataFrame:
    inputs = {name: _input(lake, upstream, days) for name, upstream in derivation.upstreams.items()}
    frame = derivation.transform(**inputs).collect()
    if IS_DUPLICATE in frame.columns:
        frame = frame.filter(~pl.col(IS_DUPLICATE))
    return frame.filter(IS_QUARANTINED) if IS_QUARANTINED in frame.columns else frame


def _input(lake: Lake, upstream: Upstream, days: Sequence[date]) -> pl.LazyFrame:
    """What a run of these days would read of an upstream."""
    key = upstream.key
    if not table_info(TABLES[key]).is_daily:
        return lake.scan(key).with_columns(dt=pl.lit(None, pl.Date))
    there = lake.days(key)
    if days and not upstream.is_whole:
        first = days[0] - timedelta(days=upstream.look_back_days)
        there = [day for day in there if first <= day <= days[-1]]
    if not there:
        return empty_frame(key)
    if key.startswith("raw/"):
        return lake.scan_days_of_any_type(key, there)
    return lake.scan_days(key, there, polars_schema(TABLES[key]))


def _kept(derivation: Derivation, frame: pl.DataFrame, day: date | None) -> pl.DataFrame | None:
    """The partition as an asset would publish it; of a cleaned table without the broken rows."""
    contract = derivation.contract
    declared = [info.name for info in columns(contract)]
    if day is not None:
        verdict = audit(contract, frame.select(*declared, f"^{UNPARSED}.*$", "dt"))
    else:
        verdict = audit(contract, frame.select(*declared, f"^{UNPARSED}.*$"))
    if verdict.structural:
        return None
    rejected = verdict.rejected()
    if rejected.any() and table_info(contract).stage != "cleaned":
        return None
    return frame.filter(~rejected).select(declared)


def _together(days: Sequence[date]) -> Iterator[list[date]]:
    """Days near each other, so that a look-back over them is read once."""
    current: list[date] = []
    for day in days:
        if current and (day - current[0]).days >= MOST_DAYS_TOGETHER:
            yield current
            current = []
        current.append(day)
    if current:
        yield current
