"""The ledger: what the CRM has acknowledged, and nothing that was merely sent.

Each acknowledged batch becomes one journal object before the next batch goes out, so a killed run
loses no receipt. Journals are folded into one file when a write-back is done. What a run that died
may have sent is in doubt until the CRM answers about it again.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from io import BytesIO

import polars as pl

from de_assets.crm.score_properties import SENT
from de_assets.errors import PreconditionFailedError
from de_assets.storage.objects import ObjectStore

LEDGER_KEY = "crm/_ledger/ledger.parquet"
JOURNAL_PREFIX = "crm/_ledger/journal/"
INTENT_PREFIX = "crm/_ledger/intent/"
SCHEMA = pl.Schema(
    {
        "contact_id": pl.String(),
        "crm_id": pl.String(),
        **{name: pl.String() for name in SENT},
        "fingerprint": pl.String(),
        "sent_at": pl.String(),
        "run_id": pl.String(),
        # The newest day whose score asked for these values; days without a change are not sent.
        "confirmed_for": pl.String(),
    }
)
INTENT_SCHEMA = pl.Schema(dict.fromkeys(("contact_id", "_day", "_run"), pl.String()))
FOLD_ATTEMPTS = 5


class Ledger:
    """The ledger of one destination, in the lake's object store."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def read(self) -> pl.DataFrame:
        """The newest acknowledged values of each contact, with the columns of `SCHEMA`.

        Where a run died before the CRM's answer, nobody knows which values the CRM holds: such a
        contact has no fingerprint, so that it is sent again, and counts as confirmed for the day
        of that run, so that nothing older is. If it was never acknowledged, the rest is null.
        """
        # In this order: what is folded or settled meanwhile is then in what is read later.
        intents = self._intents()
        _, journaled = self._journals()
        return _doubted(_newest(pl.concat([self._folded()[0], journaled])), intents)

    def begin(self, day: date, run_id: str, contact_ids: Sequence[str]) -> None:
        """Keep whom a run is about to write to, before its first request.

        Args:
            day: The partition that is written back.
            run_id: The run.
            contact_ids: Everybody to whom something will be sent.
        """
        key = f"{INTENT_PREFIX}dt={day}/{run_id}.json"
        contacts = pl.DataFrame({"contact_id": contact_ids}, schema={"contact_id": pl.String})
        self._write_intent(key, contacts.with_columns(_day=pl.lit(str(day)), _run=pl.lit(run_id)))
        self.settle(contact_ids, but=key)  # what was in doubt of them before is sent over

    def settle(self, contact_ids: Sequence[str], *, but: str | None = None) -> None:
        """Of these contacts nothing is in doubt any more, except by the intent `but`."""
        for info in list(self._objects.list(INTENT_PREFIX)):
            if info.key == but:
                continue
            intent = self._intent(info.key)
            left = intent.filter(~pl.col("contact_id").is_in(contact_ids))
            if left.is_empty():
                self._objects.delete(info.key)
            elif left.height < intent.height:
                self._write_intent(info.key, left)

    def record(
        self,
        day: date,
        run_id: str,
        batch: int,
        sent_at: datetime,
        rows: Sequence[Mapping[str, str]],
    ) -> None:
        """Keep an acknowledged batch: one object, written before the next batch is sent.

        Args:
            day: The partition that was written back.
            run_id: The run that sent it.
            batch: Its number within the run.
            sent_at: When the CRM answered, UTC.
            rows: `contact_id`, `crm_id`, the sent values and `fingerprint`.
        """
        stamp = {"sent_at": sent_at.isoformat(), "run_id": run_id, "confirmed_for": str(day)}
        stamped = [{**row, **stamp} for row in rows]
        key = f"{JOURNAL_PREFIX}dt={day}/{sent_at:%Y%m%dT%H%M%S%f}-{run_id[:8]}-{batch:06d}.json"
        self._objects.write(key, json.dumps(stamped).encode())

    def fold(self, scores: pl.DataFrame | None = None) -> None:
        """Make one file of the ledger and its journals.

        A journal is deleted only after the file that holds it is written; folding one twice
        changes nothing.

        Args:
            scores: `contact_id`, `fingerprint` and `lead_scored_at` of a day. Where it asks for
                the values that were acknowledged, they count as those of that day, so that no
                score of a day between follows.

        Raises:
            PreconditionFailedError: other writers were faster each time; the journals stay.
        """
        for attempt in range(1, FOLD_ATTEMPTS + 1):
            keys, journaled = self._journals()
            folded, version = self._folded()
            rows = _newest(pl.concat([folded, journaled]))
            if scores is not None:
                rows = _confirmed(rows, scores)
            if rows.equals(folded) and not keys:
                return
            buffer = BytesIO()
            rows.write_parquet(buffer)
            try:
                self._objects.write(
                    LEDGER_KEY, buffer.getvalue(), if_match=version, if_absent=version is None
                )
            except PreconditionFailedError:
                if attempt == FOLD_ATTEMPTS:
                    raise
                continue
            for key in keys:
                self._objects.delete(key)
            return

    def forget(self, contact_ids: Collection[str]) -> int:
        """Remove contacts from the file, the journals and the intents, as if never written to.

        What it leaves is what the store keeps of old versions; the caller purges those.

        Returns:
            How many of their rows there were, doubts included.

        Raises:
            PreconditionFailedError: other writers were faster each time; call it again.
        """
        is_theirs = pl.col("contact_id").is_in(list(contact_ids))
        count = self._forget_objects(INTENT_PREFIX, contact_ids)
        # Journals before the file: a fold that runs meanwhile then finds them without the contact.
        count += self._forget_objects(JOURNAL_PREFIX, contact_ids)
        for attempt in range(1, FOLD_ATTEMPTS + 1):
            rows, version = self._folded()
            left = rows.filter(~is_theirs)
            if left.height == rows.height:
                break
            buffer = BytesIO()
            left.write_parquet(buffer)
            try:
                self._objects.write(LEDGER_KEY, buffer.getvalue(), if_match=version)
            except PreconditionFailedError:
                if attempt == FOLD_ATTEMPTS:
                    raise
                continue
            return count + rows.height - left.height
        return count

    def _forget_objects(self, prefix: str, contact_ids: Collection[str]) -> int:
        """Take the rows of contacts out of JSON objects; one that is left empty goes."""
        count = 0
        for info in list(self._objects.list(prefix)):
            with suppress(FileNotFoundError):  # folded or settled by another run since
                data, version = self._objects.read(info.key)
                rows: list[dict[str, str]] = json.loads(data)
                left = [row for row in rows if row["contact_id"] not in contact_ids]
                count += len(rows) - len(left)
                if not left:
                    self._objects.delete(info.key)
                elif len(left) < len(rows):
                    self._objects.write(info.key, json.dumps(left).encode(), if_match=version)
        return count

    def _journals(self) -> tuple[list[str], pl.DataFrame]:
        """The keys of the journals, and their rows."""
        keys = [info.key for info in self._objects.list(JOURNAL_PREFIX)]
        rows: list[dict[str, str]] = []
        for key in keys:
            with suppress(FileNotFoundError):  # folded by another run since it was listed
                rows.extend(json.loads(self._objects.read(key)[0]))
        return keys, pl.DataFrame(rows, schema=SCHEMA)

    def _intents(self) -> pl.DataFrame:
        found = [self._intent(info.key) for info in list(self._objects.list(INTENT_PREFIX))]
        return pl.concat([pl.DataFrame(schema=INTENT_SCHEMA), *found])

    def _intent(self, key: str) -> pl.DataFrame:
        try:
            data, _ = self._objects.read(key)
        except FileNotFoundError:  # settled by another run since it was listed
            return pl.DataFrame(schema=INTENT_SCHEMA)
        return pl.read_json(BytesIO(data), schema=INTENT_SCHEMA)

    def _write_intent(self, key: str, rows: pl.DataFrame) -> None:
        self._objects.write(key, rows.write_json().encode())

    def _folded(self) -> tuple[pl.DataFrame, str | None]:
        """The rows of the ledger's file, and its version; None if there is no file yet."""
        try:
            data, version = self._objects.read(LEDGER_KEY)
        except FileNotFoundError:
            return pl.DataFrame(schema=SCHEMA), None
        return pl.read_parquet(BytesIO(data)), version


def _newest(rows: pl.DataFrame) -> pl.DataFrame:
    """The newest score of each contact; of one day's scores the one acknowledged last."""
    return (
        rows.sort("confirmed_for", "lead_scored_at", "sent_at", maintain_order=True)
        .unique("contact_id", keep="last", maintain_order=True)
        .sort("contact_id")
    )


def _confirmed(rows: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """The ledger's rows, with the day of a newer score that asks for the same values."""
    day = scores.select("contact_id", "fingerprint", _day="lead_scored_at")
    return (
        rows.join(day, on=["contact_id", "fingerprint"], how="left", maintain_order="left")
        .with_columns(confirmed_for=pl.max_horizontal("confirmed_for", "_day"))
        .drop("_day")
    )


def _doubted(rows: pl.DataFrame, intents: pl.DataFrame) -> pl.DataFrame:
    """The ledger's rows, marked where a run meant to write and has no acknowledgement."""
    unanswered = intents.join(
        rows,
        left_on=["contact_id", "_day", "_run"],
        right_on=["contact_id", "lead_scored_at", "run_id"],
        how="anti",
    )
    doubts = unanswered.group_by("contact_id").agg(pl.col("_day").max())
    is_doubted = pl.col("_day").is_not_null()
    return (
        rows.join(doubts, on="contact_id", how="full", coalesce=True)
        .with_columns(
            fingerprint=pl.when(~is_doubted).then("fingerprint"),
            confirmed_for=pl.max_horizontal("confirmed_for", "_day"),
        )
        .drop("_day")
        .sort("contact_id")
    )
