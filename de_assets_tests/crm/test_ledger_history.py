"""What was sent to a contact is kept month by month, once, for as long as it may be."""

from datetime import timedelta

import pytest

from de_assets.crm.history import RETENTION_DAYS, SCHEMA
from de_assets.crm.ledger import PREFIX, Ledger
from de_assets.errors import CrmError
from de_assets.storage.objects import ObjectStore
from de_assets_tests.crm.leads import MONDAY, TUESDAY, WEDNESDAY
from de_assets_tests.crm.stores import (
    NIGHT,
    FoldedByAnother,
    Interrupted,
    KilledBeforeDeleting,
    held,
    record,
)


def _told(ledger: Ledger, contact: str) -> list[tuple[str, str, str]]:
    return ledger.sent_to(contact).select("lead_scored_at", "lead_score", "run_id").rows()


def _months(objects: ObjectStore) -> list[str]:
    prefix = f"{PREFIX}history/"
    return [info.key.removeprefix(prefix) for info in objects.list(prefix)]


def test_everything_that_was_sent_to_a_contact_is_told_oldest_first(objects: ObjectStore) -> None:
    ledger = Ledger(objects)
    record(ledger, "a", 10, MONDAY, run_id="run-1")
    record(ledger, "b", 99, MONDAY, batch=1)
    ledger.fold()
    record(ledger, "a", 30, TUESDAY, sent_at=NIGHT + timedelta(days=40), run_id="run-2")
    ledger.fold()
    record(ledger, "a", 20, WEDNESDAY, sent_at=NIGHT + timedelta(days=41), run_id="run-3")

    told = _told(ledger, "a")

    assert told == [
        ("2011-11-28", "10", "run-1"),
        ("2011-11-29", "30", "run-2"),
        ("2011-11-30", "20", "run-3"),
    ]
    assert ledger.sent_to("a").schema == SCHEMA
    assert ledger.sent_to("nobody").is_empty()
    assert _months(objects) == ["2011-12.parquet", "2012-01.parquet"]


def test_a_fold_that_was_killed_and_repeated_tells_nothing_twice(objects: ObjectStore) -> None:
    ledger = Ledger(objects)
    record(ledger, "a", 10, MONDAY)
    with pytest.raises(Interrupted):
        Ledger(KilledBeforeDeleting(objects)).fold()
    between = _told(ledger, "a")

    ledger.fold()

    assert between == _told(ledger, "a") == [("2011-11-28", "10", "run-0001")]


def test_two_folds_at_once_tell_everything(objects: ObjectStore) -> None:
    record(Ledger(objects), "a", 10, MONDAY)

    Ledger(FoldedByAnother(objects, at="before writing history")).fold()

    assert len(_told(Ledger(objects), "a")) == 1
    assert len(_told(Ledger(objects), "other 0")) == 1


@pytest.mark.parametrize(("days", "months"), [(-10, 2), (32, 1)])
def test_a_month_that_is_too_old_goes(objects: ObjectStore, days: int, months: int) -> None:
    ledger = Ledger(objects)
    record(ledger, "a", 10, MONDAY)
    ledger.fold()

    record(ledger, "b", 10, MONDAY, sent_at=NIGHT + timedelta(days=RETENTION_DAYS + days))
    ledger.fold()

    assert len(_months(objects)) == months


def test_each_destination_has_a_ledger_of_its_own(objects: ObjectStore) -> None:
    crm, webhook = Ledger(objects), Ledger(objects, "webhook")
    record(crm, "a", 10, MONDAY)
    record(webhook, "a", 30, TUESDAY)

    crm.fold()
    webhook.fold()

    assert held(crm) == {"a": ("2011-11-28", "10")}
    assert held(webhook) == {"a": ("2011-11-29", "30")}
    assert [len(_told(each, "a")) for each in (crm, webhook)] == [1, 1]


@pytest.mark.parametrize("name", ["", "history", "journal", "intent", "A", "a/b", "../x", "1a"])
def test_a_name_that_would_mix_ledgers_is_refused(objects: ObjectStore, name: str) -> None:
    with pytest.raises(CrmError, match="small letters"):
        Ledger(objects, name)
