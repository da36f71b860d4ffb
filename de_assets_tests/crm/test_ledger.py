"""The ledger: journals, folding, and what survives a killed run; on a directory and on S3."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from pathlib import Path

import polars as pl
import pytest

from de_assets.crm.ledger import FOLD_ATTEMPTS, INTENT_PREFIX, JOURNAL_PREFIX, SCHEMA, Ledger
from de_assets.crm.score_properties import SENT, values
from de_assets.errors import PreconditionFailedError
from de_assets.storage.objects import LocalStore, ObjectInfo, ObjectStore, open_store
from de_assets.storage.s3 import S3Options
from de_assets_tests.crm.leads import MONDAY, TUESDAY, WEDNESDAY, scores_of

NIGHT = datetime(2011, 12, 2, 3, tzinfo=UTC)


@pytest.fixture(params=["directory", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "directory":
        return LocalStore(tmp_path)
    options: S3Options = request.getfixturevalue("s3_options")
    return open_store(request.getfixturevalue("s3_lake_uri"), options)


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
    """A store in which another run folds the ledger just before we read or write an object."""

    def __init__(self, store: ObjectStore, *, at: str, times: int = 1) -> None:
        super().__init__(store)
        self._at = at
        self._left = times

    def read(self, key: str) -> tuple[bytes, str]:
        self._interfere("read")
        return super().read(key)

    def write(
        self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        self._interfere("write")
        return super().write(key, data, if_match=if_match, if_absent=if_absent)

    def delete(self, key: str) -> None:
        self._store.delete(key)

    def _interfere(self, moment: str) -> None:
        if moment == self._at and self._left:
            self._left -= 1
            other = Ledger(self._store)
            _record(other, f"other {self._left}", 1, MONDAY, sent_at=NIGHT + timedelta(hours=1))
            other.fold()


def _record(
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


def _held(ledger: Ledger) -> dict[str, tuple[str, str]]:
    rows = ledger.read().select("contact_id", "lead_scored_at", "lead_score").rows()
    return {contact: (day, score) for contact, day, score in rows}


def _journals(objects: ObjectStore) -> list[str]:
    return [info.key for info in objects.list(JOURNAL_PREFIX)]


def test_a_new_ledger_is_empty_and_folds_to_nothing(objects: ObjectStore) -> None:
    ledger = Ledger(objects)

    ledger.fold()

    assert ledger.read().is_empty()
    assert ledger.read().schema == SCHEMA
    assert list(objects.list()) == []


def test_an_acknowledged_batch_is_in_the_ledger_at_once(objects: ObjectStore) -> None:
    ledger = Ledger(objects)

    _record(ledger, "a", 57, TUESDAY)

    (row,) = Ledger(objects).read().iter_rows(named=True)
    assert row["lead_score"] == "57"
    assert row["lead_scored_at"] == row["confirmed_for"] == "2011-11-29"
    assert row["sent_at"] == NIGHT.isoformat()
    assert row["run_id"] == "run-0001"
    assert len(_journals(objects)) == 1


def test_folding_keeps_the_content_and_leaves_no_journal(objects: ObjectStore) -> None:
    ledger = Ledger(objects)
    _record(ledger, "a", 57, TUESDAY)
    _record(ledger, "b", 5, TUESDAY, batch=1)
    before = ledger.read()

    ledger.fold()

    assert _journals(objects) == []
    assert ledger.read().equals(before)
    assert before["contact_id"].to_list() == ["a", "b"]


def test_folding_twice_changes_nothing_and_writes_nothing(objects: ObjectStore) -> None:
    ledger = Ledger(objects)
    _record(ledger, "a", 57, TUESDAY)
    ledger.fold()
    (before,) = objects.list()

    ledger.fold()
    ledger.fold(values(scores_of(TUESDAY, {"a": 57})).collect())

    assert list(objects.list()) == [before]


def test_a_fold_that_was_killed_before_it_deleted_the_journals_is_repeated_safely(
    objects: ObjectStore,
) -> None:
    ledger = Ledger(objects)
    _record(ledger, "a", 57, TUESDAY)
    before = ledger.read()
    with pytest.raises(Interrupted):
        Ledger(KilledBeforeDeleting(objects)).fold()
    assert len(_journals(objects)) == 1

    after_kill = ledger.read()
    ledger.fold()

    assert after_kill.equals(before)
    assert ledger.read().equals(before)
    assert _journals(objects) == []


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_newest_day_wins_whatever_the_order_of_the_journals(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    ledger = Ledger(LocalStore(tmp_path))
    days = [(MONDAY, 10), (TUESDAY, 20), (WEDNESDAY, 30)]

    for place, which in enumerate(order):
        day, score = days[which]
        _record(ledger, "a", score, day, sent_at=NIGHT + timedelta(minutes=place), batch=place)
        if place == 1:
            ledger.fold()

    assert _held(ledger) == {"a": ("2011-11-30", "30")}


def test_of_one_day_the_score_that_was_acknowledged_last_wins(tmp_path: Path) -> None:
    ledger = Ledger(LocalStore(tmp_path))
    _record(ledger, "a", 10, MONDAY, sent_at=NIGHT + timedelta(microseconds=1))
    _record(ledger, "a", 20, MONDAY, sent_at=NIGHT)

    assert _held(ledger) == {"a": ("2011-11-28", "10")}


def test_a_newer_day_that_asks_for_the_same_values_is_remembered_without_being_sent(
    objects: ObjectStore,
) -> None:
    ledger = Ledger(objects)
    _record(ledger, "same", 57, MONDAY)
    _record(ledger, "other", 57, MONDAY, batch=1)
    _record(ledger, "newer", 57, WEDNESDAY, batch=2)
    scores = scores_of(TUESDAY, {"same": 57, "other": 58, "newer": 57, "unknown": 57})

    ledger.fold(values(scores).collect())

    confirmed = dict(ledger.read().select("contact_id", "confirmed_for").iter_rows())
    assert confirmed == {"same": "2011-11-29", "other": "2011-11-28", "newer": "2011-11-30"}
    assert _held(ledger)["same"] == ("2011-11-28", "57")


def test_a_later_day_wins_over_a_confirmed_one(tmp_path: Path) -> None:
    ledger = Ledger(LocalStore(tmp_path))
    _record(ledger, "a", 57, MONDAY)
    ledger.fold(values(scores_of(TUESDAY, {"a": 57})).collect())
    _record(ledger, "a", 30, TUESDAY, sent_at=NIGHT + timedelta(hours=1))

    assert _held(ledger) == {"a": ("2011-11-29", "30")}


def test_a_ledger_that_is_folded_while_it_is_read_loses_nothing(objects: ObjectStore) -> None:
    _record(Ledger(objects), "a", 57, MONDAY)

    read = Ledger(FoldedByAnother(objects, at="read")).read()

    assert set(read["contact_id"]) == {"a", "other 0"}


def test_two_folds_at_once_lose_nothing(objects: ObjectStore) -> None:
    _record(Ledger(objects), "a", 57, MONDAY)

    Ledger(FoldedByAnother(objects, at="write")).fold(_scores_of_tuesday())

    confirmed = dict(Ledger(objects).read().select("contact_id", "confirmed_for").iter_rows())
    assert confirmed == {"a": "2011-11-29", "other 0": "2011-11-28"}
    assert _journals(objects) == []


def test_a_fold_that_always_comes_second_gives_up_and_loses_nothing(tmp_path: Path) -> None:
    objects = LocalStore(tmp_path)
    _record(Ledger(objects), "a", 57, MONDAY)
    store = FoldedByAnother(objects, at="write", times=FOLD_ATTEMPTS)

    with pytest.raises(PreconditionFailedError):
        Ledger(store).fold(_scores_of_tuesday())

    assert len(_held(Ledger(objects))) == 1 + FOLD_ATTEMPTS


def test_whom_a_run_was_about_to_write_to_is_in_doubt_until_the_crm_answers(
    objects: ObjectStore,
) -> None:
    ledger = Ledger(objects)
    _record(ledger, "known", 57, MONDAY)
    _record(ledger, "other", 57, MONDAY, batch=1)

    ledger.begin(TUESDAY, "run-0002", ["known", "new"])

    columns = ["contact_id", "lead_score", "fingerprint", "confirmed_for"]
    assert ledger.read().schema == SCHEMA
    assert ledger.read().select(columns).rows() == [
        ("known", "57", None, "2011-11-29"),
        ("new", None, None, "2011-11-29"),
        ("other", "57", "57 | B | bought last week | steady", "2011-11-28"),
    ]


def test_an_acknowledgement_ends_the_doubt_at_once(objects: ObjectStore) -> None:
    ledger = Ledger(objects)
    ledger.begin(TUESDAY, "run-0002", ["a", "b"])

    _record(ledger, "a", 57, TUESDAY, run_id="run-0002")

    doubted = ledger.read().filter(pl.col("fingerprint").is_null())
    assert doubted["contact_id"].to_list() == ["b"]


def test_what_is_in_doubt_is_not_folded(objects: ObjectStore) -> None:
    ledger = Ledger(objects)
    _record(ledger, "a", 57, MONDAY)
    ledger.begin(TUESDAY, "run-0002", ["a", "b"])

    ledger.fold()
    ledger.settle(["a", "b"])

    assert _held(ledger) == {"a": ("2011-11-28", "57")}
    assert ledger.read()["fingerprint"].null_count() == 0


def test_the_next_run_takes_the_doubt_over_and_settles_it_contact_by_contact(
    objects: ObjectStore,
) -> None:
    ledger = Ledger(objects)
    ledger.begin(MONDAY, "run-0001", ["a", "b", "d"])
    ledger.begin(TUESDAY, "run-0002", ["b", "c"])
    taken_over = dict(ledger.read().select("contact_id", "confirmed_for").iter_rows())

    ledger.settle(["b", "d", "unknown"])
    left = ledger.read()["contact_id"].to_list()
    ledger.settle(["a", "c"])

    assert taken_over == {
        "a": "2011-11-28",
        "b": "2011-11-29",
        "c": "2011-11-29",
        "d": "2011-11-28",
    }
    assert left == ["a", "c"]
    assert list(objects.list(INTENT_PREFIX)) == []
    assert ledger.read().is_empty()


def test_a_doubt_that_is_settled_while_the_ledger_is_read_is_none(objects: ObjectStore) -> None:
    class SettledMeanwhile(KilledBeforeDeleting):
        def read(self, key: str) -> tuple[bytes, str]:
            Ledger(objects).settle(["a"])
            return super().read(key)

    Ledger(objects).begin(MONDAY, "run-0001", ["a"])

    assert Ledger(SettledMeanwhile(objects)).read().is_empty()


def _scores_of_tuesday() -> pl.DataFrame:
    return values(scores_of(TUESDAY, {"a": 57})).collect()
