"""How far a write-back is: rate and remaining time, said every few seconds at most."""

import time
from collections.abc import Callable

EVERY_SECONDS = 5.0


class Progress:
    """Told after each batch how many rows are done; says so when it was silent long enough."""

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        """The rate is counted from here on.

        Args:
            say: Takes a line of text.
            clock: Seconds that only ever grow.
            every_seconds: How long to be silent between two lines.
        """
        self._say = say
        self._clock = clock
        self._every_seconds = every_seconds
        self._begun = self._said = clock()

    def __call__(self, done: int, total: int) -> None:
        """Say how far it is, if it is time to, or if something was said and this is the end."""
        now = self._clock()
        is_time = now - self._said >= self._every_seconds
        is_end = done >= total and self._said > self._begun
        if not (is_time or is_end):
            return
        self._said = now
        rate = done / (now - self._begun) if now > self._begun else 0.0
        text = f"{done:,} of {total:,} rows answered, {rate:,.0f} a second"
        if rate and done < total:
            text += f", {_clock_time((total - done) / rate)} left"
        self._say(text)


def _clock_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
