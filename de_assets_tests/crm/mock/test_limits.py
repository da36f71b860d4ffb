"""Request limits: a sliding window of ten seconds, and a day."""

from pathlib import Path

import pytest

from de_assets.crm.mock import create_app, running_crm
from de_assets.crm.mock.errors import RefusedRequestError
from de_assets.crm.mock.limits import RequestLimits
from de_assets.crm.mock.timestamps import MILLISECONDS_PER_DAY
from de_assets_tests.crm.mock.api import TOKEN, Api, Clock


def test_requests_over_the_limit_are_refused_until_the_window_has_slid_on(
    tmp_path: Path, clock: Clock
) -> None:
    with running_crm(tmp_path / "crm.db", TOKEN, requests_per_10_seconds=2, clock=clock) as crm:
        api = Api(crm.base_url)
        first = api.get("")
        clock.advance(4)
        second = api.get("")
        clock.advance(1.5)
        refused = api.get("")
        clock.advance(4.5)
        third = api.get("")
        again_refused = api.get("/1")
        page = api.call("GET", "/")
        api.close()

    assert [first.status_code, second.status_code, third.status_code] == [200, 200, 200]
    assert [answer.headers["X-HubSpot-RateLimit-Remaining"] for answer in (first, second)] == [
        "1",
        "0",
    ]
    assert refused.status_code == 429
    assert (
        refused.json().items()
        >= {
            "status": "error",
            "errorType": "RATE_LIMIT",
            "policyName": "TEN_SECONDLY_ROLLING",
        }.items()
    )
    assert refused.headers["Retry-After"] == "5"
    assert refused.headers["X-HubSpot-RateLimit-Max"] == "2"
    assert refused.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    assert refused.headers["X-HubSpot-RateLimit-Daily"] == "650000"
    assert refused.headers["X-HubSpot-RateLimit-Daily-Remaining"] == "649998"
    assert again_refused.status_code == 429
    assert page.status_code == 200


def test_other_refusals_carry_the_limit_headers_too(tmp_path: Path, clock: Clock) -> None:
    with running_crm(tmp_path / "crm.db", TOKEN, requests_per_10_seconds=9, clock=clock) as crm:
        api = Api(crm.base_url)
        answer = api.get("/1")
        api.close()

    assert answer.status_code == 404
    assert answer.headers["X-HubSpot-RateLimit-Remaining"] == "8"


def test_without_a_limit_there_are_no_limit_headers(api: Api) -> None:
    assert not [name for name in api.get("").headers if "ratelimit" in name.lower()]


def test_searches_have_a_limit_of_their_own_and_no_limit_headers(
    tmp_path: Path, clock: Clock
) -> None:
    with running_crm(
        tmp_path / "crm.db",
        TOKEN,
        requests_per_10_seconds=9,
        searches_per_second=2,
        clock=clock,
    ) as crm:
        api = Api(crm.base_url)
        answers = [api.post("/search", {}) for _ in range(3)]
        other = api.get("")
        clock.advance(1)
        later = api.post("/search", {})
        api.close()

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["policyName"] == "SECONDLY"
    assert answers[2].headers["Retry-After"] == "1"
    assert not [name for name in answers[0].headers if "ratelimit" in name.lower()]
    assert other.headers["X-HubSpot-RateLimit-Remaining"] == "6"
    assert later.status_code == 200


def test_the_daily_limit_ends_with_the_day() -> None:
    limits = RequestLimits(10, requests_per_day=1)
    evening = MILLISECONDS_PER_DAY - 90_000
    limits.admit(evening)

    with pytest.raises(RefusedRequestError) as refusal:
        limits.admit(evening + 1)

    assert refusal.value.body()["policyName"] == "DAILY"
    assert refusal.value.headers["Retry-After"] == "90"
    assert limits.admit(MILLISECONDS_PER_DAY)["X-HubSpot-RateLimit-Daily-Remaining"] == "0"


def test_a_limit_below_one_and_an_empty_token_are_mistakes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        create_app(tmp_path / "crm.db", TOKEN, requests_per_10_seconds=0)
    with pytest.raises(ValueError, match="at least 1"):
        create_app(tmp_path / "crm.db", TOKEN, searches_per_second=0)
    with pytest.raises(ValueError, match="access_token"):
        create_app(tmp_path / "crm.db", "")
