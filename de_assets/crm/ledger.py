"""The ledger: what the CRM has acknowledged, and nothing that was merely sent.

Each acknowledged batch becomes one journal object before the next batch goes out, so a killed run
loses no receipt. Journals are folded into one file when a write-back is done, and into the history.
What a run that died may have sent is in doubt until the CRM answers about it again.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from io import BytesIO

import polars as pl

from de_assets.crm import history
from de_assets.crm.history import History
from de_assets.crm.kept_rows import KeptRows
from de_assets.crm.rejects import Rejects
from de_assets.crm.score_properties import SENT
from de_assets.errors import CrmError
from de_assets.storage.objects import ObjectStore

PREFIX = "crm/_ledger/"
LEDGER_KEY = f"{PREFIX}ledger.parquet"
JOURNAL_PREFIX = f"{PREFIX}journal/"
INTENT_PREFIX = f"{PREFIX}intent/"
CRM = "crm"
OTHER_NAME = re.compile(r"(?!(?:journal|intent|history)$)[a-z][a-z0-9_]*")
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
GONE = "contact"  # what the reconciliation calls the property of a contact that is gone
READ_BACK = "reconciliation"  # instead of a run, in the intent of what is to be sent again
INTENT_SCHEMA = pl.Schema(dict.fromkeys(("contact_id", "_day", "_run"), pl.String()))


class Ledger:
    """The ledger of one destination, in the lake's object store.

    Attributes:
        history: Everything that was acknowledged and folded.
        rejects: What the destination does not accept.
    """

    def __init__(self, objects: ObjectStore, destination: str = CRM) -> None:
        """Nothing is read yet.

        Args:
            objects: The lake's objects.
            destination: Its name; the ledgers of others than the CRM lie below the CRM's.

        Raises:
            CrmError: the name cannot be that of a ledger.
        """
        prefix = PREFIX if destination == CRM else f"{PREFIX}{destination}/"
        if not OTHER_NAME.fullmatch(destination):
            raise CrmError(
                f"a destination cannot be called {destination!r}",
                where=PREFIX,
                fix="use small letters, digits and underscores, beginning with a letter, and none "
                "of journal, intent, history",
            )
        self._objects = objects
        self._journal_prefix = f"{prefix}journal/"
        self._intent_prefix = f"{prefix}intent/"
        self._file = KeptRows(objects, f"{prefix}ledger.parquet", SCHEMA)
        self.history = History(objects, f"{prefix}history/")
        self.rejects = Rejects(objects, f"{prefix}rejects.parquet")

    def read(self) -> pl.DataFrame:
        """The newest acknowledged values of each contact, with the columns of `SCHEMA`.

        Where a run died before the CRM's answer, nobody knows which values the CRM holds: such a
        contact has no fingerprint, so that it is sent again, and counts as confirmed for the day
        of that run, so that nothing older is. If it was never acknowledged, the rest is null.
        """
        # In this order: what is folded or settled meanwhile is then in what is read later.
        intents = self._intents()
        _, journaled = self._journals()
        return _doubted(_newest(pl.concat([self._file.read()[0], journaled])), intents)

    def sent_to(self, contact_id: str) -> pl.DataFrame:
        """Everything that was acknowledged of a contact, oldest first (`history.SCHEMA`)."""
        _, journaled = self._journals()
        fresh = journaled.filter(contact_id=contact_id).select(history.SCHEMA.names())
        rows = pl.concat([self.history.of(contact_id), fresh])
        return rows.unique(history.KEY).sort(history.KEY)

    def begin(self, day: date, run_id: str, contact_ids: Sequence[str]) -> None:
        """Keep whom a run is about to write to, before its first request.

        Args:
            day: The partition that is written back.
            run_id: The run.
            contact_ids: Everybody to whom something will be sent.
        """
        key = f"{self._intent_prefix}dt={day}/{run_id}.json"
        contacts = pl.DataFrame({"contact_id": contact_ids}, schema={"contact_id": pl.String})
        self._write_intent(key, contacts.with_columns(_day=pl.lit(str(day)), _run=pl.lit(run_id)))
        self.settle(contact_ids, but=key)  # what was in doubt of them before is sent over

    def doubt(self, differing: pl.DataFrame) -> None:
        """Have the next write-back send those contacts again in which the CRM holds other values.

        Args:
            differing: `crm/reconciliation`. A contact that is gone is left as it is.
        """
        ids = differing.filter(pl.col("property_name") != GONE)["contact_id"].unique(
            maintain_order=True
        )
        if ids.is_empty():
            return
        confirmed = self.read().filter(pl.col("contact_id").is_in(ids.to_list()))
        key = f"{self._intent_prefix}{READ_BACK}.json"
        intent = confirmed.select("contact_id", _day="confirmed_for", _run=pl.lit(READ_BACK))
        self._write_intent(key, intent)

    def settle(self, contact_ids: Sequence[str], *, but: str | None = None) -> None:
        """Of these contacts nothing is in doubt any more, except by the intent `but`."""
        for info in list(self._objects.list(self._intent_prefix)):
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
        name = f"{sent_at:%Y%m%dT%H%M%S%f}-{run_id[:8]}-{batch:06d}.json"
        key = f"{self._journal_prefix}dt={day}/{name}"
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
        folded_keys: list[str] = []

        def folded(rows: pl.DataFrame) -> pl.DataFrame:
            folded_keys[:], journaled = self._journals()
            self.history.add(journaled)
            newest = _newest(pl.concat([rows, journaled]))
            return newest if scores is None else _confirmed(newest, scores)

        self._file.change(folded)
        for key in folded_keys:
            self._objects.delete(key)

    def forget(self, contact_ids: Collection[str]) -> int:
        """Remove contacts from all parts of the ledger, as if never written to.

        The CRM's forgets them in the ledgers below it too, those of the other destinations. What
        is left is what the store keeps of old versions; the caller purges those.

        Returns:
            How many of their rows there were, doubts included.

        Raises:
            PreconditionFailedError: other writers were faster each time; call it again.
        """
        count = self._forget_objects(self._intent_prefix, contact_ids)
        # Journals before the file: a fold that runs meanwhile then finds them without the contact.
        count += self._forget_objects(self._journal_prefix, contact_ids)
        count += self._file.forget(contact_ids)
        count += self.history.forget(contact_ids)
        count += self.rejects.forget(contact_ids)
        return count + sum(ledger.forget(contact_ids) for ledger in self._below())

    def _below(self) -> list["Ledger"]:
        """The ledgers of the other destinations, if this is the CRM's."""
        if self._file.key != LEDGER_KEY:
            return []
        keys = [info.key.removeprefix(PREFIX) for info in self._objects.list(PREFIX)]
        names = {key.partition("/")[0] for key in keys if "/" in key}
        return [Ledger(self._objects, name) for name in sorted(filter(OTHER_NAME.fullmatch, names))]

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
        keys = [info.key for info in self._objects.list(self._journal_prefix)]
        rows: list[dict[str, str]] = []
        for key in keys:
            with suppress(FileNotFoundError):  # folded by another run since it was listed
                rows.extend(json.loads(self._objects.read(key)[0]))
        return keys, pl.DataFrame(rows, schema=SCHEMA)

    def _intents(self) -> pl.DataFrame:
        found = [self._intent(info.key) for info in list(self._objects.list(self._intent_prefix))]
        return pl.concat([pl.DataFrame(schema=INTENT_SCHEMA), *found])

    def _intent(self, key: str) -> pl.DataFrame:
        try:
            data, _ = self._objects.read(key)
        except FileNotFoundError:  # settled by another run since it was listed
            return pl.DataFrame(schema=INTENT_SCHEMA)
        return pl.read_json(BytesIO(data), schema=INTENT_SCHEMA)

    def _write_intent(self, key: str, rows: pl.DataFrame) -> None:
        self._objects.write(key, rows.write_json().encode())


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
