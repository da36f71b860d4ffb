"""The ledger: journals and folding, on a directory and on S3."""

from datetime import timedelta
from itertools import permutations
from pathlib import Path

import polars as pl
import pytest

from de_assets.crm.kept_rows import ATTEMPTS
from de_assets.crm.ledger import SCHEMA, Ledger
from de_assets.crm.score_properties import values
from de_assets.errors import PreconditionFailedError
from de_assets.storage.objects import LocalStore, ObjectStore
from de_assets_tests.crm.leads import MONDAY, TUESDAY, WEDNESDAY, scores_of
from de_assets_tests.crm.stores import (
    NIGHT,
    FoldedByAnother,
    Interrupted,
    KilledBeforeDeleting,
    held,
    journals,
    record,
)


def test_a_new_ledger_is_empty_and_folds_to_nothing(objects: ObjectStore) -> None:
    ledger = Ledger(objects)

    ledger.fold()

    assert ledger.read().is_empty()
    assert ledger.read().schema == SCHEMA
    assert list(objects.list()) == []


def test_an_acknowledged_batch_is_in_the_ledger_at_once(objects: ObjectStore) -> None:
    ledger = Ledger(objects)

    record(ledger, "a", 57, TUESDAY)

    (row,) = Ledger(objects).read().iter_rows(named=True)
    assert row["lead_score"] == "57"
    assert row["lead_scored_at"] == row["confirmed_for"] == "2011-11-29"
    assert row["sent_at"] == NIGHT.isoformat()
    assert row["run_id"] == "run-0001"
    assert len(journals(objects)) == 1


def test_folding_keeps_the_content_and_leaves_no_journal(objects: ObjectStore) -> None:
    ledger = Ledger(objects)
    record(ledger, "a", 57, TUESDAY)
    record(ledger, "b", 5, TUESDAY, batch=1)
    before = ledger.read()

    ledger.fold()

    assert journals(objects) == []
    assert ledger.read().equals(before)
    assert before["contact_id"].to_list() == ["a", "b"]


def test_folding_twice_changes_nothing_and_writes_nothing(objects: ObjectStore) -> None:
    ledger = Ledger(objects)
    record(ledger, "a", 57, TUESDAY)
    ledger.fold()
    before = list(objects.list())

    ledger.fold()
    ledger.fold(values(scores_of(TUESDAY, {"a": 57})).collect())

    assert list(objects.list()) == before


def test_a_fold_that_was_killed_before_it_deleted_the_journals_is_repeated_safely(
    objects: ObjectStore,
) -> None:
    ledger = Ledger(objects)
    record(ledger, "a", 57, TUESDAY)
    before = ledger.read()
    with pytest.raises(Interrupted):
        Ledger(KilledBeforeDeleting(objects)).fold()
    assert len(journals(objects)) == 1

    after_kill = ledger.read()
    ledger.fold()

    assert after_kill.equals(before)
    assert ledger.read().equals(before)
    assert journals(objects) == []


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_newest_day_wins_whatever_the_order_of_the_journals(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    ledger = Ledger(LocalStore(tmp_path))
    days = [(MONDAY, 10), (TUESDAY, 20), (WEDNESDAY, 30)]

    for place, which in enumerate(order):
        day, score = days[which]
        record(ledger, "a", score, day, sent_at=NIGHT + timedelta(minutes=place), batch=place)
        if place == 1:
            ledger.fold()

    assert held(ledger) == {"a": ("2011-11-30", "30")}


def test_of_one_day_the_score_that_was_acknowledged_last_wins(tmp_path: Path) -> None:
    ledger = Ledger(LocalStore(tmp_path))
    record(ledger, "a", 10, MONDAY, sent_at=NIGHT + timedelta(microseconds=1))
    record(ledger, "a", 20, MONDAY, sent_at=NIGHT)

    assert held(ledger) == {"a": ("2011-11-28", "10")}


def test_a_newer_day_that_asks_for_the_same_values_is_remembered_without_being_sent(
    objects: ObjectStore,
) -> None:
    ledger = Ledger(objects)
    record(ledger, "same", 57, MONDAY)
    record(ledger, "other", 57, MONDAY, batch=1)
    record(ledger, "newer", 57, WEDNESDAY, batch=2)
    scores = scores_of(TUESDAY, {"same": 57, "other": 58, "newer": 57, "unknown": 57})

    ledger.fold(values(scores).collect())

    confirmed = dict(ledger.read().select("contact_id", "confirmed_for").iter_rows())
    assert confirmed == {"same": "2011-11-29", "other": "2011-11-28", "newer": "2011-11-30"}
    assert held(ledger)["same"] == ("2011-11-28", "57")


def test_a_later_day_wins_over_a_confirmed_one(tmp_path: Path) -> None:
    ledger = Ledger(LocalStore(tmp_path))
    record(ledger, "a", 57, MONDAY)
    ledger.fold(values(scores_of(TUESDAY, {"a": 57})).collect())
    record(ledger, "a", 30, TUESDAY, sent_at=NIGHT + timedelta(hours=1))

    assert held(ledger) == {"a": ("2011-11-29", "30")}


@pytest.mark.parametrize("moment", ["before reading", "after reading"])
def test_a_ledger_that_is_folded_while_it_is_read_loses_nothing(
    objects: ObjectStore, moment: str
) -> None:
    record(Ledger(objects), "a", 57, MONDAY)

    read = Ledger(FoldedByAnother(objects, at=moment)).read()

    assert set(read["contact_id"]) == {"a", "other 0"}


def test_two_folds_at_once_lose_nothing(objects: ObjectStore) -> None:
    record(Ledger(objects), "a", 57, MONDAY)

    Ledger(FoldedByAnother(objects, at="before writing")).fold(_scores_of_tuesday())

    confirmed = dict(Ledger(objects).read().select("contact_id", "confirmed_for").iter_rows())
    assert confirmed == {"a": "2011-11-29", "other 0": "2011-11-28"}
    assert journals(objects) == []


def test_a_fold_that_always_comes_second_gives_up_and_loses_nothing(tmp_path: Path) -> None:
    objects = LocalStore(tmp_path)
    record(Ledger(objects), "a", 57, MONDAY)
    store = FoldedByAnother(objects, at="before writing", times=ATTEMPTS)

    with pytest.raises(PreconditionFailedError):
        Ledger(store).fold(_scores_of_tuesday())

    assert len(held(Ledger(objects))) == 1 + ATTEMPTS


def _scores_of_tuesday() -> pl.DataFrame:
    return values(scores_of(TUESDAY, {"a": 57})).collect()
