"""Keeps requests within the limit that the CRM's answers tell, so that none is refused for it.

HubSpot counts requests over a sliding window and says in each answer how many are left. Not here:
what to do when one is refused all the same, by others who share the limit (`transport.py`).
"""

from collections import deque
from collections.abc import Callable, Mapping

LIMIT = "X-HubSpot-RateLimit-Max"
LEFT = "X-HubSpot-RateLimit-Remaining"
WINDOW = "X-HubSpot-RateLimit-Interval-Milliseconds"
MARGIN_SECONDS = 0.005  # the CRM's clock counts whole milliseconds


class Pace:
    """The pace of one client that sends one request after the other."""

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        """Nothing is waited for until an answer has told a limit.

        Args:
            clock: Seconds that only ever grow.
            sleep: What waits, seconds.
        """
        self._clock = clock
        self._sleep = sleep
        self._limit = 0
        self._left = 0
        self._window_seconds = 0.0
        # When our requests were answered, oldest first: the CRM counted each before that.
        self._answered: deque[float] = deque()

    def wait(self) -> None:
        """Return when a request may go out; that it goes out is taken for granted."""
        if not self._limit:
            return
        now = self._clock()
        while self._answered and self._answered[0] + self._window_seconds <= now:
            self._answered.popleft()
            self._left += 1
        if self._left > 0:
            self._left -= 1
        elif self._answered:
            self._sleep(self._answered.popleft() + self._window_seconds - now + MARGIN_SECONDS)
        else:  # others have used it up: nobody knows when theirs are forgotten
            self._sleep(self._window_seconds / self._limit)

    def note(self, headers: Mapping[str, str], *, is_counted: bool) -> None:
        """Take in what an answer tells; one without a limit tells nothing.

        Args:
            headers: Of the answer.
            is_counted: Whether the request was admitted and so counts.
        """
        try:
            limit, left = int(headers[LIMIT]), int(headers[LEFT])
            window_seconds = int(headers[WINDOW]) / 1000
        except (KeyError, ValueError):
            return
        self._limit, self._left, self._window_seconds = max(limit, 1), left, window_seconds
        if is_counted:
            self._answered.append(self._clock())
        while len(self._answered) > max(self._limit - left, 0):
            self._answered.popleft()  # the CRM has forgotten it already
