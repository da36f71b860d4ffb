"""The ledger: what the CRM has acknowledged, and nothing that was merely sent.

Each acknowledged batch becomes one journal object before the next batch goes out, so a killed run
loses no receipt. Journals are folded into one file when a write-back is done.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from io import BytesIO

import polars as pl

from de_assets.crm.score_properties import SENT
from de_assets.errors import PreconditionFailedError
from de_assets.storage.objects import ObjectStore

LEDGER_KEY = "crm/_ledger/ledger.parquet"
JOURNAL_PREFIX = "crm/_ledger/journal/"
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
FOLD_ATTEMPTS = 5


class Ledger:
    """The ledger of one destination, in the lake's object store."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def read(self) -> pl.DataFrame:
        """The newest acknowledged values of each contact, with the columns of `SCHEMA`."""
        # Journals first: one that is folded and deleted meanwhile is then in the file.
        _, journaled = self._journals()
        return _newest(pl.concat([self._folded()[0], journaled]))

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

    def _journals(self) -> tuple[list[str], pl.DataFrame]:
        """The keys of the journals, and their rows."""
        keys = [info.key for info in self._objects.list(JOURNAL_PREFIX)]
        rows: list[dict[str, str]] = []
        for key in keys:
            with suppress(FileNotFoundError):  # folded by another run since it was listed
                rows.extend(json.loads(self._objects.read(key)[0]))
        return keys, pl.DataFrame(rows, schema=SCHEMA)

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
