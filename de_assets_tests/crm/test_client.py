"""The client's calls against the mock CRM, in both path dialects."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from de_assets.crm.client import BATCH_SIZE, SEARCH_PAGE, Change, CrmClient
from de_assets.crm.push import ensure_properties
from de_assets.crm.score_properties import CONTACT_KEY, contact_key_definition, definitions
from de_assets.errors import CrmError
from de_assets_tests.crm.faults import Answered
from de_assets_tests.crm.leads import Portal, by_key
from de_assets_tests.crm.mock.api import NOON

SECOND = timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture(params=["v3", "2026-03"])
def client(request: pytest.FixtureRequest, portal: Portal) -> Iterator[CrmClient]:
    with portal.client(api_version=request.param) as own:
        yield own


def _keys(count: int) -> list[str]:
    return [f"c-{number:04d}" for number in range(count)]


def _modified(client: CrmClient, since: datetime, until: datetime) -> list[str | None]:
    found = client.list_modified(since, until, [CONTACT_KEY])
    return [contact.properties[CONTACT_KEY] for contact in found]


def test_all_contacts_are_listed_over_several_pages_each_once(
    portal: Portal, client: CrmClient
) -> None:
    created = portal.fill(client, _keys(2 * BATCH_SIZE + 1))

    listed = list(client.list_contacts([CONTACT_KEY]))

    assert [contact.crm_id for contact in listed] == sorted(
        created.values(), key=lambda i: int(str(i))
    )
    assert {contact.properties[CONTACT_KEY] for contact in listed} == set(created)
    assert len(portal.layer.calls) == 3


def test_an_empty_crm_lists_nothing(client: CrmClient) -> None:
    assert list(client.list_contacts(["email"])) == []
    assert list(client.list_modified(NOON, NOON + SECOND, ["email"])) == []


def test_each_dialect_has_its_own_paths(portal: Portal) -> None:
    with portal.client(api_version="v3") as old, portal.client() as new:
        old.property_names()
        list(old.list_contacts([]))
        new.property_names()
        list(new.list_contacts([]))

    assert [call.path for call in portal.layer.calls] == [
        "/crm/v3/properties/contacts",
        "/crm/v3/objects/contacts",
        "/crm/properties/2026-03/contacts",
        "/crm/objects/2026-03/contacts",
    ]


def test_a_window_has_its_first_moment_and_not_its_last(portal: Portal, client: CrmClient) -> None:
    for key in ("early", "first", "last", "late"):
        portal.fill(client, [key])
        portal.clock.advance(0.001)
    since, until = NOON + MILLISECOND, NOON + 3 * MILLISECOND

    assert _modified(client, since, until) == ["first", "last"]


def test_windows_that_meet_have_each_contact_once(portal: Portal, client: CrmClient) -> None:
    keys = _keys(9)
    for key in keys:
        portal.fill(client, [key])
        portal.clock.advance(0.333)
    moments = [NOON + n * 0.777 * SECOND for n in range(6)]

    found = [key for since, until in pairwise(moments) for key in _modified(client, since, until)]

    assert found == keys


def test_a_window_over_several_pages_has_each_contact_once(
    portal: Portal, client: CrmClient
) -> None:
    keys = _keys(2 * SEARCH_PAGE + 30)
    portal.fill(client, keys)

    found = _modified(client, NOON, NOON + SECOND)

    assert found == keys
    assert len(portal.layer.calls) == 3


def test_no_search_pages_by_row_number_which_ends_at_ten_thousand(
    portal: Portal, client: CrmClient
) -> None:
    portal.fill(client, _keys(SEARCH_PAGE + 1))

    _modified(client, NOON, NOON + SECOND)

    assert not any("after" in call.body for call in portal.layer.calls)


def test_a_contact_that_changes_while_it_is_paged_hides_no_other(
    portal: Portal, client: CrmClient
) -> None:
    keys = _keys(SEARCH_PAGE + 1)
    created = portal.fill(client, keys)
    found = client.list_modified(NOON, NOON + SECOND, [CONTACT_KEY])
    seen = [next(found)]
    portal.clock.advance(60)
    client.update([Change("one", created[keys[0]], {"firstname": "Changed"})])

    seen += list(found)

    assert [contact.properties[CONTACT_KEY] for contact in seen] == keys


def test_a_window_without_a_time_zone_is_refused(client: CrmClient) -> None:
    with pytest.raises(TypeError):
        list(client.list_modified(NOON.replace(tzinfo=None), NOON, []))


def test_contacts_that_are_gone_are_left_out_of_a_batch_read(
    portal: Portal, client: CrmClient
) -> None:
    created = portal.fill(client, ["a", "b"])
    ids = [str(created["a"]), "999999", str(created["b"]), str(created["a"])]

    read = client.read_contacts(ids, [CONTACT_KEY, "email"])

    assert set(by_key(read)) == {"a", "b"}
    assert len(read) == 2
    assert read[0].properties["email"] is None
    assert len(portal.layer.calls[-1].body["inputs"]) == 3


def test_reading_no_contacts_asks_nothing(portal: Portal, client: CrmClient) -> None:
    assert client.read_contacts([], ["email"]) == []
    assert portal.layer.calls == []


def test_an_update_sets_properties_of_the_contacts_that_it_names(
    portal: Portal, client: CrmClient
) -> None:
    created = portal.fill(client, ["a", "b"])

    answer = client.update([Change("our-a", created["a"], {"firstname": "Ada"})])

    assert answer.acknowledged == {"our-a": created["a"]}
    assert answer.rejected == {}
    held = by_key(list(client.list_contacts([CONTACT_KEY, "firstname"])))
    assert held["a"].properties["firstname"] == "Ada"
    assert held["b"].properties["firstname"] is None


def test_an_update_creates_nothing_and_rejects_a_vanished_contact_by_its_key(
    portal: Portal, client: CrmClient
) -> None:
    created = portal.fill(client, ["a"])
    changes = [
        Change("gone", "999999", {"firstname": "Nobody"}),
        Change("a", created["a"], {"firstname": "Ada"}),
    ]

    answer = client.update(changes)

    assert answer.rejected == {"gone": "OBJECT_NOT_FOUND"}
    assert answer.acknowledged == {"a": created["a"]}
    assert len(list(client.list_contacts([]))) == 1


def test_an_upsert_creates_and_updates(portal: Portal, client: CrmClient) -> None:
    created = portal.fill(client, ["old"])

    answer = client.upsert(
        [Change("old", None, {"firstname": "Old"}), Change("new", None, {"firstname": "New"})],
        CONTACT_KEY,
    )

    held = by_key(list(client.list_contacts([CONTACT_KEY, "firstname"])))
    assert {key: c.properties["firstname"] for key, c in held.items()} == {
        "old": "Old",
        "new": "New",
    }
    assert answer.acknowledged == {"old": created["old"], "new": held["new"].crm_id}


def test_a_bad_row_is_rejected_by_its_code_and_the_others_are_written(
    portal: Portal, client: CrmClient
) -> None:
    created = portal.fill(client, ["a", "b"])

    answer = client.update(
        [
            Change("a", created["a"], {"lead_grade": "Z", "lead_score": "high"}),
            Change("b", created["b"], {"lead_grade": "B"}),
        ]
    )

    assert answer.rejected == {"a": "INVALID_INTEGER, INVALID_OPTION"}
    assert set(answer.acknowledged) == {"b"}


def test_rows_are_known_by_their_ids_where_no_trace_id_comes_back(
    portal: Portal, client: CrmClient
) -> None:
    created = portal.fill(client, ["a"])
    portal.layer.rewrite = _without_trace_ids
    changes = [Change("our-a", created["a"], {}), Change("gone", "999999", {})]

    updated = client.update(changes)
    upserted = client.upsert([Change("a", None, {}), Change("new", None, {})], CONTACT_KEY)

    assert updated.acknowledged == {"our-a": created["a"]}
    assert updated.rejected == {"gone": "OBJECT_NOT_FOUND"}
    assert set(upserted.acknowledged) == {"a", "new"}


def test_a_row_is_known_by_its_trace_id_though_the_crm_merged_its_contact_into_another(
    portal: Portal, client: CrmClient
) -> None:
    result = {"id": "77", "objectWriteTraceId": "our-a", "properties": {"hs_object_id": "77"}}
    portal.layer.faults.append(Answered(200, json.dumps({"results": [result]}).encode()))

    answer = client.update([Change("our-a", "5", {})])

    assert answer.acknowledged == {"our-a": "77"}


def test_what_the_answer_says_of_rows_that_were_not_sent_is_passed_over(
    portal: Portal, client: CrmClient
) -> None:
    body = {"results": [{"id": "77"}], "errors": [{"context": {"ids": ["78"]}}]}
    portal.layer.faults.append(Answered(207, json.dumps(body).encode()))

    answer = client.update([Change("our-a", "5", {})])

    assert answer.acknowledged == {}
    assert answer.rejected == {}


def test_defining_a_property_again_is_no_error(client: CrmClient) -> None:
    client.create_property(contact_key_definition())

    client.create_property(contact_key_definition())

    assert CONTACT_KEY in client.property_names()


def test_properties_are_defined_once(new_portal: Portal) -> None:
    names = [CONTACT_KEY, *(definition["name"] for definition in definitions())]

    with new_portal.client() as client:
        assert ensure_properties(client) == names
        assert ensure_properties(client) == []

        assert client.property_names() >= set(names)
    posts = [call for call in new_portal.layer.calls if call.method == "POST"]
    assert len(posts) == len(names)


def test_a_property_that_the_api_refuses_to_define_is_an_error(client: CrmClient) -> None:
    with pytest.raises(CrmError, match="HTTP 400"):
        client.create_property({**contact_key_definition(), "type": "poem"})


def _without_trace_ids(body: object) -> object:
    if isinstance(body, dict):
        for item in body.get("inputs", []):
            item.pop("objectWriteTraceId", None)
    return body
