"""A contact is forgotten: by the CRM on our request, and by the ledger in each of its parts."""

from collections.abc import Iterator

import pytest

from de_assets.crm.client import CrmClient
from de_assets.crm.ledger import INTENT_PREFIX, Ledger
from de_assets.crm.score_properties import CONTACT_KEY
from de_assets.errors import CrmError
from de_assets.storage.objects import ObjectStore
from de_assets_tests.crm.faults import refused
from de_assets_tests.crm.leads import TUESDAY, WEDNESDAY, Portal, by_key
from de_assets_tests.crm.stores import NIGHT, FoldedByAnother, held, journals, record


@pytest.fixture(params=["v3", "2026-03"])
def client(request: pytest.FixtureRequest, portal: Portal) -> Iterator[CrmClient]:
    with portal.client(api_version=request.param) as own:
        yield own


def test_the_crm_removes_one_contact_and_no_other(portal: Portal, client: CrmClient) -> None:
    created = portal.fill(client, ["a", "b"])

    client.erase_contact(str(created["a"]))

    assert set(by_key(list(client.list_contacts([CONTACT_KEY])))) == {"b"}


def test_a_contact_that_is_gone_already_is_no_error(portal: Portal, client: CrmClient) -> None:
    created = portal.fill(client, ["a"])

    client.erase_contact(str(created["a"]))
    client.erase_contact(str(created["a"]))

    assert list(client.list_contacts([])) == []


def test_a_crm_that_does_not_know_the_call_is_not_taken_for_one_that_obeyed(
    portal: Portal, client: CrmClient
) -> None:
    created = portal.fill(client, ["a"])
    portal.layer.faults.append(refused(404, "OBJECT_NOT_FOUND"))

    with pytest.raises(CrmError, match="still holds"):
        client.erase_contact(str(created["a"]))


def _full(objects: ObjectStore) -> Ledger:
    """A ledger with two contacts in its file, in a journal each, together in one, in an intent."""
    ledger = Ledger(objects)
    for number, contact in enumerate("ab"):
        record(ledger, contact, 1, TUESDAY, batch=number)
    ledger.fold()
    for number, contact in enumerate("ab"):
        record(ledger, contact, 2, WEDNESDAY, batch=number)
    ledger.begin(WEDNESDAY, "run-dead", ["a", "b"])
    ledger.begin(TUESDAY, "run-dead-2", ["a"])
    ledger.rejects.add([_rejected("a"), _rejected("b")], TUESDAY)
    return ledger


def _rejected(contact: str) -> dict[str, str | None]:
    return {
        "contact_id": contact,
        "crm_id": "1",
        "fingerprint": "2 | D",
        "lead_scored_at": "2011-11-29",
        "code": "INVALID_OPTION",
    }


def test_the_ledger_forgets_a_contact_in_every_part(objects: ObjectStore) -> None:
    ledger = _full(objects)

    count = ledger.forget({"a"})

    assert count == 5  # in the file, a journal, an intent, the history and the rejects
    assert held(ledger) == {"b": (str(WEDNESDAY), "2")}
    assert ledger.history.of("a").is_empty()
    assert ledger.history.of("b").height == 1
    assert ledger.rejects.read()["contact_id"].to_list() == ["b"]
    assert ledger.read()["fingerprint"].to_list() == [None]  # b is in doubt as it was
    for info in objects.list():
        assert b'"a"' not in objects.read(info.key)[0]
    assert len(journals(objects)) == 1
    ledger.fold()
    assert held(ledger) == {"b": (str(WEDNESDAY), "2")}


def test_forgetting_whom_the_ledger_does_not_know_changes_nothing(objects: ObjectStore) -> None:
    ledger = _full(objects)
    before = [(info.key, objects.read(info.key)[1]) for info in objects.list()]

    assert ledger.forget({"nobody"}) == 0
    assert [(info.key, objects.read(info.key)[1]) for info in objects.list()] == before


def test_the_ledgers_of_other_destinations_forget_the_contact_too(objects: ObjectStore) -> None:
    for name in ("webhook", "drop_2"):
        record(Ledger(objects, name), "a", 1, TUESDAY)
        record(Ledger(objects, name), "b", 1, TUESDAY, batch=1)
    Ledger(objects, "drop_2").fold()

    count = Ledger(objects).forget({"a"})

    assert count == 3
    assert set(held(Ledger(objects, "webhook"))) == {"b"}
    assert set(held(Ledger(objects, "drop_2"))) == {"b"}
    assert held(Ledger(objects)) == {}


def test_an_intent_that_names_nobody_else_goes(objects: ObjectStore) -> None:
    ledger = Ledger(objects)
    ledger.begin(TUESDAY, "run-dead", ["a"])

    ledger.forget({"a"})

    assert list(objects.list(INTENT_PREFIX)) == []


@pytest.mark.parametrize("moment", ["before reading", "after reading", "before writing"])
def test_a_fold_of_another_run_meanwhile_loses_nothing_and_brings_nobody_back(
    objects: ObjectStore, moment: str
) -> None:
    ledger = Ledger(objects)
    for number, contact in enumerate("ab"):
        record(ledger, contact, 1, TUESDAY, batch=number, sent_at=NIGHT)
    ledger.fold()

    Ledger(FoldedByAnother(objects, at=moment)).forget({"a"})

    assert set(held(ledger)) == {"b", "other 0"}
