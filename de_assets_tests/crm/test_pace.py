"""The pace of requests: full speed up to the limit, and none beyond it."""

import pytest

from de_assets.crm.mock.errors import RefusedRequestError
from de_assets.crm.mock.limits import RequestLimits
from de_assets.crm.pace import Pace


class Time:
    """A clock that moves by waiting, and by the time that requests take."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def _send(pace: Pace, time: Time, limits: RequestLimits, there: float, back: float) -> bool:
    """One request that takes so long there and back, seconds; whether it was admitted."""
    pace.wait()
    time.now += there
    try:
        headers, is_admitted = limits.admit(int(time.now * 1000)), True
    except RefusedRequestError as refusal:
        headers, is_admitted = dict(refusal.headers), False
    time.now += back
    pace.note(headers, is_counted=is_admitted)
    return is_admitted


@pytest.mark.parametrize(("there", "back"), [(0.0, 0.0), (0.001, 0.02), (0.02, 0.001)])
def test_the_whole_limit_is_used_and_nothing_is_refused(there: float, back: float) -> None:
    time, limits = Time(), RequestLimits(190)
    pace = Pace(time, time.sleep)
    begun = time.now

    admitted = [_send(pace, time, limits, there, back) for _ in range(1000)]

    assert all(admitted)
    assert (time.now - begun) * 19 <= 1000 / 0.95


def test_slow_requests_are_never_paused() -> None:
    time, limits = Time(), RequestLimits(190)
    pace = Pace(time, time.sleep)

    admitted = [_send(pace, time, limits, 0.03, 0.03) for _ in range(1000)]

    assert all(admitted)
    assert time.pauses == []


def test_jumping_delays_cause_no_refusal() -> None:
    time, limits = Time(), RequestLimits(20)
    pace = Pace(time, time.sleep)

    admitted = [
        _send(pace, time, limits, (number % 7) / 10, (number % 5) / 7) for number in range(400)
    ]

    assert all(admitted)


def test_a_limit_that_others_use_up_is_waited_for_a_little() -> None:
    time, limits = Time(), RequestLimits(10)
    pace = Pace(time, time.sleep)
    assert _send(pace, time, limits, 0, 0)
    time.now += 9.99
    for _ in range(9):
        limits.admit(int(time.now * 1000))
    time.now += 0.02
    limits.admit(int(time.now * 1000))

    admitted = [_send(pace, time, limits, 0, 0) for _ in range(2)]

    assert admitted == [False, False]
    assert time.pauses == [pytest.approx(1.0)]


@pytest.mark.parametrize("headers", [{}, {"X-HubSpot-RateLimit-Max": "many"}])
def test_without_a_limit_nothing_is_waited_for(headers: dict[str, str]) -> None:
    time = Time()
    pace = Pace(time, time.sleep)

    for _ in range(300):
        pace.wait()
        pace.note(headers, is_counted=True)

    assert time.pauses == []
