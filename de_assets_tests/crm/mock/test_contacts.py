"""Reading and writing one contact, and the list of all."""

import json
from typing import Any

import pytest

from de_assets_tests.crm.mock.api import Api, Clock
from de_assets_tests.crm.mock.conftest import NewEmail

# Each value is one that its property refuses, with the code of the refusal.
REFUSED = [
    ("nosuchproperty", "x", "PROPERTY_DOESNT_EXIST"),
    ("hs_object_id", "1", "READ_ONLY_VALUE"),
    ("lastmodifieddate", "2020-01-01T00:00:00Z", "READ_ONLY_VALUE"),
    ("lifecyclestage", "friend", "INVALID_OPTION"),
    ("lead_grade", "E", "INVALID_OPTION"),
    ("lead_grade", "A;B", "INVALID_OPTION"),
    ("lead_grade", " A", "INVALID_OPTION"),
    ("lead_score", "many", "INVALID_INTEGER"),
    ("lead_score", " 1", "INVALID_INTEGER"),
    ("lead_score", "nan", "INVALID_INTEGER"),
    ("lead_score", "1e999", "INVALID_INTEGER"),
    ("lead_score", "٣", "INVALID_INTEGER"),
    ("lead_scored_at", "2011-02-30", "INVALID_DATE"),
    ("lead_scored_at", "2011-02-03T00:00:00Z", "INVALID_DATE"),
    ("lead_scored_at", "1", "INVALID_DATE"),
    ("lead_scored_at", "864000000000000", "INVALID_DATE"),
    ("createdate", "yesterday", "INVALID_LONG"),
    ("createdate", "999999999999999", "INVALID_LONG"),
    ("email", "nobody", "INVALID_EMAIL"),
    ("firstname", "x" * 65_537, "INVALID_STRING_LENGTH"),
]


def codes(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(error["context"]["propertyName"][0], error["code"]) for error in body["errors"]]


def test_a_created_contact_is_read_back(api: Api, new_email: NewEmail) -> None:
    email = new_email()

    created = api.post("", {"properties": {"email": email, "firstname": "Ana", "country": "Spain"}})

    assert created.status_code == 201
    contact = created.json()
    assert contact["archived"] is False
    assert contact["properties"]["country"] == "Spain"
    assert api.get(f"/{contact['id']}").json() == {
        "id": contact["id"],
        "properties": {
            "createdate": contact["createdAt"],
            "email": email,
            "firstname": "Ana",
            "hs_object_id": contact["id"],
            "lastmodifieddate": contact["updatedAt"],
            "lastname": None,
        },
        "createdAt": contact["createdAt"],
        "updatedAt": contact["updatedAt"],
        "archived": False,
    }


def test_ids_are_ascending_numbers_as_text(api: Api) -> None:
    ids = [api.create() for _ in range(3)]

    assert ids == sorted(ids, key=int)
    assert len(set(ids)) == 3


def test_asked_properties_come_beside_those_that_always_come(api: Api) -> None:
    contact_id = api.create(country="Spain", firstname="Ana")

    properties = api.read(contact_id, properties="country,channel,nosuchproperty")

    assert set(properties) == {
        "country",
        "channel",
        "createdate",
        "hs_object_id",
        "lastmodifieddate",
    }
    assert properties["country"] == "Spain"
    assert properties["channel"] is None


def test_an_email_is_stored_and_found_in_lower_case(api: Api, new_email: NewEmail) -> None:
    email = new_email()
    contact_id = api.create(email=email.upper())

    found = api.get(f"/{email.title()}", idProperty="email").json()

    assert (found["id"], found["properties"]["email"]) == (contact_id, email)


def test_a_contact_is_read_and_changed_by_a_custom_unique_property(api: Api) -> None:
    contact_id = api.create(customer_id="by-custom-id")

    changed = api.patch("/by-custom-id", {"lead_score": "7"}, idProperty="customer_id")

    assert changed.status_code == 200
    assert changed.json()["id"] == contact_id
    assert api.read(contact_id, properties="lead_score")["lead_score"] == "7"


@pytest.mark.parametrize("id_property", ["firstname", "hs_object_id", "nosuchproperty"])
def test_a_property_without_unique_values_identifies_no_contact(api: Api, id_property: str) -> None:
    contact_id = api.create(firstname="Ana")

    assert api.get(f"/{contact_id}", idProperty=id_property).status_code == 400


@pytest.mark.parametrize(
    "contact_id", ["0", "99999999", "-1", "abc", "9" * 19, "9" * 30, "²", "1.0"]
)
def test_an_unknown_contact_is_not_found(api: Api, contact_id: str) -> None:
    assert api.get(f"/{contact_id}").status_code == 404
    assert api.patch(f"/{contact_id}", {}).status_code == 404
    assert api.call("DELETE", f"{api.objects}/{contact_id}").status_code == 404


@pytest.mark.parametrize(("name", "value", "code"), REFUSED)
def test_a_wrong_value_is_refused_with_its_property_and_code(
    api: Api, name: str, value: str, code: str
) -> None:
    answer = api.post("", {"properties": {name: value}})

    assert answer.status_code == 400
    body = answer.json()
    assert body["category"] == "VALIDATION_ERROR"
    assert codes(body) == [(name, code)]
    [reason] = json.loads(body["message"].partition(": ")[2])
    assert (reason["isValid"], reason["name"], reason["error"]) == (False, name, code)


def test_all_wrong_properties_of_a_contact_are_told_at_once(api: Api) -> None:
    answer = api.post("", {"properties": {"nosuchproperty": "x", "lead_grade": "E"}})

    assert codes(answer.json()) == [
        ("nosuchproperty", "PROPERTY_DOESNT_EXIST"),
        ("lead_grade", "INVALID_OPTION"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("lead_score", "87", "87"),
        ("lead_score", "-1.50", "-1.50"),
        ("lead_scored_at", "2011-11-30", "2011-11-30"),
        ("lead_scored_at", "1322611200000", "2011-11-30"),
        ("lifecyclestage", "marketingqualifiedlead", "marketingqualifiedlead"),
        ("createdate", "2010-01-02T03:04:05Z", "2010-01-02T03:04:05.000Z"),
        ("createdate", "2010-01-02T03:04:05.678+01:00", "2010-01-02T02:04:05.678Z"),
        ("createdate", "1262401445678", "2010-01-02T03:04:05.678Z"),
        ("createdate", "2010-01-02T03:04:05", "2010-01-02T03:04:05.000Z"),
        ("createdate", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
    ],
)
def test_a_value_is_stored_in_the_form_of_its_type(
    api: Api, name: str, value: str, stored: str
) -> None:
    contact_id = api.create(**{name: value})

    assert api.read(contact_id, properties=name)[name] == stored


def test_the_creation_date_is_settable_only_at_creation(api: Api) -> None:
    created = api.post("", {"properties": {"createdate": "2010-01-02T03:04:05Z"}}).json()
    later = api.patch(f"/{created['id']}", {"createdate": "2011-01-01T00:00:00Z"})

    assert created["createdAt"] == "2010-01-02T03:04:05.000Z"
    assert created["updatedAt"] > "2020"
    assert later.status_code == 400
    assert codes(later.json()) == [("createdate", "READ_ONLY_VALUE")]


def test_the_empty_text_clears_a_property_and_frees_its_unique_value(
    api: Api, new_email: NewEmail
) -> None:
    email = new_email()
    contact_id = api.create(email=email, firstname="Ana")

    api.patch(f"/{contact_id}", {"email": "", "firstname": ""})

    assert api.read(contact_id)["email"] is None
    assert api.read(contact_id)["firstname"] is None
    assert api.create(email=email) != contact_id


def test_an_update_leaves_other_properties_alone(api: Api) -> None:
    contact_id = api.create(firstname="Ana", lastname="Ruiz")

    api.patch(f"/{contact_id}", {"firstname": "Eva"})

    properties = api.read(contact_id)
    assert (properties["firstname"], properties["lastname"]) == ("Eva", "Ruiz")


def test_every_write_moves_the_last_modified_date_on(empty_api: Api) -> None:
    contact_id = empty_api.create(firstname="Ana")
    moments = [empty_api.read(contact_id)["lastmodifieddate"]]

    moments += [
        empty_api.patch(f"/{contact_id}", properties).json()["updatedAt"]
        for properties in ({"firstname": "Eva"}, {"firstname": "Eva"}, {})
    ]

    assert len(set(moments)) == 4
    assert moments == sorted(moments)


@pytest.mark.parametrize("name", ["email", "customer_id"])
def test_a_unique_value_of_another_contact_is_a_conflict(
    api: Api, new_email: NewEmail, name: str
) -> None:
    value = new_email()
    owner = api.create(**{name: value})
    other = api.create()

    answers = [api.post("", {"properties": {name: value}}), api.patch(f"/{other}", {name: value})]

    for answer in answers:
        assert answer.status_code == 409
        assert answer.json()["category"] == "CONFLICT"
        assert answer.json()["message"] == f"Contact already exists. Existing ID: {owner}"
    assert api.patch(f"/{owner}", {name: value}).status_code == 200


def test_a_contact_may_get_its_first_unique_value_later(api: Api, new_email: NewEmail) -> None:
    email = new_email()
    contact_id = api.create()

    api.patch(f"/{contact_id}", {"email": email})

    assert api.get(f"/{email}", idProperty="email").json()["id"] == contact_id


def test_a_changed_unique_value_is_free_for_others(api: Api, new_email: NewEmail) -> None:
    old, new = new_email(), new_email()
    contact_id = api.create(email=old)

    api.patch(f"/{contact_id}", {"email": new})

    assert api.get(f"/{old}", idProperty="email").status_code == 404
    assert api.get(f"/{new}", idProperty="email").json()["id"] == contact_id
    assert api.create(email=old) != contact_id


def test_an_archived_contact_is_shown_only_when_asked_for(api: Api, new_email: NewEmail) -> None:
    email = new_email()
    contact_id = api.create(email=email)

    answer = api.call("DELETE", f"{api.objects}/{contact_id}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert api.get(f"/{contact_id}").status_code == 404
    assert api.patch(f"/{contact_id}", {}).status_code == 404
    archived = api.get(f"/{contact_id}", archived="true").json()
    assert archived["archived"] is True
    assert archived["archivedAt"] == archived["updatedAt"]
    assert api.call("DELETE", f"{api.objects}/{contact_id}").status_code == 204
    assert api.create(email=email) != contact_id


def test_history_lists_the_values_of_a_property_newest_first(empty_api: Api, clock: Clock) -> None:
    contact_id = empty_api.create(firstname="Ana", lead_score="10")
    for score in ("20", "20", ""):
        clock.advance(60)
        empty_api.patch(f"/{contact_id}", {"lead_score": score})

    contact = empty_api.get(
        f"/{contact_id}", propertiesWithHistory="lead_score,nosuchproperty"
    ).json()

    assert contact["propertiesWithHistory"] == {
        "lead_score": [
            {"value": value, "timestamp": moment, "sourceType": "INTEGRATION"}
            for value, moment in [
                ("", "2011-11-30T12:03:00.000Z"),
                ("20", "2011-11-30T12:01:00.000Z"),
                ("10", "2011-11-30T12:00:00.000Z"),
            ]
        ]
    }


def test_the_list_goes_through_all_contacts_once(empty_api: Api) -> None:
    ids = [empty_api.create(firstname=str(number)) for number in range(7)]
    empty_api.call("DELETE", f"{empty_api.objects}/{ids.pop(3)}")

    seen = []
    page = empty_api.get("", limit=2, properties="firstname").json()
    while True:
        seen += [contact["id"] for contact in page["results"]]
        assert all(contact["properties"]["firstname"] for contact in page["results"])
        if "paging" not in page:
            break
        page = empty_api.session.get(page["paging"]["next"]["link"], timeout=30).json()

    assert seen == ids


def test_the_list_of_archived_contacts_is_apart(empty_api: Api) -> None:
    kept, gone = empty_api.create(), empty_api.create(firstname="Ana")
    empty_api.call("DELETE", f"{empty_api.objects}/{gone}")

    lists = [empty_api.get("", archived=flag).json()["results"] for flag in ("false", "true")]

    assert [[contact["id"] for contact in each] for each in lists] == [[kept], [gone]]


def test_a_list_page_has_ten_contacts_unless_asked_and_a_hundred_at_most(empty_api: Api) -> None:
    for _ in range(2):
        empty_api.batch("create", [{"properties": {}}] * 100)

    sizes = [len(empty_api.get("", **params).json()["results"]) for params in ({}, {"limit": 100})]

    assert sizes == [10, 100]


def test_the_list_shows_history_when_asked(empty_api: Api) -> None:
    empty_api.create(firstname="Ana")

    [contact] = empty_api.get("", propertiesWithHistory="firstname").json()["results"]

    assert contact["propertiesWithHistory"]["firstname"][0]["value"] == "Ana"


@pytest.mark.parametrize(
    "params", [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"after": "x"}, {"after": "-1"}]
)
def test_wrong_paging_is_refused(api: Api, params: dict[str, str | int]) -> None:
    assert api.get("", **params).status_code == 400


def test_a_cursor_beyond_the_end_gives_an_empty_last_page(api: Api) -> None:
    page = api.get("", after="9" * 20).json()

    assert page == {"results": []}
