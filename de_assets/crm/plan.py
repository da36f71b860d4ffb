"""The sync plan: which contact would be created, updated, skipped or blocked, and why.

Pure: scores, contacts and ledger in, plan out. Nothing is sent from here.
"""

from typing import Literal

import polars as pl

from de_assets.crm.score_properties import values

Mode = Literal["update_only", "upsert"]


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
    acknowledged = ledger.select(
        "contact_id",
        _scored_at="lead_scored_at",
        _fingerprint="fingerprint",
        old_lead_score="lead_score",
        old_lead_grade="lead_grade",
    )
    is_shared = pl.col("crm_id").is_not_null() & (pl.len().over("crm_id") > 1)
    decision = (
        pl.when(is_shared)
        .then(_decide("blocked", "another contact has the same CRM record"))
        .when(pl.col("_scored_at") > pl.col("lead_scored_at"))
        .then(_decide("blocked", "the CRM holds a newer score"))
        .when(pl.col("_fingerprint") == pl.col("fingerprint"))
        .then(_decide("skip", "nothing has changed"))
        .when(pl.col("crm_id").is_null() & (mode == "update_only"))
        .then(_decide("skip", "not in the CRM, and write_back.mode is update_only"))
        .when(pl.col("crm_id").is_null())
        .then(_decide("create", "not in the CRM"))
        .when(pl.col("_fingerprint").is_null())
        .then(_decide("update", "first score"))
        .otherwise(_decide("update", "the score has changed"))
    )
    return (
        values(scores)
        .join(current, on="contact_id", how="left")
        .join(acknowledged, on="contact_id", how="left")
        .with_columns(_decision=decision)
        .with_columns(
            action=pl.col("_decision").struct.field("action"),
            reason=pl.col("_decision").struct.field("reason"),
            dt=pl.col("lead_scored_at").str.to_date("%Y-%m-%d"),
        )
        .drop("_decision", "_scored_at", "_fingerprint")
        .sort("contact_id")
    )


def _decide(action: str, reason: str) -> pl.Expr:
    return pl.struct(action=pl.lit(action), reason=pl.lit(reason))
