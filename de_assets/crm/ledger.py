"""The ledger: what the CRM has acknowledged, and nothing that was merely sent.

Each acknowledged batch becomes one journal object before the next batch goes out, so a killed run
loses no receipt. Journals are folded into one file when a write-back is done.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from io import BytesIO

import polars as pl

from de_assets.crm.score_properties import SENT
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
    }
)


class Ledger:
    """The ledger of one destination, in the lake's object store."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def read(self) -> pl.DataFrame:
        """The newest acknowledged values of each contact, with the columns of `SCHEMA`."""
        frames = [self._folded()]
        for info in list(self._objects.list(JOURNAL_PREFIX)):
            rows = json.loads(self._objects.read(info.key)[0])
            frames.append(pl.DataFrame(rows, schema=SCHEMA))
        return _newest(pl.concat(frames))

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
        stamped = [{**row, "sent_at": sent_at.isoformat(), "run_id": run_id} for row in rows]
        key = f"{JOURNAL_PREFIX}dt={day}/{sent_at:%Y%m%dT%H%M%S%f}-{run_id[:8]}-{batch:06d}.json"
        self._objects.write(key, json.dumps(stamped).encode())

    def fold(self) -> None:
        """Make one file of the ledger and its journals.

        A journal is deleted only after the file that holds it is written; folding one twice
        changes nothing.
        """
        journals = [info.key for info in self._objects.list(JOURNAL_PREFIX)]
        if not journals:
            return
        buffer = BytesIO()
        self.read().write_parquet(buffer)
        self._objects.write(LEDGER_KEY, buffer.getvalue())
        for key in journals:
            self._objects.delete(key)

    def _folded(self) -> pl.DataFrame:
        try:
            data, _ = self._objects.read(LEDGER_KEY)
        except FileNotFoundError:
            return pl.DataFrame(schema=SCHEMA)
        return pl.read_parquet(BytesIO(data))


def _newest(rows: pl.DataFrame) -> pl.DataFrame:
    """The newest score of each contact; of one day's scores the one acknowledged last."""
    return (
        rows.sort("lead_scored_at", "sent_at")
        .unique("contact_id", keep="last", maintain_order=True)
        .sort("contact_id")
    )
