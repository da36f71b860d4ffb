"""Sends a sync plan to the CRM batch by batch, and afterwards reads back what it holds."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import polars as pl

from de_assets.crm.client import BATCH_SIZE, BatchAnswer, Change, CrmClient
from de_assets.crm.ledger import Ledger
from de_assets.crm.score_properties import (
    CONTACT_KEY,
    SENT,
    contact_key_definition,
    definitions,
)

RECEIPT_SCHEMA = pl.Schema(
    {
        "contact_id": pl.String(),
        "crm_id": pl.String(),
        "state": pl.String(),
        "code": pl.String(),
        "fingerprint": pl.String(),
        "sent_at": pl.Datetime("us"),
    }
)
NO_ANSWER = "NO_ANSWER"  # the CRM answered the batch without a word about this row


def ensure_properties(client: CrmClient) -> list[str]:
    """Define the properties that a write-back owns, where the CRM lacks them; their names."""
    known = client.property_names()
    missing = [
        definition
        for definition in (contact_key_definition(), *definitions())
        if definition["name"] not in known
    ]
    for definition in missing:
        client.create_property(definition)
    return [str(definition["name"]) for definition in missing]


def push(
    client: CrmClient,
    plan: pl.DataFrame,
    ledger: Ledger,
    run_id: str,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> pl.DataFrame:
    """Send the rows of a plan that are to be created or updated.

    A row is entered in the ledger only when the CRM acknowledged it, before the next batch goes
    out: a run that dies here is taken up again by the next plan, which skips what is in the ledger.

    Args:
        client: The CRM.
        plan: `crm/sync_plan` of one day.
        ledger: Where acknowledgements are kept.
        run_id: Dagster's id of the run, kept in the CRM beside each score.
        now: The clock, UTC.
        progress: Called after each batch with the rows done and in all.

    Returns:
        Receipts (`RECEIPT_SCHEMA`): one row for each that was sent.
    """
    due = plan.filter(pl.col("action").is_in(["create", "update"]))
    receipts = [pl.DataFrame(schema=RECEIPT_SCHEMA)]
    done = 0
    for number, batch in enumerate(_batches(due)):
        answer = _send(client, batch, run_id)
        moment = now()
        by_contact = {str(row["contact_id"]): row for row in batch.iter_rows(named=True)}
        ledger.record(
            date.fromisoformat(batch["lead_scored_at"][0]),
            run_id,
            number,
            moment,
            [
                {
                    "contact_id": key,
                    "crm_id": crm_id,
                    **{name: by_contact[key][name] for name in SENT},
                    "fingerprint": by_contact[key]["fingerprint"],
                }
                for key, crm_id in answer.acknowledged.items()
            ],
        )
        receipts.append(_receipts(batch, answer, moment))
        done += batch.height
        progress(done, due.height)
    ledger.fold()
    return pl.concat(receipts)


def reconcile(client: CrmClient, ledger: pl.DataFrame, day: date) -> pl.DataFrame:
    """Read back every contact in the ledger and list where the CRM holds something else.

    Args:
        client: The CRM.
        ledger: What it has acknowledged (`ledger.SCHEMA`).
        day: The partition, as `dt` of the result.

    Returns:
        `crm/reconciliation` with `dt`: one row for each property that differs, or one with
        `property_name` "contact" where the contact is gone.
    """
    differing: list[dict[str, object]] = []
    for batch in _batches(ledger):
        found = {
            contact.crm_id: contact.properties
            for contact in client.read_contacts(batch["crm_id"].to_list(), SENT)
        }
        for row in batch.iter_rows(named=True):
            who = {"contact_id": row["contact_id"], "crm_id": row["crm_id"]}
            held = found.get(row["crm_id"])
            if held is None:
                differing.append(
                    {**who, "property_name": "contact", "acknowledged": None, "found": None}
                )
                continue
            differing.extend(
                {
                    **who,
                    "property_name": name,
                    "acknowledged": row[name],
                    "found": held.get(name),
                }
                for name in SENT
                if (held.get(name) or "") != row[name]
            )
    schema = dict.fromkeys(
        ("contact_id", "crm_id", "property_name", "acknowledged", "found"), pl.String
    )
    return pl.DataFrame(differing, schema=schema).with_columns(dt=pl.lit(day))


def _send(client: CrmClient, batch: pl.DataFrame, run_id: str) -> BatchAnswer:
    """Contacts that the CRM holds are updated by its own id, which cannot create one."""
    changes = [
        Change(
            key=str(row["contact_id"]),
            crm_id=row["crm_id"],
            properties={**{name: row[name] for name in SENT}, "lead_score_run_id": run_id},
        )
        for row in batch.iter_rows(named=True)
    ]
    known = [change for change in changes if change.crm_id is not None]
    new = [change for change in changes if change.crm_id is None]
    acknowledged: dict[str, str] = {}
    rejected: dict[str, str] = {}
    for answer in (
        *([client.update(known)] if known else []),
        *([client.upsert(new, CONTACT_KEY)] if new else []),
    ):
        acknowledged.update(answer.acknowledged)
        rejected.update(answer.rejected)
    return BatchAnswer(acknowledged, rejected)


def _receipts(batch: pl.DataFrame, answer: BatchAnswer, moment: datetime) -> pl.DataFrame:
    rows = [
        {
            "contact_id": row["contact_id"],
            "crm_id": answer.acknowledged.get(row["contact_id"], row["crm_id"]),
            "state": "acknowledged" if row["contact_id"] in answer.acknowledged else "rejected",
            "code": None
            if row["contact_id"] in answer.acknowledged
            else answer.rejected.get(row["contact_id"], NO_ANSWER),
            "fingerprint": row["fingerprint"],
            "sent_at": moment.replace(tzinfo=None),
        }
        for row in batch.iter_rows(named=True)
    ]
    return pl.DataFrame(rows, schema=RECEIPT_SCHEMA)


def _batches(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    return rows.iter_slices(BATCH_SIZE)
