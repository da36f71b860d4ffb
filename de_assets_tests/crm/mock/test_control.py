"""Steering the mock: seeded faults on purpose, and a clock that a call moves on."""

import time
from pathlib import Path

import pytest
import requests

from de_assets.crm.mock import running_crm
from de_assets_tests.crm.mock.api import TOKEN, Api, Clock

FAULTS = "/_mock/faults"
CLOCK = "/_mock/clock"


def statuses(api: Api, calls: int) -> list[int]:
    return [api.get("").status_code for _ in range(calls)]


def test_a_seed_gives_the_same_faults_again_and_another_seed_others(empty_api: Api) -> None:
    plan = {"rates": {"429": 0.2, "500": 0.2, "503": 0.2, "lost": 0.1}}
    runs = []
    for seed in (1, 1, 2):
        assert empty_api.call("POST", FAULTS, {"seed": seed, **plan}).status_code == 200
        runs.append(statuses(empty_api, 40))
    given = empty_api.call("GET", FAULTS).json()["given"]

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert set(runs[2]) == {200, 429, 500, 503, 504}
    names = {"lost" if status == 504 else str(status): status for status in {*runs[2]} - {200}}
    assert given == {name: runs[2].count(status) for name, status in names.items()}


def test_no_rates_end_the_faults(empty_api: Api) -> None:
    empty_api.call("POST", FAULTS, {"rates": {"503": 1}})
    during = statuses(empty_api, 2)
    empty_api.call("POST", FAULTS, {})

    assert during == [503, 503]
    assert statuses(empty_api, 2) == [200, 200]


def test_a_refused_call_has_done_nothing_and_a_lost_one_everything(empty_api: Api) -> None:
    answers = []
    for kind in ("500", "503", "429", "lost"):
        empty_api.call("POST", FAULTS, {"rates": {kind: 1}})
        answers.append(empty_api.post("", {"properties": {"firstname": kind}}))
    empty_api.call("POST", FAULTS, {})

    written = empty_api.get("").json()["results"]

    assert [contact["properties"]["firstname"] for contact in written] == ["lost"]
    assert [answer.status_code for answer in answers] == [500, 503, 429, 504]


def test_a_fault_of_too_many_requests_says_when_to_come_back(empty_api: Api) -> None:
    empty_api.call("POST", FAULTS, {"rates": {"429": 1}, "retryAfterSeconds": 3})

    answer = empty_api.get("")

    assert answer.headers["Retry-After"] == "3"
    assert answer.json()["errorType"] == "RATE_LIMIT"


def test_a_slow_answer_comes_after_the_delay(empty_api: Api) -> None:
    empty_api.call("POST", FAULTS, {"rates": {"slow": 1}, "slowMilliseconds": 80})

    before = time.perf_counter()
    answer = empty_api.get("")

    assert time.perf_counter() - before >= 0.08
    assert answer.status_code == 200


def test_the_clock_moves_on_by_a_call_and_with_it_the_window_of_requests(
    tmp_path: Path, clock: Clock
) -> None:
    with running_crm(tmp_path / "crm.db", TOKEN, requests_per_10_seconds=1, clock=clock) as crm:
        api = Api(crm.base_url)
        first, refused = statuses(api, 2)
        moved = api.call("POST", CLOCK, {"advanceSeconds": 10})
        created = api.post("", {"properties": {}})
        api.close()

    assert (first, refused) == (200, 429)
    assert moved.json() == {"now": "2011-11-30T12:00:10.000Z"}
    assert created.json()["createdAt"] == "2011-11-30T12:00:10.000Z"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (FAULTS, {"rates": {"418": 0.1}}),
        (FAULTS, {"rates": {"500": 0.6, "503": 0.5}}),
        (FAULTS, {"rates": {"500": -0.1}}),
        (FAULTS, {"rates": {"500": True}}),
        (FAULTS, {"rates": []}),
        (FAULTS, {"seed": -1}),
        (FAULTS, {"slowMilliseconds": 3_600_000}),
        (CLOCK, {"advanceSeconds": -1}),
        (CLOCK, {"advanceSeconds": "1"}),
        (CLOCK, {"advanceSeconds": 1e300}),
    ],
)
def test_a_wrong_order_is_refused(api: Api, path: str, body: object) -> None:
    assert api.call("POST", path, body).status_code == 400


@pytest.mark.parametrize(("method", "path"), [("GET", FAULTS), ("POST", FAULTS), ("POST", CLOCK)])
def test_only_the_full_token_steers(tmp_path: Path, method: str, path: str) -> None:
    limited = {"few": ["crm.objects.contacts.write"]}
    callers = [{}, *({"Authorization": f"Bearer {token}"} for token in ("few", TOKEN))]
    with running_crm(tmp_path / "crm.db", TOKEN, limited_tokens=limited) as crm:
        answers = [
            requests.request(method, crm.base_url + path, headers=headers, json={}, timeout=30)
            for headers in callers
        ]

    assert [answer.status_code for answer in answers] == [401, 403, 200]
