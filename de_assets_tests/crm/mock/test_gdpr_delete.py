"""Removal for good: what was removed is nowhere, and everybody else stays."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from de_assets.crm.mock import running_crm
from de_assets_tests.crm.mock.api import DATED, SCORE_PROPERTIES, TOKEN, V3, Api

CANARIES = ("canary@example.org", "Kanarienvogel", "+49 89 55500001")


@pytest.fixture(params=[V3, DATED])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Api]:
    """A server of one test, called in either path dialect."""
    with running_crm(tmp_path / "crm.db", TOKEN) as crm:
        api = Api(crm.base_url, request.param)
        api.define(*SCORE_PROPERTIES)
        yield api
        api.close()


def _canary(api: Api) -> str:
    email, name, phone = CANARIES
    return api.create(email=email, lastname=name, phone=phone, customer_id="c-1")


def _bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_a_removed_contact_is_neither_read_nor_listed_nor_found(own: Api) -> None:
    removed, other = _canary(own), own.create(email="other@example.org")

    answer = own.post("/gdpr-delete", {"objectId": removed})

    assert (answer.status_code, answer.content) == (204, b"")
    assert own.get(f"/{removed}").status_code == 404
    assert own.get(f"/{removed}", archived="true").status_code == 404
    assert [each["id"] for each in own.get("").json()["results"]] == [other]
    assert own.get("", archived="true").json()["results"] == []
    assert own.post("/search", {"query": "Kanarienvogel"}).json()["total"] == 0
    assert own.call("GET", f"/leads/{removed}").status_code == 404


def test_no_byte_of_a_removed_contact_is_left_in_the_files(own: Api, tmp_path: Path) -> None:
    removed = _canary(own)
    for number in range(60):  # what overflows a page, and moves other rows, is searched too
        own.create(email=f"other-{number}@example.org", lastname="x" * 500)
        own.patch(f"/{removed}", {"lastname": CANARIES[1] + " " + "y" * 90 * number})
    assert CANARIES[0].encode() in _bytes_in(tmp_path)

    own.post("/gdpr-delete", {"objectId": removed})

    left = _bytes_in(tmp_path)
    assert [canary for canary in CANARIES if canary.encode() in left] == []
    assert b"other-59@example.org" in left
    assert len(own.get("", limit=100).json()["results"]) == 60


@pytest.mark.parametrize(("given", "id_property"), [(CANARIES[0], "email"), ("c-1", "customer_id")])
def test_a_contact_is_removed_by_a_unique_property_too(
    own: Api, given: str, id_property: str
) -> None:
    removed = _canary(own)

    answer = own.post("/gdpr-delete", {"objectId": given, "idProperty": id_property})

    assert answer.status_code == 204
    assert own.get(f"/{removed}").status_code == 404
    assert own.create(email=CANARIES[0]) != removed


def test_an_archived_contact_is_removed_too(own: Api) -> None:
    removed = _canary(own)
    own.call("DELETE", f"{own.objects}/{removed}")

    assert own.post("/gdpr-delete", {"objectId": removed}).status_code == 204
    assert own.get("", archived="true").json()["results"] == []


def test_an_unknown_id_is_not_found_and_a_wrong_body_refused(own: Api) -> None:
    kept = _canary(own)

    assert own.post("/gdpr-delete", {"objectId": "404"}).status_code == 404
    assert own.post("/gdpr-delete", {}).status_code == 400
    wrong_property = {"objectId": kept, "idProperty": "lastname"}
    assert own.post("/gdpr-delete", wrong_property).status_code == 400
    assert own.get(f"/{kept}").status_code == 200
