"""How the sources file writes days, and the gaps on which nothing is due.

That nothing is due is used by `checks/`. Used by `config.py` only.
"""

from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from typing import Annotated

from pydantic import BeforeValidator

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SEPARATOR = ".."


def _day(value: object) -> object:
    # pydantic would take a number for seconds since 1970.
    if isinstance(value, datetime) or not isinstance(value, str | date):
        msg = "must be a day, YYYY-MM-DD"
        raise ValueError(msg)  # noqa: TRY004  pydantic turns a ValueError into its own
    return value


@dataclass(frozen=True)
class Gap:
    """One weekday, or the days from `first` to `last`, both included.

    Attributes:
        weekday: 0 for Monday to 6 for Sunday; None for a range.
        first: The first day of a range.
        last: The last day of a range.
    """

    weekday: int | None = None
    first: date = date.max
    last: date = date.min

    def has(self, day: date) -> bool:
        """Whether the day is in it."""
        return day.weekday() == self.weekday or self.first <= day <= self.last


def _gap(value: object) -> object:
    """A gap from its text: `saturday`, `2011-04-29` or `2010-12-24..2011-01-03`.

    Raises:
        ValueError: the text is none of these, or the range runs backwards.
    """
    if isinstance(value, Gap):
        return value
    text = str(value).strip().lower()
    if text in WEEKDAYS:
        return Gap(weekday=WEEKDAYS.index(text))
    first, separator, last = (part.strip() for part in text.partition(SEPARATOR))
    try:
        gap = Gap(first=date.fromisoformat(first), last=date.fromisoformat(last or first))
        is_whole = bool(last) == bool(separator)
    except ValueError:
        is_whole = False
    if not is_whole:
        close = get_close_matches(text, WEEKDAYS, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        msg = (
            "must be a day (2011-04-29), a range of days (2010-12-24..2011-01-03) or a weekday "
            f"(saturday), not {text!r}{hint}"
        )
        raise ValueError(msg)
    if gap.last < gap.first:
        msg = f"{gap.first} is after {gap.last}: exchange them"
        raise ValueError(msg)
    return gap


Day = Annotated[date, BeforeValidator(_day)]
OneGap = Annotated[Gap, BeforeValidator(_gap)]
