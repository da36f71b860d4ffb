"""The sync plan: which contact would be created, updated, skipped or blocked, and why.

Pure: scores, contacts and ledger in, plan out. Nothing is sent from here.
"""

from typing import Literal

import polars as pl

from de_assets.crm.score_properties import SENT, values

Mode = Literal["update_only", "upsert"]
WRITES = ("create", "update")
UNCHANGED = "nothing has changed"
NEWER = "the CRM holds a newer score"

# About rows beside what the ledger has of their contact.
IS_OLDER = pl.col("_confirmed_for") > pl.col("lead_scored_at")
IS_MOVED = pl.col("crm_id").is_not_null() & (pl.col("crm_id") != pl.col("_crm_id"))
IS_SAME = (pl.col("_fingerprint") == pl.col("fingerprint")) & ~IS_MOVED


def make_plan(
    scores: pl.LazyFrame, contacts: pl.LazyFrame, ledger: pl.LazyFrame, mode: Mode
) -> pl.LazyFrame:
    """One row a scored contact with the values to send and what is to be done with them.

    Blocked rows must not be sent: an older score never goes over a newer one, and one CRM record
    never gets the scores of two contacts.

    Args:
        scores: `predictions/lead_scores` of one day.
        contacts: `modeled/dim_contact`.
        ledger: What the CRM has acknowledged (`ledger.SCHEMA`).
        mode: `update_only` never creates a contact; `upsert` does.

    Returns:
        `crm/sync_plan`, with `dt`.
    """
    current = contacts.filter("is_current").select(
        "contact_id", crm_id=pl.when("is_in_crm").then("crm_id")
    )
    is_shared = pl.col("crm_id").is_not_null() & (pl.len().over("crm_id") > 1)
    decision = (
        pl.when("_is_shared")
        .then(_decide("blocked", "another contact has the same CRM record"))
        .when(IS_OLDER)
        .then(_decide("blocked", NEWER))
        .when(IS_SAME)
        .then(_decide("skip", UNCHANGED))
        .when(pl.col("crm_id").is_null() & (mode == "update_only"))
        .then(_decide("skip", "not in the CRM, and write_back.mode is update_only"))
        .when(pl.col("crm_id").is_null())
        .then(_decide("create", "not in the CRM"))
        .when(pl.col("_confirmed_for").is_null())
        .then(_decide("update", "first score"))
        .when(pl.col("_fingerprint").is_null())
        .then(_decide("update", "a run died before the CRM answered"))
        .when(IS_MOVED)
        .then(_decide("update", "the contact has another CRM record"))
        .otherwise(_decide("update", "the score has changed"))
    )
    return (
        _beside_ledger(
            values(scores).join(
                current.with_columns(_is_shared=is_shared), on="contact_id", how="left"
            ),
            ledger,
        )
        .with_columns(_decision=decision)
        .select(
            "contact_id",
            "crm_id",
            pl.col("_decision").struct.unnest(),
            *SENT,
            "fingerprint",
            old_lead_score="_lead_score",
            old_lead_grade="_lead_grade",
            dt=pl.col("lead_scored_at").str.to_date("%Y-%m-%d"),
        )
        .sort("contact_id")
    )


def due_rows(plan: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    """The rows of a plan that are still to be sent.

    A plan may be older than the ledger: its run died half-way and is repeated, or another day was
    sent since. Hence a row that would write is left out where the CRM holds a newer score or has
    acknowledged these values, and a row that was skipped as unchanged is due where the CRM holds
    other values by now.

    Args:
        plan: `crm/sync_plan` of one day.
        ledger: What the CRM has acknowledged by now (`ledger.SCHEMA`).

    Returns:
        Rows and columns of the plan.
    """
    is_written = pl.col("action").is_in(WRITES)
    is_overtaken = (pl.col("reason") == UNCHANGED) & pl.col("crm_id").is_not_null()
    is_settled = (IS_OLDER | IS_SAME).fill_null(value=False)
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


def _beside_ledger(rows: pl.LazyFrame, ledger: pl.LazyFrame) -> pl.LazyFrame:
    acknowledged = ledger.select(
        "contact_id",
        pl.col("confirmed_for", "fingerprint", "crm_id", "lead_score", "lead_grade").name.prefix(
            "_"
        ),
    )
    return rows.join(acknowledged, on="contact_id", how="left")


def _decide(action: str, reason: str) -> pl.Expr:
    return pl.struct(action=pl.lit(action), reason=pl.lit(reason))
