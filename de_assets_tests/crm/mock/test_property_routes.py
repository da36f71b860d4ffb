"""The properties API: standard definitions, custom ones, refusals."""

from typing import Any

import pytest

from de_assets_tests.crm.mock.api import Api

V3 = "/crm/v3/properties/contacts"
DATED = "/crm/properties/2026-03/contacts"


def definition(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.title(),
        "type": "string",
        "fieldType": "text",
        "groupName": "contactinformation",
    } | changes


def test_a_new_crm_knows_only_hubspots_own_properties(empty_api: Api) -> None:
    standard = {
        each["name"]
        for each in empty_api.call("GET", V3).json()["results"]
        if each["hubspotDefined"]
    }

    assert standard == {
        "email",
        "firstname",
        "lastname",
        "phone",
        "company",
        "country",
        "lifecyclestage",
        "createdate",
        "lastmodifieddate",
        "hs_object_id",
    }


def test_a_created_property_is_read_back_in_both_dialects(api: Api) -> None:
    given = definition(
        "region", description="Where they are", type="enumeration", fieldType="radio"
    )
    given["options"] = [
        {"label": "North", "value": "n"},
        {"label": "South", "value": "s", "hidden": True},
    ]

    created = api.call("POST", V3, given)

    assert created.status_code == 201
    assert (
        created.json().items()
        >= {
            "name": "region",
            "label": "Region",
            "type": "enumeration",
            "fieldType": "radio",
            "groupName": "contactinformation",
            "description": "Where they are",
            "hasUniqueValue": False,
            "hubspotDefined": False,
            "archived": False,
        }.items()
    )
    assert [(each["value"], each["hidden"]) for each in created.json()["options"]] == [
        ("n", False),
        ("s", True),
    ]
    assert api.call("GET", f"{DATED}/region").json() == created.json()
    assert created.json() in api.call("GET", V3).json()["results"]


def test_no_property_is_archived(api: Api) -> None:
    assert api.call("GET", V3, archived="true").json() == {"results": []}


def test_an_unknown_property_is_not_found(api: Api) -> None:
    assert api.call("GET", f"{V3}/nosuchproperty").status_code == 404


def test_read_only_properties_say_so(api: Api) -> None:
    metadata = api.call("GET", f"{V3}/hs_object_id").json()["modificationMetadata"]

    assert metadata == {"archivable": False, "readOnlyDefinition": True, "readOnlyValue": True}


@pytest.mark.parametrize("name", ["email", "lead_score"])
def test_a_second_property_of_one_name_is_refused(api: Api, name: str) -> None:
    answer = api.call("POST", V3, definition(name))

    assert answer.status_code == 409
    assert answer.json()["category"] == "OBJECT_ALREADY_EXISTS"


def test_a_batch_creates_all_properties_or_none(api: Api) -> None:
    twice = [definition("batch_one"), definition("batch_one")]
    known = [definition("batch_two"), definition("email")]

    refusals = [
        api.call("POST", f"{DATED}/batch/create", {"inputs": each}) for each in (twice, known)
    ]

    assert [answer.status_code for answer in refusals] == [409, 409]
    assert api.call("GET", f"{V3}/batch_one").status_code == 404
    assert api.call("GET", f"{V3}/batch_two").status_code == 404
    assert api.call("POST", f"{DATED}/batch/create", {"inputs": []}).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Upper"},
        {"name": "1st"},
        {"name": "a" * 101},
        {"name": 'x"y'},
        {"name": None},
        {"label": None},
        {"groupName": 1},
        {"type": "json"},
        {"fieldType": "number"},
        {"type": "number"},
        {"hasUniqueValue": "yes"},
        {"type": "date", "fieldType": "date", "hasUniqueValue": True},
        {"type": "enumeration", "fieldType": "select"},
        {"options": [{"label": "A", "value": "a"}]},
        {"type": "enumeration", "fieldType": "select", "options": [{"label": "A"}]},
        {
            "type": "enumeration",
            "fieldType": "select",
            "options": [{"label": "A", "value": "a"}, {"label": "B", "value": "a"}],
        },
        {"description": 5},
    ],
)
def test_a_wrong_definition_is_refused(api: Api, changes: dict[str, Any]) -> None:
    answer = api.call("POST", V3, definition("wrong") | changes)

    assert answer.status_code == 400
    assert api.call("GET", f"{V3}/wrong").status_code == 404


def test_a_yes_or_no_property_takes_true_and_false(api: Api) -> None:
    api.define(definition("is_member", type="bool", fieldType="booleancheckbox"))

    contact_id = api.create(is_member="true")

    assert api.read(contact_id, properties="is_member")["is_member"] == "true"
    assert api.patch(f"/{contact_id}", {"is_member": "yes"}).status_code == 400


def test_checkboxes_take_several_options(api: Api) -> None:
    options = [{"label": each, "value": each} for each in ("web", "shop")]
    api.define(definition("places", type="enumeration", fieldType="checkbox", options=options))

    contact_id = api.create(places="web;shop")

    assert api.read(contact_id, properties="places")["places"] == "web;shop"
    assert api.patch(f"/{contact_id}", {"places": "web;street"}).status_code == 400


def test_a_moment_property_is_found_in_any_way_of_writing_it(api: Api) -> None:
    api.define(definition("seen_at", type="datetime", fieldType="date"))
    contact_id = api.create(seen_at="2011-11-30T13:00:00+01:00")
    filters = [{"propertyName": "seen_at", "operator": "EQ", "value": "1322654400000"}]

    found = api.post("/search", {"filterGroups": [{"filters": filters}], "properties": ["seen_at"]})

    assert [each["id"] for each in found.json()["results"]] == [contact_id]
    assert found.json()["results"][0]["properties"]["seen_at"] == "2011-11-30T12:00:00.000Z"
