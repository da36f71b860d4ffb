"""The sync plan: which contact would be created, updated, cleared, skipped or blocked, and why.

Pure: scores, contacts and ledger in, plan out. Nothing is sent from here.
"""

from collections.abc import Sequence
from typing import Literal

import polars as pl

from de_assets.contracts.crm import ACTIONS
from de_assets.crm.mapping import MAPPING, MappedProperty
from de_assets.crm.score_properties import SENT, fingerprint, texts

Mode = Literal["update_only", "upsert", "mirror"]
WRITES = ("create", "update", "clear")
DAY = "lead_scored_at"
UNCHANGED = "nothing has changed"
NEWER = "the CRM holds a newer score"

# About rows beside what the ledger has of their contact.
IS_OLDER = pl.col("_confirmed_for") > pl.col("lead_scored_at")
IS_MOVED = pl.col("crm_id").is_not_null() & (pl.col("crm_id") != pl.col("_crm_id"))
IS_SAME = (pl.col("_fingerprint") == pl.col("fingerprint")) & ~IS_MOVED


def make_plan(
    scores: pl.LazyFrame,
    contacts: pl.LazyFrame,
    ledger: pl.LazyFrame,
    mode: Mode,
    mapping: Sequence[MappedProperty] = MAPPING,
) -> pl.LazyFrame:
    """One row a contact with the values to send and what is to be done with them.

    Blocked rows must not be sent: an older score never goes over a newer one, and one CRM record
    never gets the scores of two contacts.

    Args:
        scores: `predictions/lead_scores` of one day.
        contacts: `modeled/dim_contact`.
        ledger: What the CRM has acknowledged (`ledger.SCHEMA`).
        mode: `update_only` never creates a contact; `upsert` does; `mirror` does not, and clears
            the properties of contacts that were scored before and are not any more. A day without
            any score clears nobody.
        mapping: What is sent, and what a missing value does.

    Returns:
        `crm/sync_plan`, with `dt`: the scored contacts, and in mode `mirror` those of the ledger.
        What is cleared keeps the day on which it was, so that no older score follows.
    """
    current = contacts.filter("is_current").select(
        "contact_id", crm_id=pl.when("is_in_crm").then("crm_id")
    )
    is_shared = pl.col("crm_id").is_not_null() & (pl.len().over("crm_id") > 1)
    wanted = texts(scores, mapping).with_columns(_is_scored=pl.lit(value=True))
    if mode == "mirror":
        wanted = pl.concat([wanted, _without_score(scores, ledger)], how="diagonal")
    is_settled = IS_SAME & (pl.col("crm_id").is_not_null() | pl.col("_is_scored"))
    decision = (
        pl.when("_is_shared")
        .then(_decide("blocked", "another contact has the same CRM record"))
        .when(IS_OLDER)
        .then(_decide("blocked", NEWER))
        .when(is_settled)
        .then(_decide("skip", UNCHANGED))
        .when(pl.col("crm_id").is_null() & ~pl.col("_is_scored"))
        .then(_decide("skip", "without a score, and not in the CRM"))
        .when(~pl.col("_is_scored"))
        .then(_decide("clear", "no score any more"))
        .when(pl.col("crm_id").is_null() & (mode != "upsert"))
        .then(_decide("skip", f"not in the CRM, and write_back.mode is {mode}"))
        .when(pl.col("crm_id").is_null())
        .then(_decide("create", "not in the CRM"))
        .when(pl.col("_confirmed_for").is_null())
        .then(_decide("update", "first score"))
        .when(pl.col("_fingerprint").is_null())
        .then(_decide("update", "the CRM may hold other values than it acknowledged"))
        .when(IS_MOVED)
        .then(_decide("update", "the contact has another CRM record"))
        .otherwise(_decide("update", "the score has changed"))
    )
    return (
        _beside_ledger(
            wanted.join(current.with_columns(_is_shared=is_shared), on="contact_id", how="left"),
            ledger,
        )
        .with_columns(_value(each) for each in mapping if each.column)
        .with_columns(fingerprint=fingerprint())
        .with_columns(_decision=decision)
        .select(
            "contact_id",
            "crm_id",
            pl.col("_decision").struct.unnest(),
            *SENT,
            "fingerprint",
            old_lead_score="_lead_score",
            old_lead_grade="_lead_grade",
            dt=pl.col(DAY).str.to_date("%Y-%m-%d"),
        )
        .sort("contact_id")
    )


def due_rows(
    plan: pl.DataFrame, ledger: pl.DataFrame, *, full_resync: bool = False
) -> pl.DataFrame:
    """The rows of a plan that are still to be sent.

    A plan may be older than the ledger: its run died half-way and is repeated, or another day was
    sent since. Hence a row that would write is left out where the CRM holds a newer score or has
    acknowledged these values, and a row that was skipped as unchanged is due where the CRM holds
    other values by now.

    Args:
        plan: `crm/sync_plan` of one day.
        ledger: What the CRM has acknowledged by now (`ledger.SCHEMA`).
        full_resync: Whether what the CRM has acknowledged is sent again, for a CRM that lost it.
            Blocked rows stay blocked, and a newer score stays.

    Returns:
        Rows and columns of the plan.
    """
    is_written = pl.col("action").is_in(WRITES)
    is_overtaken = (pl.col("reason") == UNCHANGED) & pl.col("crm_id").is_not_null()
    is_settled = (IS_OLDER if full_resync else IS_OLDER | IS_SAME).fill_null(value=False)
    return (
        _beside_ledger(plan.lazy(), ledger.lazy())
        .filter((is_written | is_overtaken) & ~is_settled)
        .select(plan.columns)
        .collect()
    )


def settled_rows(plan: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    """What the CRM has acknowledged already of the rows of a plan that would write.

    Args:
        plan: `crm/sync_plan` of one day.
        ledger: What the CRM has acknowledged by now (`ledger.SCHEMA`).

    Returns:
        Rows and columns of the ledger.
    """
    sent = plan.filter(pl.col("action").is_in(WRITES))
    return ledger.join(sent, on=["contact_id", "lead_scored_at", "fingerprint"], how="semi")


def count_actions(plan: pl.DataFrame) -> pl.DataFrame:
    """What a plan would do, without a word of who it is about.

    Returns:
        `action`, `reason`, `contacts`, and the largest change of the score among them, where there
        is one: `lead_score` and `lead_grade` as texts such as `30 → 57`. By falling `contacts`
        within an action.
    """
    points = [
        pl.col(name).cast(pl.Float64, strict=False) for name in ("lead_score", "old_lead_score")
    ]
    return (
        plan.with_columns(_points=(points[0] - points[1]).abs().fill_null(0))
        .group_by("action", "reason")
        .agg(
            pl.len().alias("contacts"),
            *(
                _change(name).sort_by("_points", name, descending=True).first().alias(name)
                for name in ("lead_score", "lead_grade")
            ),
        )
        .sort(pl.col("action").cast(pl.Enum(ACTIONS)), -pl.col("contacts").cast(pl.Int64))
    )


def _without_score(scores: pl.LazyFrame, ledger: pl.LazyFrame) -> pl.LazyFrame:
    """Contacts of the ledger without a score on a day that has scores: only the day to send."""
    day = scores.select(pl.col("scored_for").max().dt.strftime("%Y-%m-%d").alias(DAY)).drop_nulls()
    others = ledger.select("contact_id").join(scores, on="contact_id", how="anti")
    return others.join(day, how="cross").with_columns(_is_scored=pl.lit(value=False))


def _value(mapped: MappedProperty) -> pl.Expr:
    """The text to send: of a missing value by its null policy, and empty without a score."""
    value = pl.col(mapped.name)
    if mapped.on_null == "leave":
        value = pl.when("_is_scored").then(pl.coalesce(value, f"_{mapped.name}")).otherwise(value)
    return value.fill_null("").alias(mapped.name)


def _change(name: str) -> pl.Expr:
    """A value before and after, such as `30 → 57`."""
    shown = (pl.col(each).fill_null("").replace("", "none") for each in (f"old_{name}", name))
    return pl.concat_str(shown, separator=" → ")


def _beside_ledger(rows: pl.LazyFrame, ledger: pl.LazyFrame) -> pl.LazyFrame:
    acknowledged = ledger.select(
        "contact_id",
        pl.col("confirmed_for", "fingerprint", "crm_id", *SENT).name.prefix("_"),
    )
    return rows.join(acknowledged, on="contact_id", how="left")


def _decide(action: str, reason: str) -> pl.Expr:
    return pl.struct(action=pl.lit(action), reason=pl.lit(reason))
