"""Sends a sync plan to a destination batch by batch; `reconcile.py` reads back what it holds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from de_assets.crm.client import CrmClient
from de_assets.crm.crm_destination import CrmDestination
from de_assets.crm.destination import BatchAnswer, Change, ContentRefusedError, Destination
from de_assets.crm.ledger import Ledger
from de_assets.crm.plan import due_rows, settled_rows
from de_assets.crm.rejects import NO_ANSWER, PARK_AFTER, SETTLED_SCHEMA, Rejects
from de_assets.crm.score_properties import SENT, contact_key_definition, definitions
from de_assets.errors import CrmError

__all__ = [
    "NO_ANSWER",
    "PARKED",
    "RECEIPT_SCHEMA",
    "PushStoppedError",
    "ensure_properties",
    "push",
]

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
IS_DOUBTED = pl.col("fingerprint").is_null()
PARKED = "PARKED"  # not sent: it was rejected too often with the same value


class PushStoppedError(CrmError):
    """A write-back was stopped between two batches; what was acknowledged is in the ledger."""


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


def push(  # noqa: PLR0913  what is optional is given by name
    destination: Destination | CrmClient,
    plan: pl.DataFrame,
    ledger: Ledger,
    run_id: str,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    should_stop: Callable[[int, int], str | None] = lambda _answered, _rejected: None,
    batch_size: int | None = None,
    park_after: int = PARK_AFTER,
    full_resync: bool = False,
) -> pl.DataFrame:
    """Send the rows of a plan that are to be created or updated.

    A row is entered in the ledger only when the destination acknowledged it, before the next
    request goes out. A run that dies here is taken up where it stopped, by the same plan or by the
    next one: what the ledger has is not sent again, nor anything older than that. Rows that are
    rejected are kept (`Ledger.rejects`) and sent again by the next write-back, until they are
    accepted or parked.

    Args:
        destination: Where the rows go; a client stands for the CRM.
        plan: `crm/sync_plan` of one day.
        ledger: The destination's, where acknowledgements are kept.
        run_id: Dagster's id of the run, kept in the CRM beside each score.
        now: The clock, UTC.
        progress: Called after each batch with the rows done and in all.
        should_stop: Asked before each batch, with the rows that were answered and those of them
            that were rejected; a text is the reason to stop.
        batch_size: Rows of a request, if fewer than the destination takes.
        park_after: After how many attempts with the same value a rejected row is parked.
        full_resync: Whether what was acknowledged is sent again, for a destination that lost it.

    Returns:
        Receipts (`RECEIPT_SCHEMA`): one row for each that was sent, now or before by the same plan,
        and one with code `PARKED` for each that was not sent because it is parked.

    Raises:
        PushStoppedError: `should_stop` gave a reason.
        CrmUnavailableError: the destination stopped answering; what it acknowledged is kept.
        CrmError: it refuses us, not a row.
    """
    to = CrmDestination(destination) if isinstance(destination, CrmClient) else destination
    known = ledger.read()
    planned = due_rows(plan, known, full_resync=full_resync)
    parked = ledger.rejects.parked(planned)
    # Always in one order: a run that takes up another one makes the same batches.
    due = planned.join(parked, on="contact_id", how="anti").sort("contact_id")
    others = plan.join(planned, on="contact_id", how="anti")
    if not due.is_empty():
        day = date.fromisoformat(due["lead_scored_at"][0])
        ledger.begin(day, run_id, due["contact_id"].to_list())
    size = min(batch_size or to.batch_size, to.batch_size)
    outcome = _Outcome(set(known.filter(IS_DOUBTED)["contact_id"]))
    try:
        for batch in _batches_of_one_kind(due, size):
            _stop_if_asked(should_stop(len(outcome.receipts), len(outcome.rejected)), to)
            rows = {row["contact_id"]: row for row in batch.iter_rows(named=True)}
            for answer in _send(to, _changes(rows, run_id)):
                moment = now()
                if answer.acknowledged:
                    ledger.record(
                        day, run_id, outcome.answers, moment, _acknowledged_rows(rows, answer)
                    )
                outcome.add(rows, answer, moment)
            progress(len(outcome.receipts), due.height)
    finally:
        outcome.note_rejects(ledger.rejects, now().date(), park_after)
    ledger.rejects.drop(_held(others, known))
    ledger.fold(plan)
    ledger.settle(outcome.answered)
    return pl.concat(
        [
            _receipts_of_before(settled_rows(others, known)),
            _receipts_of_parked(planned.join(parked, on="contact_id", how="semi"), now()),
            pl.DataFrame(outcome.receipts, schema=RECEIPT_SCHEMA, orient="row"),
        ]
    )


@dataclass
class _Outcome:
    """What became of the rows so far; `doubted` were in doubt before."""

    doubted: set[str]
    receipts: list[tuple[Any, ...]] = field(default_factory=list)
    acknowledged: list[dict[str, str]] = field(default_factory=list)
    rejected: list[dict[str, str | None]] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    answers: int = 0

    def add(
        self, rows: Mapping[str, Mapping[str, Any]], answer: BatchAnswer, moment: datetime
    ) -> None:
        """Take in the answer to some of the rows of a batch."""
        sent_at = moment.replace(tzinfo=None)
        self.answers += 1
        for key, crm_id in answer.acknowledged.items():
            row = rows[key]
            self.answered.append(key)
            self.acknowledged.append({name: row[name] for name in ("contact_id", "lead_scored_at")})
            self.receipts.append((key, crm_id, "acknowledged", None, row["fingerprint"], sent_at))
        for key, code in answer.rejected.items():
            row = rows[key]
            # What was in doubt stays so until something is acknowledged: a rejection says nothing
            # about an earlier attempt.
            if not (code == NO_ANSWER or key in answer.doubtful or key in self.doubted):
                self.answered.append(key)
            columns = ("contact_id", "crm_id", "lead_scored_at", "fingerprint")
            self.rejected.append({**{name: row[name] for name in columns}, "code": code})
            self.receipts.append(
                (key, row["crm_id"], "rejected", code, row["fingerprint"], sent_at)
            )

    def note_rejects(self, rejects: Rejects, day: date, park_after: int) -> None:
        """Keep what was rejected, and drop what was accepted."""
        if self.rejected:
            rejects.add(self.rejected, day, park_after)
        rejects.drop(pl.DataFrame(self.acknowledged, schema=SETTLED_SCHEMA))


def _stop_if_asked(reason: str | None, to: Destination) -> None:
    if reason is not None:
        raise PushStoppedError(
            f"the write-back was stopped: {reason}",
            where=to.name,
            fix="see what is wrong; the next write-back goes on where this one stopped",
        )


def _batches_of_one_kind(due: pl.DataFrame, size: int) -> Iterator[pl.DataFrame]:
    """Contacts that the destination holds, then the others: one request a batch."""
    is_known = pl.col("crm_id").is_not_null()
    yield from due.filter(is_known).iter_slices(size)
    yield from due.filter(~is_known).iter_slices(size)


def _changes(rows: Mapping[str, Mapping[str, Any]], run_id: str) -> list[Change]:
    return [
        Change(
            key=key,
            crm_id=row["crm_id"],
            properties={**{name: row[name] for name in SENT}, "lead_score_run_id": run_id},
        )
        for key, row in rows.items()
    ]


def _send(
    to: Destination, changes: Sequence[Change], *, is_doubtful: bool = False
) -> Iterator[BatchAnswer]:
    """Changes of one kind, with an answer to each of them and to nothing else.

    A batch that is refused as a whole is halved until what it was refused for stands alone. A row
    that is both acknowledged and rejected counts as rejected: to send it again does no harm.
    """
    try:
        answer = to.send(changes)
    except ContentRefusedError as refusal:
        is_doubtful |= refusal.is_doubtful
        if len(changes) == 1:
            key = changes[0].key
            yield BatchAnswer({}, {key: refusal.code}, frozenset([key] if is_doubtful else []))
            return
        middle = len(changes) // 2
        yield from _send(to, changes[:middle], is_doubtful=is_doubtful)
        yield from _send(to, changes[middle:], is_doubtful=is_doubtful)
        return
    acknowledged: dict[str, str] = {}
    rejected: dict[str, str] = {}
    for change in changes:
        if change.key in answer.acknowledged and change.key not in answer.rejected:
            acknowledged[change.key] = answer.acknowledged[change.key]
        else:
            rejected[change.key] = answer.rejected.get(change.key, NO_ANSWER)
    yield BatchAnswer(
        acknowledged, rejected, frozenset(rejected) if is_doubtful else answer.doubtful
    )


def _acknowledged_rows(
    rows: Mapping[str, Mapping[str, Any]], answer: BatchAnswer
) -> list[dict[str, str]]:
    return [
        {
            "contact_id": key,
            "crm_id": crm_id,
            **{name: rows[key][name] for name in SENT},
            "fingerprint": rows[key]["fingerprint"],
        }
        for key, crm_id in answer.acknowledged.items()
    ]


def _held(plan: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Rows of a plan whose values the destination has acknowledged (`SETTLED_SCHEMA`)."""
    same = ["contact_id", "fingerprint"]
    return plan.join(known, on=same, how="semi").select(SETTLED_SCHEMA.names())


def _receipts_of_before(settled: pl.DataFrame) -> pl.DataFrame:
    """What the destination acknowledged of the same plan when it was sent before."""
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


def _receipts_of_parked(parked: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    return parked.select(
        "contact_id",
        "crm_id",
        state=pl.lit("rejected"),
        code=pl.lit(PARKED),
        fingerprint="fingerprint",
        sent_at=pl.lit(moment.replace(tzinfo=None), pl.Datetime("us")),
    )
