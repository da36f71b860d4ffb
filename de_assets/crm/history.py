"""What was sent to each contact, when, by which model version, run and partition.

Rows come from the ledger's journals when they are folded, and are only ever added: one Parquet
object a month, kept as long as the receipts are. The eraser removes a contact from all of them.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from functools import partial

import polars as pl

from de_assets.crm.kept_rows import KeptRows
from de_assets.crm.score_properties import SENT
from de_assets.storage.objects import ObjectStore

RETENTION_DAYS = 800
SCHEMA = pl.Schema(dict.fromkeys(("contact_id", "crm_id", *SENT, "sent_at", "run_id"), pl.String()))
# One acknowledgement, however often its journal is folded.
KEY = ["contact_id", "sent_at", "lead_scored_at", "run_id"]


class History:
    """Everything that one destination acknowledged, by month of the acknowledgement."""

    def __init__(self, objects: ObjectStore, prefix: str) -> None:
        """The objects are kept below `prefix`, which ends with a slash."""
        self._objects = objects
        self._prefix = prefix

    def add(self, rows: pl.DataFrame) -> None:
        """Keep acknowledgements, and drop the months that are too old beside the newest of them.

        Args:
            rows: With the columns of `SCHEMA` at least; adding one again changes nothing.

        Raises:
            PreconditionFailedError: other writers were faster each time; add them again.
        """
        if rows.is_empty():
            return
        for (month,), of_month in rows.group_by(pl.col("sent_at").str.slice(0, 7)):
            added = of_month.select(SCHEMA.names())
            self._month(f"{self._prefix}{month}.parquet").change(partial(_with, added))
        newest = datetime.fromisoformat(str(rows["sent_at"].max())).date()
        self._drop_before(newest - timedelta(days=RETENTION_DAYS))

    def of(self, contact_id: str) -> pl.DataFrame:
        """The rows of one contact (`SCHEMA`), oldest first."""
        found = [
            self._month(info.key).read()[0].filter(contact_id=contact_id)
            for info in self._objects.list(self._prefix)
        ]
        return pl.concat([pl.DataFrame(schema=SCHEMA), *found]).sort(KEY)

    def forget(self, contact_ids: Collection[str]) -> int:
        """Remove contacts from every month; how many rows there were."""
        keys = [info.key for info in self._objects.list(self._prefix)]
        return sum(self._month(key).forget(contact_ids) for key in keys)

    def _month(self, key: str) -> KeptRows:
        return KeptRows(self._objects, key, SCHEMA)

    def _drop_before(self, day: date) -> None:
        """A month goes when the last of its days is too old."""
        for info in list(self._objects.list(self._prefix)):
            if info.key < f"{self._prefix}{day:%Y-%m}":
                self._objects.delete(info.key)


def _with(added: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The rows that are known, and those added that are not."""
    rows = pl.concat([known, added])
    return rows.unique(KEY, keep="first", maintain_order=True).sort(*KEY)
