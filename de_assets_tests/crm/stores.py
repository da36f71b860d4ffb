"""Stores that a run dies on, or that another run uses too, for the tests of the ledger."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from de_assets.crm.ledger import JOURNAL_PREFIX, LEDGER_KEY, Ledger
from de_assets.crm.score_properties import SENT, values
from de_assets.storage.objects import ObjectInfo, ObjectStore
from de_assets_tests.crm.leads import MONDAY, scores_of

NIGHT = datetime(2011, 12, 2, 3, tzinfo=UTC)


class Interrupted(Exception):  # noqa: N818  it stands for a kill, not for an error
    """The process was killed here."""


class KilledBeforeDeleting:
    """A store whose process dies when it would delete its first object."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.root = store.root

    def url(self, key: str) -> str:
        return self._store.url(key)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        return self._store.list(prefix)

    def read(self, key: str) -> tuple[bytes, str]:
        return self._store.read(key)

    def write(
        self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        return self._store.write(key, data, if_match=if_match, if_absent=if_absent)

    def delete(self, key: str) -> None:
        raise Interrupted(key)


class FoldedByAnother(KilledBeforeDeleting):
    """A store in which another run folds the ledger when we read or write an object."""

    def __init__(self, store: ObjectStore, *, at: str, times: int = 1) -> None:
        super().__init__(store)
        self._at = at
        self._left = times

    def read(self, key: str) -> tuple[bytes, str]:
        self._interfere("before reading")
        try:
            return super().read(key)
        finally:
            self._interfere("after reading")

    def write(
        self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        self._interfere("before writing" if key == LEDGER_KEY else "before writing history")
        return super().write(key, data, if_match=if_match, if_absent=if_absent)

    def delete(self, key: str) -> None:
        self._store.delete(key)

    def _interfere(self, moment: str) -> None:
        if moment == self._at and self._left:
            self._left -= 1
            other = Ledger(self._store)
            record(other, f"other {self._left}", 1, MONDAY, sent_at=NIGHT + timedelta(hours=1))
            other.fold()


def record(
    ledger: Ledger,
    contact: str,
    score: int,
    day: date,
    *,
    sent_at: datetime = NIGHT,
    batch: int = 0,
    run_id: str = "run-0001",
) -> None:
    columns = ["contact_id", *SENT, "fingerprint"]
    rows = values(scores_of(day, {contact: score})).select(columns).collect().to_dicts()
    ledger.record(day, run_id, batch, sent_at, [{**row, "crm_id": "1"} for row in rows])


def held(ledger: Ledger) -> dict[str, tuple[str, str]]:
    rows = ledger.read().select("contact_id", "lead_scored_at", "lead_score").rows()
    return {contact: (day, score) for contact, day, score in rows}


def journals(objects: ObjectStore) -> list[str]:
    return [info.key for info in objects.list(JOURNAL_PREFIX)]
