"""How many requests the API answers: a sliding window of ten seconds, a day, and one for search.

An instance belongs to one app and is called only from its event loop, so it needs no lock.
"""

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType

from de_assets.crm.mock.errors import RefusedRequestError
from de_assets.crm.mock.timestamps import MILLISECONDS_PER_DAY

WINDOW_MILLISECONDS = 10_000
SEARCH_WINDOW_MILLISECONDS = 1_000
# What HubSpot gives a private app on its Professional plan.
REQUESTS_PER_DAY = 650_000


def too_many_requests(
    policy: str, limit: str, wait_ms: int, headers: Mapping[str, str] = MappingProxyType({})
) -> RefusedRequestError:
    """Return the refusal of a request over a limit (429), to be tried again after `wait_ms`."""
    wait_seconds = -(-wait_ms // 1000)
    return RefusedRequestError(
        429,
        "RATE_LIMITS",
        f"You have reached your {limit} limit.",
        extra={"errorType": "RATE_LIMIT", "policyName": policy},
        headers={**headers, "Retry-After": str(wait_seconds)},
    )


class SearchLimit:
    """Counts the admitted searches of the last second; their answers carry no limit headers."""

    def __init__(self, searches_per_second: int) -> None:
        if searches_per_second < 1:
            message = f"searches_per_second must be at least 1, not {searches_per_second}"
            raise ValueError(message)
        self._most = searches_per_second
        self._admitted: deque[int] = deque()

    def admit(self, now_ms: int) -> None:
        """Count one search at `now_ms`, or raise RefusedRequestError (429)."""
        while self._admitted and self._admitted[0] <= now_ms - SEARCH_WINDOW_MILLISECONDS:
            self._admitted.popleft()
        if len(self._admitted) >= self._most:
            wait_ms = self._admitted[0] + SEARCH_WINDOW_MILLISECONDS - now_ms
            raise too_many_requests("SECONDLY", "secondly", wait_ms)
        self._admitted.append(now_ms)


class RequestLimits:
    """Counts the admitted requests; refused ones do not use up the allowance."""

    def __init__(
        self, requests_per_10_seconds: int, requests_per_day: int = REQUESTS_PER_DAY
    ) -> None:
        if requests_per_10_seconds < 1:
            message = f"requests_per_10_seconds must be at least 1, not {requests_per_10_seconds}"
            raise ValueError(message)
        self._per_window = requests_per_10_seconds
        self._per_day = requests_per_day
        self._admitted: deque[int] = deque()
        self._day = -1
        self._admitted_today = 0

    def admit(self, now_ms: int) -> dict[str, str]:
        """Count one request at `now_ms` (milliseconds since 1970); return headers for its answer.

        Raises RefusedRequestError (429) beyond the limits.
        """
        while self._admitted and self._admitted[0] <= now_ms - WINDOW_MILLISECONDS:
            self._admitted.popleft()
        day = now_ms // MILLISECONDS_PER_DAY
        if day != self._day:
            self._day, self._admitted_today = day, 0
        if self._admitted_today >= self._per_day:
            raise self._refused("DAILY", "daily", (day + 1) * MILLISECONDS_PER_DAY - now_ms)
        if len(self._admitted) >= self._per_window:
            wait_ms = self._admitted[0] + WINDOW_MILLISECONDS - now_ms
            raise self._refused("TEN_SECONDLY_ROLLING", "ten_secondly_rolling", wait_ms)
        self._admitted.append(now_ms)
        self._admitted_today += 1
        return self._headers()

    def _refused(self, policy: str, limit: str, wait_ms: int) -> RefusedRequestError:
        return too_many_requests(policy, limit, wait_ms, self._headers())

    def _headers(self) -> dict[str, str]:
        return {
            "X-HubSpot-RateLimit-Daily": str(self._per_day),
            "X-HubSpot-RateLimit-Daily-Remaining": str(self._per_day - self._admitted_today),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(WINDOW_MILLISECONDS),
            "X-HubSpot-RateLimit-Max": str(self._per_window),
            "X-HubSpot-RateLimit-Remaining": str(self._per_window - len(self._admitted)),
        }
