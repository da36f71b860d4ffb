"""What the client does when the CRM, or the way to it, misbehaves."""

import json
import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from de_assets.crm.client import Change, CrmClient
from de_assets.crm.mock import running_app
from de_assets.crm.transport import (
    ATTEMPTS,
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    ContentRefusedError,
)
from de_assets.errors import CrmError, CrmUnavailableError
from de_assets_tests.crm.faults import (
    LOST,
    TORN,
    UNAVAILABLE,
    Answered,
    FaultLayer,
    rate_limited,
    refused,
)
from de_assets_tests.crm.leads import Portal
from de_assets_tests.crm.mock.api import TOKEN

SECRET_VALUE = "ada.lovelace@example.com"


def _write(client: CrmClient) -> object:
    return client.update([Change("a", "1", {"email": SECRET_VALUE})])


def _told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("status", "category", "told", "fix"),
    [
        (401, "INVALID_AUTHENTICATION", "HTTP 401, INVALID_AUTHENTICATION", "CRM_ACCESS_TOKEN"),
        (403, "MISSING_SCOPES", "HTTP 403, MISSING_SCOPES", "contacts.read and .write"),
        (404, "OBJECT_NOT_FOUND", "HTTP 404, OBJECT_NOT_FOUND", "CRM_BASE_URL"),
        (400, "VALIDATION_ERROR", "HTTP 400, VALIDATION_ERROR", "log"),
    ],
)
def test_a_refusal_says_why_and_the_fix_but_no_value_and_no_token(
    portal: Portal, client: CrmClient, status: int, category: str, told: str, fix: str
) -> None:
    portal.layer.faults.append(refused(status, category, message=f"{SECRET_VALUE} {TOKEN}"))

    with pytest.raises(CrmError, match=told) as caught:
        _write(client)

    assert fix in caught.value.fix
    assert caught.value.where == "POST /crm/objects/2026-03/contacts/batch/update"
    assert SECRET_VALUE not in _told(caught.value)
    assert TOKEN not in _told(caught.value)
    assert portal.pauses == []


def test_a_wrong_token_is_told_without_it(portal: Portal) -> None:
    with (
        portal.client(access_token="pat-wrong-token") as client,
        pytest.raises(CrmError, match="INVALID_AUTHENTICATION") as caught,
    ):
        list(client.list_contacts([]))

    assert "pat-wrong-token" not in _told(caught.value)


def test_a_refused_request_names_the_codes_of_its_errors(portal: Portal, client: CrmClient) -> None:
    fault = refused(400, "VALIDATION_ERROR", "INVALID_OPTION", "INVALID_EMAIL", "INVALID_OPTION")
    portal.layer.faults.append(fault)

    with pytest.raises(ContentRefusedError) as caught:
        _write(client)

    assert caught.value.code == "INVALID_EMAIL, INVALID_OPTION"
    assert "INVALID_EMAIL, INVALID_OPTION" in caught.value.what


@pytest.mark.parametrize("body", [b"<html>no</html>", b"[1]", b"{}", b'{"errors": ["?"]}'])
def test_a_refusal_that_is_not_hubspots_is_told_all_the_same(
    portal: Portal, client: CrmClient, body: bytes
) -> None:
    portal.layer.faults.append(Answered(403, body))

    with pytest.raises(CrmError, match="HTTP 403, UNKNOWN"):
        _write(client)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "tr\u00e4ne", "tab\there"])
def test_a_token_that_no_header_carries_is_refused_without_quoting_it(token: str) -> None:
    with pytest.raises(CrmError, match="the access token") as caught:
        CrmClient("http://127.0.0.1:1", token)

    assert token not in _told(caught.value)


def test_the_pause_that_the_crm_asks_for_is_kept(portal: Portal, client: CrmClient) -> None:
    portal.layer.faults.extend([rate_limited("7"), rate_limited("2.5")])

    assert client.property_names()

    assert portal.pauses == [7.0, 2.5]


def test_no_pause_is_longer_than_the_longest(portal: Portal, client: CrmClient) -> None:
    portal.layer.faults.append(rate_limited("86400"))

    assert client.property_names()

    assert portal.pauses == [LONGEST_PAUSE_SECONDS]


@pytest.mark.parametrize(
    "retry_after", [None, "soon", "nan", "-3", "0", "Wed, 30 Nov 2011 12:00:00 GMT"]
)
def test_without_a_usable_retry_after_the_pause_is_our_own(
    portal: Portal, client: CrmClient, retry_after: str | None
) -> None:
    portal.layer.faults.append(rate_limited(retry_after))

    assert client.property_names()

    (pause,) = portal.pauses
    assert FIRST_PAUSE_SECONDS / 2 <= pause <= FIRST_PAUSE_SECONDS


def test_the_limit_of_the_mock_itself_is_waited_for(portal: Portal) -> None:
    from de_assets.crm.mock import create_app

    app = create_app(":memory:", TOKEN, requests_per_10_seconds=2, clock=portal.clock)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        portal.clock.advance(seconds)

    with (
        running_app(app) as limited,
        CrmClient(limited.base_url, TOKEN, sleep=sleep) as client,
    ):
        for _ in range(5):
            assert client.property_names()

    assert pauses == [pytest.approx(10, abs=0.5)] * 2


def test_a_server_in_trouble_is_asked_again_after_growing_pauses(
    portal: Portal, client: CrmClient
) -> None:
    portal.layer.faults.extend([UNAVAILABLE] * (ATTEMPTS - 1))

    assert client.property_names()

    limits = [min(FIRST_PAUSE_SECONDS * 2**n, LONGEST_PAUSE_SECONDS) for n in range(ATTEMPTS - 1)]
    assert len(portal.pauses) == len(limits)
    for pause, limit in zip(portal.pauses, limits, strict=True):
        assert limit / 2 <= pause <= limit


@pytest.mark.parametrize("fault", [UNAVAILABLE, rate_limited("1"), Answered(500, b"<html>")])
def test_a_server_that_stays_in_trouble_is_given_up(
    portal: Portal, client: CrmClient, fault: Answered
) -> None:
    portal.layer.faults.extend([fault] * ATTEMPTS)

    with pytest.raises(CrmUnavailableError, match=f"HTTP {fault.status}") as caught:
        client.property_names()

    assert len(portal.layer.calls) == ATTEMPTS
    assert len(portal.pauses) == ATTEMPTS - 1
    assert "CRM_BASE_URL" in caught.value.fix
    assert caught.value.where == portal.base_url


@pytest.mark.parametrize("fault", [LOST, TORN])
def test_a_write_whose_answer_was_lost_is_sent_again_and_done_once(
    portal: Portal, client: CrmClient, fault: Answered
) -> None:
    portal.fill(client, [])
    portal.layer.faults.append(fault)

    answer = client.upsert([Change("a", None, {"firstname": "Ada"})], "customer_id")

    (held,) = client.list_contacts(["firstname"])
    assert answer.acknowledged == {"a": held.crm_id}
    assert len(portal.layer.writes) == 2
    assert len(portal.pauses) == 1


def test_nobody_listening_is_retried_and_told_without_the_password_of_the_address() -> None:
    pauses: list[float] = []
    port = _free_port()

    with (
        CrmClient(f"http://me:hunter2@127.0.0.1:{port}", TOKEN, sleep=pauses.append) as client,
        pytest.raises(CrmUnavailableError, match="ConnectionError") as caught,
    ):
        client.property_names()

    assert caught.value.where == f"http://127.0.0.1:{port}"
    assert "hunter2" not in str(caught.value)
    assert len(pauses) == ATTEMPTS - 1


def test_a_server_that_never_answers_is_given_up() -> None:
    pauses: list[float] = []
    with (
        socket.create_server(("127.0.0.1", 0)) as deaf,
        CrmClient(
            f"http://127.0.0.1:{deaf.getsockname()[1]}",
            TOKEN,
            sleep=pauses.append,
            timeout_seconds=(1.0, 0.01),
        ) as client,
        pytest.raises(CrmUnavailableError, match="ReadTimeout"),
    ):
        client.property_names()

    assert len(pauses) == ATTEMPTS - 1


@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_is_not_followed_so_the_token_stays_with_the_crm(
    portal: Portal, client: CrmClient, status: int
) -> None:
    with _elsewhere() as (base_url, elsewhere):
        portal.layer.faults.append(Answered(status, b"", {"location": f"{base_url}/crm"}))

        with pytest.raises(CrmError, match="redirects elsewhere") as caught:
            client.create_property({"name": "any"})

        assert elsewhere.calls == []
        assert "CRM_BASE_URL" in caught.value.fix


def test_the_token_goes_with_every_request_to_the_crm(portal: Portal, client: CrmClient) -> None:
    client.property_names()

    assert {call.authorization for call in portal.layer.calls} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"[]", b'"fine"', b"\xff\xfe"])
def test_an_answer_that_is_no_json_object_is_an_error_with_the_fix(
    portal: Portal, client: CrmClient, body: bytes
) -> None:
    portal.layer.faults.append(Answered(200, body))

    with pytest.raises(CrmError, match="not a JSON object") as caught:
        client.property_names()

    assert "CRM_BASE_URL" in caught.value.fix


@pytest.mark.parametrize("body", [b"", b"{}", json.dumps({"results": 3}).encode()])
def test_an_answer_without_results_is_an_error(
    portal: Portal, client: CrmClient, body: bytes
) -> None:
    portal.layer.faults.append(Answered(200, body))

    with pytest.raises(CrmError, match="without a list of results"):
        list(client.list_contacts([]))


@pytest.mark.parametrize("base_url", ["http://", "http://:80"])
def test_an_address_without_a_host_is_an_error_with_the_fix(base_url: str) -> None:
    with CrmClient(base_url, TOKEN) as client, pytest.raises(CrmError, match="address") as caught:
        client.property_names()

    assert "CRM_BASE_URL" in caught.value.fix


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def _elsewhere() -> Iterator[tuple[str, FaultLayer]]:
    layer = FaultLayer(_nothing_here)  # type: ignore[arg-type]
    with running_app(layer) as server:
        yield server.base_url, layer


async def _nothing_here(scope: dict[str, object], receive: object, send: object) -> None:
    if scope["type"] == "lifespan":
        await receive()  # type: ignore[operator]
        await send({"type": "lifespan.startup.complete"})  # type: ignore[operator]
        await receive()  # type: ignore[operator]
        await send({"type": "lifespan.shutdown.complete"})  # type: ignore[operator]
