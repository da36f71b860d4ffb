"""What a run that died may have sent is in doubt until the CRM answers about it again."""

import polars as pl

from de_assets.crm.ledger import INTENT_PREFIX, SCHEMA, Ledger
from de_assets.storage.objects import ObjectStore
from de_assets_tests.crm.leads import MONDAY, TUESDAY
from de_assets_tests.crm.stores import KilledBeforeDeleting, held, record


def test_whom_a_run_was_about_to_write_to_is_in_doubt_until_the_crm_answers(
    objects: ObjectStore,
) -> None:
    ledger = Ledger(objects)
    record(ledger, "known", 57, MONDAY)
    record(ledger, "other", 57, MONDAY, batch=1)

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

    record(ledger, "a", 57, TUESDAY, run_id="run-0002")

    doubted = ledger.read().filter(pl.col("fingerprint").is_null())
    assert doubted["contact_id"].to_list() == ["b"]


def test_what_is_in_doubt_is_not_folded(objects: ObjectStore) -> None:
    ledger = Ledger(objects)
    record(ledger, "a", 57, MONDAY)
    ledger.begin(TUESDAY, "run-0002", ["a", "b"])

    ledger.fold()
    ledger.settle(["a", "b"])

    assert held(ledger) == {"a": ("2011-11-28", "57")}
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


def test_one_acknowledgement_ends_the_doubts_of_all_runs_before(objects: ObjectStore) -> None:
    ledger = Ledger(objects)
    ledger.begin(MONDAY, "run-0001", ["a", "b"])
    ledger.begin(TUESDAY, "run-0002", ["a", "b"])

    record(ledger, "a", 57, TUESDAY, run_id="run-0002")

    doubted = ledger.read().filter(pl.col("fingerprint").is_null())
    assert doubted["contact_id"].to_list() == ["b"]
