"""A search index that lags behind: it shows contacts as they were some time ago."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from de_assets.crm.mock import create_app, running_crm
from de_assets_tests.crm.mock.api import SCORE_PROPERTIES, TOKEN, Api, Clock


@pytest.fixture
def lagging(tmp_path: Path, clock: Clock) -> Iterator[Api]:
    """A server whose search is ten seconds behind, and whose clock stands still."""
    with running_crm(tmp_path / "crm.db", TOKEN, search_lag_seconds=10, clock=clock) as crm:
        api = Api(crm.base_url)
        api.define(*SCORE_PROPERTIES)
        yield api
        api.close()


def found(api: Api, value: str, **others: object) -> list[dict[str, Any]]:
    fits = {"propertyName": "lead_score", "operator": "EQ", "value": value}
    body = {"filterGroups": [{"filters": [fits]}], "properties": ["lead_score"], **others}
    answer = api.post("/search", body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"] == len(answer.json()["results"])
    return list(answer.json()["results"])


def test_a_new_contact_is_found_after_the_lag(lagging: Api, clock: Clock) -> None:
    contact_id = lagging.create(lead_score="1")

    clock.advance(9.999)
    before = found(lagging, "1")
    clock.advance(0.001)
    after = found(lagging, "1")

    assert before == []
    assert [each["id"] for each in after] == [contact_id]


def test_a_changed_contact_is_found_by_its_old_value_until_then(lagging: Api, clock: Clock) -> None:
    contact_id = lagging.create(lead_score="1", firstname="Ana")
    created_at = lagging.read(contact_id)["lastmodifieddate"]
    clock.advance(20)
    lagging.patch(f"/{contact_id}", {"lead_score": "2", "firstname": ""})

    [old] = found(lagging, "1", query="ana")
    not_yet = found(lagging, "2")
    clock.advance(10)
    [new] = found(lagging, "2")

    assert old["properties"]["lead_score"] == "1"
    assert old["properties"]["lastmodifieddate"] == created_at
    assert not_yet == []
    assert new["properties"]["lead_score"] == "2"
    assert found(lagging, "1") == []


def test_an_archived_contact_is_found_until_then(lagging: Api, clock: Clock) -> None:
    contact_id = lagging.create(lead_score="1")
    clock.advance(20)
    lagging.call("DELETE", f"{lagging.objects}/{contact_id}")

    during = found(lagging, "1")
    clock.advance(10)

    assert [(each["id"], each["archived"]) for each in during] == [(contact_id, False)]
    assert found(lagging, "1") == []


def test_contacts_old_and_fresh_are_sorted_together(lagging: Api, clock: Clock) -> None:
    ids = [lagging.create(lead_score=score) for score in ("3", "1", "2")]
    clock.advance(20)
    lagging.patch(f"/{ids[2]}", {"lead_score": "9"})

    page = lagging.post("/search", {"sorts": ["lead_score"], "properties": ["lead_score"]}).json()

    assert [each["properties"]["lead_score"] for each in page["results"]] == ["1", "2", "3"]


def test_a_negative_lag_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="search_lag_seconds"):
        create_app(tmp_path / "crm.db", TOKEN, search_lag_seconds=-1)
