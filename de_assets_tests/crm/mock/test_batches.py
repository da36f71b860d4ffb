"""Batches: up to 100 inputs, all or nothing without trace ids, partial success with them."""

from collections.abc import Mapping
from typing import Any

import pytest

from de_assets_tests.crm.mock.api import Api
from de_assets_tests.crm.mock.conftest import NewEmail


def upsert(customer_id: str, trace_id: str | None = None, /, **properties: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": customer_id,
        "idProperty": "customer_id",
        "properties": properties,
    }
    return entry if trace_id is None else entry | {"objectWriteTraceId": trace_id}


def exists(api: Api, customer_id: str) -> bool:
    return api.get(f"/{customer_id}", idProperty="customer_id").status_code == 200


def test_an_upsert_updates_what_exists_and_adds_the_rest(api: Api) -> None:
    known = api.create(customer_id="up-1", firstname="Ana")

    answer = api.batch("upsert", [upsert("up-1", lastname="Ruiz"), upsert("up-2", lastname="Roy")])

    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "COMPLETE"
    assert {"startedAt", "completedAt"} <= body.keys()
    assert "errors" not in body
    by_name = {result["properties"]["lastname"]: result for result in body["results"]}
    assert (by_name["Ruiz"]["id"], by_name["Ruiz"]["new"]) == (known, False)
    assert by_name["Roy"]["new"] is True
    assert "objectWriteTraceId" not in by_name["Roy"]
    assert api.read(known)["firstname"] == "Ana"
    assert exists(api, "up-2")


def test_results_are_not_in_the_order_of_the_inputs(api: Api) -> None:
    inputs = [upsert(f"order-{number}", customer_id=f"order-{number}") for number in range(5)]

    for _ in range(2):
        results = api.batch("upsert", inputs).json()["results"]
        given = [entry["id"] for entry in inputs]
        assert [result["properties"]["customer_id"] for result in results] != given
        assert sorted(result["properties"]["customer_id"] for result in results) == given


def test_an_upsert_by_email_finds_it_in_any_case(api: Api, new_email: NewEmail) -> None:
    email = new_email()
    contact_id = api.create(email=email)
    entry = {"id": email.upper(), "idProperty": "email", "properties": {"firstname": "Ana"}}

    [result] = api.batch("upsert", [entry]).json()["results"]

    assert (result["id"], result["new"]) == (contact_id, False)
    assert api.read(contact_id)["email"] == email


def test_with_trace_ids_good_inputs_are_written_and_bad_ones_are_listed(
    api: Api, new_email: NewEmail
) -> None:
    taken = new_email()
    owner = api.create(email=taken)

    answer = api.batch(
        "upsert",
        [
            upsert("part-1", "t1", firstname="Ana"),
            upsert("part-2", "t2", lead_grade="E"),
            upsert("part-3", "t3", email=taken),
            upsert("part-4", "t4", firstname="Eva"),
        ],
    )

    assert answer.status_code == 207
    body = answer.json()
    assert {result["objectWriteTraceId"] for result in body["results"]} == {"t1", "t4"}
    assert body["numErrors"] == 2
    errors = {error["context"]["objectWriteTraceId"][0]: error for error in body["errors"]}
    assert errors["t2"]["category"] == "VALIDATION_ERROR"
    assert errors["t2"]["errors"][0]["code"] == "INVALID_OPTION"
    assert errors["t3"]["category"] == "CONFLICT"
    assert errors["t3"]["message"].endswith(f"Existing ID: {owner}")
    assert [exists(api, f"part-{number}") for number in range(1, 5)] == [True, False, False, True]


@pytest.mark.parametrize(
    "trace_ids",
    [(None, None), ("t1", None), ("same", "same")],
    ids=["without", "only some", "not unique"],
)
def test_without_unique_trace_ids_one_bad_input_rejects_all(
    api: Api, trace_ids: tuple[str | None, str | None]
) -> None:
    answer = api.batch(
        "upsert",
        [
            upsert("reject-1", trace_ids[0], firstname="Ana"),
            upsert("reject-2", trace_ids[1], nosuchproperty="x"),
        ],
    )

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"
    assert not exists(api, "reject-1")


def test_a_rejected_batch_uses_up_no_unique_value(api: Api, new_email: NewEmail) -> None:
    email = new_email()
    api.batch("upsert", [upsert("undo-1", email=email), upsert("undo-2", lead_score="x")])

    assert api.batch("upsert", [upsert("undo-2", email=email)]).status_code == 200


def test_a_conflict_without_trace_ids_rejects_all_as_a_conflict(
    api: Api, new_email: NewEmail
) -> None:
    email = new_email()
    api.create(email=email)

    answer = api.batch("upsert", [upsert("conf-1", firstname="Ana"), upsert("conf-2", email=email)])

    assert answer.status_code == 409
    assert not exists(api, "conf-1")


def test_two_new_contacts_of_one_batch_cannot_share_a_unique_value(
    api: Api, new_email: NewEmail
) -> None:
    email = new_email()

    answer = api.batch(
        "upsert", [upsert("twin-1", "1", email=email), upsert("twin-2", "2", email=email)]
    )

    assert answer.status_code == 207
    assert [exists(api, "twin-1"), exists(api, "twin-2")] == [True, False]


@pytest.mark.parametrize("trace_ids", [(None, None), ("t1", "t2")])
def test_duplicate_ids_reject_the_whole_batch(
    api: Api, trace_ids: tuple[str | None, str | None]
) -> None:
    answer = api.batch("upsert", [upsert("dup-1", trace_ids[0]), upsert("dup-1", trace_ids[1])])

    assert answer.status_code == 400
    assert "Duplicate IDs" in answer.json()["message"]
    assert not exists(api, "dup-1")


@pytest.mark.parametrize("action", ["upsert", "update"])
def test_emails_that_differ_only_in_case_are_duplicates(
    api: Api, new_email: NewEmail, action: str
) -> None:
    email = new_email()
    inputs = [
        {"id": each, "idProperty": "email", "properties": {}} for each in (email, email.upper())
    ]

    assert api.batch(action, inputs).status_code == 400


def test_an_id_with_leading_zeros_is_the_same_id(api: Api) -> None:
    contact_id = api.create()
    inputs = [{"id": each, "properties": {}} for each in (contact_id, f"0{contact_id}")]

    assert api.batch("update", inputs).status_code == 400


def test_a_repeated_email_rejects_a_batch_of_new_contacts(api: Api, new_email: NewEmail) -> None:
    email = new_email()
    inputs = [
        {"properties": {"email": email}, "objectWriteTraceId": trace_id} for trace_id in ("1", "2")
    ]

    assert api.batch("create", inputs).status_code == 400
    assert api.get(f"/{email}", idProperty="email").status_code == 404


@pytest.mark.parametrize("action", ["read", "create", "update", "upsert", "archive"])
@pytest.mark.parametrize("size", [0, 101])
def test_a_batch_has_one_to_a_hundred_inputs(api: Api, action: str, size: int) -> None:
    inputs = [upsert(f"size-{number}") for number in range(size)]

    assert api.batch(action, inputs).status_code == 400


def test_a_hundred_inputs_are_written_together(api: Api) -> None:
    answer = api.batch("upsert", [upsert(f"hundred-{number}") for number in range(100)])

    assert answer.status_code == 200
    assert len(answer.json()["results"]) == 100


@pytest.mark.parametrize("id_property", [None, "hs_object_id", "firstname", "nosuchproperty"])
def test_an_upsert_needs_a_property_with_unique_values(api: Api, id_property: str | None) -> None:
    entry: dict[str, Any] = {"id": "1", "idProperty": id_property, "properties": {}}

    assert api.batch("upsert", [entry]).status_code == 400


def test_a_new_contact_must_hold_the_value_that_names_it(api: Api) -> None:
    answer = api.batch("upsert", [upsert("named-1", customer_id="named-2")])

    assert answer.status_code == 400
    assert not exists(api, "named-1")


def test_an_upsert_may_change_the_value_that_names_a_known_contact(api: Api) -> None:
    contact_id = api.create(customer_id="old-name")

    api.batch("upsert", [upsert("old-name", customer_id="new-name")])

    assert not exists(api, "old-name")
    assert api.get("/new-name", idProperty="customer_id").json()["id"] == contact_id


def test_an_upsert_under_a_wrong_email_is_refused_with_its_code(api: Api) -> None:
    entry = {"id": "nobody", "idProperty": "email", "properties": {}}

    answer = api.batch("upsert", [entry])

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "INVALID_EMAIL"


def test_a_batch_creates_contacts(api: Api, new_email: NewEmail) -> None:
    inputs: list[Mapping[str, object]] = [
        {"properties": {"email": new_email()}, "associations": []} for _ in range(2)
    ]

    answer = api.batch("create", inputs)

    assert answer.status_code == 201
    assert all(api.read(result["id"])["email"] for result in answer.json()["results"])
    assert api.batch("create", inputs).status_code == 409


def test_a_batch_create_with_trace_ids_is_partial_too(api: Api, new_email: NewEmail) -> None:
    answer = api.batch(
        "create",
        [
            {"properties": {"email": new_email()}, "objectWriteTraceId": "good"},
            {"properties": {"email": "nobody"}, "objectWriteTraceId": "bad"},
        ],
    )

    assert answer.status_code == 207
    assert [result["objectWriteTraceId"] for result in answer.json()["results"]] == ["good"]
    assert answer.json()["errors"][0]["context"] == {"objectWriteTraceId": ["bad"]}


def test_a_batch_updates_by_id_and_lists_the_ids_that_are_not_there(api: Api) -> None:
    contact_id = api.create(firstname="Ana")
    inputs = [{"id": each, "properties": {"firstname": "Eva"}} for each in (contact_id, "99999999")]

    answer = api.batch("update", inputs)

    assert answer.status_code == 207
    [error] = answer.json()["errors"]
    assert (error["category"], error["context"]) == ("OBJECT_NOT_FOUND", {"ids": ["99999999"]})
    assert api.read(contact_id)["firstname"] == "Eva"


def test_a_batch_updates_by_a_unique_property(api: Api) -> None:
    contact_id = api.create(customer_id="batch-update")

    answer = api.batch("update", [upsert("batch-update", "t", lead_score="5")])

    assert answer.status_code == 200
    [result] = answer.json()["results"]
    assert (result["id"], result["properties"]["lead_score"]) == (contact_id, "5")
    assert "new" not in result


def test_a_batch_reads_by_id_and_lists_what_is_missing(api: Api) -> None:
    ids = [api.create(firstname="Ana") for _ in range(2)]

    answer = api.post(
        "/batch/read",
        {
            "inputs": [{"id": each} for each in (*ids, ids[0], "99999999")],
            "properties": ["firstname"],
            "propertiesWithHistory": ["firstname"],
        },
    )

    assert answer.status_code == 207
    body = answer.json()
    assert sorted(result["id"] for result in body["results"]) == sorted(ids)
    assert body["results"][0]["properties"]["firstname"] == "Ana"
    assert body["results"][0]["propertiesWithHistory"]["firstname"][0]["value"] == "Ana"
    assert body["errors"][0]["context"] == {"ids": ["99999999"]}


def test_a_batch_reads_by_a_unique_property(api: Api, new_email: NewEmail) -> None:
    email = new_email()
    contact_id = api.create(email=email)

    answer = api.post("/batch/read", {"inputs": [{"id": email.upper()}], "idProperty": "email"})

    assert answer.status_code == 200
    assert [result["id"] for result in answer.json()["results"]] == [contact_id]


def test_a_batch_archives_and_passes_over_unknown_ids(api: Api) -> None:
    contact_id = api.create()

    answer = api.batch("archive", [{"id": contact_id}, {"id": contact_id}, {"id": "99999999"}])

    assert answer.status_code == 204
    assert api.get(f"/{contact_id}").status_code == 404
    read = api.call(
        "POST", f"{api.objects}/batch/read", {"inputs": [{"id": contact_id}]}, archived="true"
    )
    assert read.json()["results"][0]["archived"] is True


@pytest.mark.parametrize(
    "entry",
    [
        "text",
        None,
        {},
        {"id": 1, "idProperty": "customer_id", "properties": {}},
        {"id": "1", "idProperty": 1, "properties": {}},
        {"id": "1", "idProperty": "customer_id", "properties": []},
        {"id": "1", "idProperty": "customer_id"},
        {"id": "1", "idProperty": "customer_id", "properties": {"firstname": 1}},
        {"id": "1", "idProperty": "customer_id", "properties": {}, "objectWriteTraceId": 1},
    ],
)
def test_an_input_of_the_wrong_shape_is_refused(api: Api, entry: object) -> None:
    assert api.post("/batch/upsert", {"inputs": [entry]}).status_code == 400
