"""The history of a property: every value with its moment and who wrote it."""

from pathlib import Path

import pytest

from de_assets.crm.mock import running_crm
from de_assets.crm.mock.history import BY_INTEGRATION, BY_PERSON
from de_assets.crm.mock.records import Records
from de_assets.crm.mock.store import Store
from de_assets.crm.mock.timestamps import milliseconds_of
from de_assets_tests.crm.mock.api import DATED, NOON, TOKEN, V3, Api, Clock

PERSON = {"value": "99", "timestamp": "2011-11-30T12:01:00.000Z", "sourceType": "CRM_UI"}
TOKEN_WRITE = {
    "value": "10",
    "timestamp": "2011-11-30T12:00:00.000Z",
    "sourceType": "INTEGRATION",
}


@pytest.mark.parametrize("objects", [V3, DATED])
def test_every_way_of_reading_tells_who_wrote_each_value(
    tmp_path: Path, clock: Clock, objects: str
) -> None:
    database = tmp_path / "crm.db"
    with running_crm(database, TOKEN, clock=clock) as crm, Store(database) as store:
        api = Api(crm.base_url, objects)
        api.define({"name": "lead_score", "type": "number", "fieldType": "number"})
        contact_id = api.create(lead_score="10")
        clock.advance(60)
        _edit_by_hand(store, clock, contact_id, lead_score="99")
        batch = {"inputs": [{"id": contact_id}], "propertiesWithHistory": ["lead_score"]}

        read = api.get(f"/{contact_id}", propertiesWithHistory="lead_score").json()
        [listed] = api.get("", propertiesWithHistory="lead_score").json()["results"]
        [batched] = api.post("/batch/read", batch).json()["results"]
        api.close()

    for contact in (read, listed, batched):
        assert contact["propertiesWithHistory"] == {"lead_score": [PERSON, TOKEN_WRITE]}


def test_the_store_gives_every_version_of_one_property_newest_first(tmp_path: Path) -> None:
    clock = Clock()
    noon = milliseconds_of(NOON)
    with Store(tmp_path / "crm.db") as store:
        with store.writing() as tables:
            contact = Records(tables, noon).create({"firstname": "Ana", "lastname": "Ruiz"})
        clock.advance(1)
        _edit_by_hand(store, clock, str(contact.id), firstname="Eva")
        clock.advance(1)
        _edit_by_hand(store, clock, str(contact.id), firstname="Eva", lastname="")

        first, last = (store.history(contact.id, name) for name in ("firstname", "lastname"))
        nobody = store.history(contact.id + 1, "firstname")

    seen = [(each.value, each.written_ms - noon, each.source_type) for each in first]
    assert seen == [("Eva", 1_000, BY_PERSON), ("Ana", 0, BY_INTEGRATION)]
    assert [each.value for each in last] == ["", "Ruiz"]
    assert nobody == []


def test_histories_of_more_than_fifty_contacts_at_once_are_refused(empty_api: Api) -> None:
    ids = [{"id": str(number)} for number in range(1, 52)]

    refused = [
        empty_api.get("", limit=51, propertiesWithHistory="email"),
        empty_api.post("/batch/read", {"inputs": ids, "propertiesWithHistory": ["email"]}),
    ]
    allowed = [
        empty_api.get("", limit=51),
        empty_api.get("", limit=50, propertiesWithHistory="email"),
        empty_api.post("/batch/read", {"inputs": ids}),
        empty_api.post("/batch/read", {"inputs": ids[1:], "propertiesWithHistory": ["email"]}),
    ]

    assert [answer.status_code for answer in refused] == [400, 400]
    assert [answer.status_code for answer in allowed] == [200, 200, 207, 207]


def _edit_by_hand(store: Store, clock: Clock, contact_id: str, **properties: str) -> None:
    with store.writing() as tables:
        records = Records(tables, milliseconds_of(clock()), source_type=BY_PERSON)
        records.update(records.found(contact_id, None), properties)
