"""Who may call, on which paths, and what malformed requests get."""

import pytest
import requests

from de_assets_tests.crm.mock.api import DATED, TOKEN, V3, Api


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"bearer {TOKEN}", "Bearer \xe9"],
)
def test_a_call_without_the_right_token_is_refused(api: Api, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}

    answer = requests.get(api.base_url + V3, headers=headers, timeout=30)

    assert answer.status_code == 401
    assert answer.json()["category"] == "INVALID_AUTHENTICATION"
    assert answer.json()["status"] == "error"
    assert answer.json()["correlationId"]


def test_every_error_has_its_own_correlation_id(api: Api) -> None:
    ids = {api.get("/999999999").json()["correlationId"] for _ in range(2)}

    assert len(ids) == 2


def test_both_path_dialects_reach_the_same_contact(api: Api) -> None:
    contact_id = api.create(firstname="Ana")

    paths = [V3, DATED, "/crm/objects/2026-09/contacts"]
    names = [
        api.call("GET", f"{path}/{contact_id}").json()["properties"]["firstname"] for path in paths
    ]

    assert names == ["Ana", "Ana", "Ana"]


@pytest.mark.parametrize(
    "path",
    [
        "/crm/objects/v4/contacts",
        "/crm/objects/2026-13/contacts",
        "/crm/objects/2026-3/contacts",
        "/crm/v3/objects/companies",
        "/crm/v3/properties/deals",
    ],
)
def test_other_versions_and_objects_do_not_exist(api: Api, path: str) -> None:
    answer = api.call("GET", path)

    assert answer.status_code == 404
    assert answer.json()["message"] == "resource not found"


def test_a_method_that_a_path_does_not_know_is_refused_as_json(api: Api) -> None:
    answer = api.call("PUT", V3)

    assert answer.status_code == 405
    assert answer.json()["category"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"properties": NaN}',
        b'{"properties": {"firstname": "\\ud800"}}',
        b'{"properties": {"firstname": "\\uD800"}}',
        b'{"properties": {"firstname": "\xed\xa0\x80"}}',
        b'{"properties": ' + b"[" * 100_000,
        b'{"properties": ' + b"9" * 5_000 + b"}",
        b"{}",
        b'{"properties": null}',
        b'{"properties": []}',
        b'{"properties": {"firstname": 1}}',
        b'{"properties": {"firstname": null}}',
        b'{"properties": {}, "associations": [{"to": {"id": "1"}}]}',
    ],
)
def test_a_malformed_body_is_a_bad_request(api: Api, body: bytes) -> None:
    answer = api.session.post(api.base_url + V3, data=body, timeout=30)

    assert answer.status_code == 400
    assert answer.json()["category"] == "VALIDATION_ERROR"
