"""The tables of the write-back: what would be sent, what was acknowledged, what the CRM holds."""

import polars as pl

from de_assets.contracts.base import Contract, TableInfo, column

ACTIONS = ("create", "update", "clear", "blocked", "skip")
RECEIPT_STATES = ("acknowledged", "rejected")


class SyncPlan(Contract):
    """The exact changes that a write-back would make, one contact a row."""

    contact_id: pl.String = column("Our key of the contact", pii="quasi")
    crm_id: pl.String = column(
        "The CRM's own key; null if it does not hold it", pii="quasi", nullable=True
    )
    action: pl.String = column("What would be done", isin=ACTIONS)
    reason: pl.String = column("Why that would be done")
    lead_score: pl.String = column("Value to send, as the CRM takes it; empty clears it")
    lead_grade: pl.String = column("Value to send; empty clears it")
    lead_score_reasons: pl.String = column("Value to send; empty clears it")
    lead_score_trend: pl.String = column("Value to send; empty clears it")
    lead_score_model_version: pl.String = column("Value to send; empty clears it")
    lead_scored_at: pl.String = column("Day of the features, or of the clearing, YYYY-MM-DD")
    fingerprint: pl.String = column("Digest of the values that make an update worth sending")
    old_lead_score: pl.String = column("Value that the CRM last acknowledged", nullable=True)
    old_lead_grade: pl.String = column("Value that the CRM last acknowledged", nullable=True)

    class Config:
        """The table."""

        metadata = {
            "table": TableInfo(
                "crm/sync_plan",
                "What a write-back would change",
                "one contact that is scored, or was and is to be cleared",
                owner="team:sales-ops",
                is_daily=True,
                unique_by=("contact_id",),
                retention_days=800,
            )
        }


class Receipts(Contract):
    """What the CRM answered, row by row."""

    contact_id: pl.String = column("Our key of the contact", pii="quasi")
    crm_id: pl.String = column("The CRM's own key", pii="quasi", nullable=True)
    state: pl.String = column("What the CRM answered", isin=RECEIPT_STATES)
    code: pl.String = column("Why a row was rejected, in the CRM's word", nullable=True)
    fingerprint: pl.String = column("Digest of the values that were sent")
    sent_at: pl.Datetime("us") = column("When the CRM answered, UTC")

    class Config:
        """The table."""

        metadata = {
            "table": TableInfo(
                "crm/writeback",
                "Acknowledged and rejected rows of a write-back",
                "one contact that was sent",
                owner="team:sales-ops",
                is_daily=True,
                unique_by=("contact_id",),
                retention_days=800,
            )
        }


class Reconciliation(Contract):
    """Contacts in which the CRM holds something else than it acknowledged."""

    contact_id: pl.String = column("Our key of the contact", pii="quasi")
    crm_id: pl.String = column("The CRM's own key", pii="quasi", nullable=True)
    property_name: pl.String = column("The property that differs, or `contact` if it is gone")
    acknowledged: pl.String = column("What the CRM acknowledged", nullable=True)
    found: pl.String = column("What it holds", nullable=True)
    written_by: pl.String = column(
        "Kind of writer of what it holds, in the word of the CRM, such as CRM_UI",
        nullable=True,
    )
    written_at: pl.Datetime("us") = column("When that was written, UTC", nullable=True)

    class Config:
        """The table."""

        metadata = {
            "table": TableInfo(
                "crm/reconciliation",
                "Where the CRM differs from what it acknowledged",
                "one contact and one property that differs",
                owner="team:sales-ops",
                is_daily=True,
                unique_by=("contact_id", "property_name"),
                retention_days=800,
            )
        }
