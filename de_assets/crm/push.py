"""Sends a sync plan to the CRM batch by batch, and afterwards reads back what it holds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime

import polars as pl

from de_assets.crm.client import BATCH_SIZE, BatchAnswer, Change, CrmClient
from de_assets.crm.ledger import Ledger
from de_assets.crm.plan import due_rows, settled_rows
from de_assets.crm.score_properties import (
    CONTACT_KEY,
    SENT,
    contact_key_definition,
    definitions,
    is_same_value,
)
from de_assets.crm.transport import ContentRefusedError

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
    batch_size: int = BATCH_SIZE,
) -> pl.DataFrame:
    """Send the rows of a plan that are to be created or updated.

    A row is entered in the ledger only when the CRM acknowledged it, before the next request goes
    out. A run that dies here is taken up where it stopped, by the same plan or by the next one:
    what the ledger has is not sent again, nor anything older than that.

    Args:
        client: The CRM.
        plan: `crm/sync_plan` of one day.
        ledger: Where acknowledgements are kept.
        run_id: Dagster's id of the run, kept in the CRM beside each score.
        now: The clock, UTC.
        progress: Called after each batch with the rows done and in all.
        batch_size: Rows of a request, at most `BATCH_SIZE`.

    Returns:
        Receipts (`RECEIPT_SCHEMA`): one row for each that was sent, now or before by the same plan.

    Raises:
        CrmUnavailableError: the CRM stopped answering; what it acknowledged is in the ledger.
        CrmError: it refuses us, not a row.
    """
    known = ledger.read()
    due = due_rows(plan, known)
    others = plan.join(due, on="contact_id", how="anti")
    receipts = [_receipts_of_before(settled_rows(others, known))]
    done = requests = 0
    if not due.is_empty():
        day = date.fromisoformat(due["lead_scored_at"][0])
        ledger.begin(day, run_id, due["contact_id"].to_list())
    for batch in _batches_of_one_kind(due, batch_size):
        for answer in _send(client, _changes(batch, run_id)):
            moment = now()
            rows = batch.filter(
                pl.col("contact_id").is_in([*answer.acknowledged, *answer.rejected])
            )
            if answer.acknowledged:
                ledger.record(
                    day,
                    run_id,
                    requests,
                    moment,
                    _acknowledged_rows(rows, answer.acknowledged),
                )
            receipts.append(_receipts(rows, answer, moment))
            requests += 1
        done += batch.height
        progress(done, due.height)
    ledger.fold(plan)
    sent = pl.concat(receipts)
    is_answered = pl.col("code").is_null() | (pl.col("code") != NO_ANSWER)
    ledger.settle(sent.filter(is_answered)["contact_id"].to_list())
    return sent


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
    # Of contacts that became one record in the CRM, it holds the score that was sent last.
    acknowledged = ledger.drop_nulls("crm_id")
    newest = acknowledged.sort("confirmed_for", "lead_scored_at", "sent_at").unique(
        "crm_id", keep="last"
    )
    differing: list[dict[str, object]] = []
    for batch in newest.sort("contact_id").iter_slices(BATCH_SIZE):
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
                if not is_same_value(name, row[name], held.get(name))
            )
    schema = dict.fromkeys(
        ("contact_id", "crm_id", "property_name", "acknowledged", "found"), pl.String
    )
    return pl.DataFrame(differing, schema=schema).with_columns(dt=pl.lit(day, pl.Date))


def _batches_of_one_kind(due: pl.DataFrame, size: int) -> Iterator[pl.DataFrame]:
    """Contacts that the CRM holds, then the others: one request a batch."""
    is_known = pl.col("crm_id").is_not_null()
    yield from due.filter(is_known).iter_slices(size)
    yield from due.filter(~is_known).iter_slices(size)


def _changes(batch: pl.DataFrame, run_id: str) -> list[Change]:
    return [
        Change(
            key=row["contact_id"],
            crm_id=row["crm_id"],
            properties={**{name: row[name] for name in SENT}, "lead_score_run_id": run_id},
        )
        for row in batch.iter_rows(named=True)
    ]


def _send(client: CrmClient, changes: Sequence[Change]) -> Iterator[BatchAnswer]:
    """Changes of one kind, with an answer to each of them.

    A batch that is refused as a whole is halved until what it was refused for stands alone.
    Contacts that the CRM holds are updated by its own id, which cannot create one.
    """
    try:
        if changes[0].crm_id is None:
            answer = client.upsert(changes, CONTACT_KEY)
        else:
            answer = client.update(changes)
    except ContentRefusedError as refusal:
        if len(changes) == 1:
            yield BatchAnswer({}, {changes[0].key: refusal.code})
            return
        middle = len(changes) // 2
        yield from _send(client, changes[:middle])
        yield from _send(client, changes[middle:])
        return
    unanswered = {
        change.key: NO_ANSWER for change in changes if change.key not in answer.acknowledged
    }
    yield BatchAnswer(answer.acknowledged, unanswered | dict(answer.rejected))


def _acknowledged_rows(rows: pl.DataFrame, acknowledged: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {
            "contact_id": row["contact_id"],
            "crm_id": acknowledged[row["contact_id"]],
            **{name: row[name] for name in SENT},
            "fingerprint": row["fingerprint"],
        }
        for row in rows.iter_rows(named=True)
        if row["contact_id"] in acknowledged
    ]


def _receipts(rows: pl.DataFrame, answer: BatchAnswer, moment: datetime) -> pl.DataFrame:
    receipts = [
        {
            "contact_id": row["contact_id"],
            "crm_id": answer.acknowledged.get(row["contact_id"], row["crm_id"]),
            "state": "acknowledged" if row["contact_id"] in answer.acknowledged else "rejected",
            "code": None
            if row["contact_id"] in answer.acknowledged
            else answer.rejected[row["contact_id"]],
            "fingerprint": row["fingerprint"],
            "sent_at": moment.replace(tzinfo=None),
        }
        for row in rows.iter_rows(named=True)
    ]
    return pl.DataFrame(receipts, schema=RECEIPT_SCHEMA)


def _receipts_of_before(settled: pl.DataFrame) -> pl.DataFrame:
    """What the CRM acknowledged of the same plan when it was sent before."""
    return settled.select(
        "contact_id",
        "crm_id",
        state=pl.lit("acknowledged"),
        code=pl.lit(None, pl.String),
        fingerprint="fingerprint",
        sent_at=pl.col("sent_at")
        .str.to_datetime("%+", time_unit="us", time_zone="UTC")
        .dt.replace_time_zone(None),
    )
