"""Points in time as the API writes them (ISO 8601, UTC) and as they are stored (milliseconds).

Not here: the clock itself, which `create_app` takes as an argument.
"""

import re
from datetime import UTC, date, datetime, timedelta

MILLISECONDS_PER_DAY = 86_400_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_MILLISECONDS = re.compile(r"-?[0-9]{1,15}")
_CALENDAR_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def milliseconds_of(moment: datetime) -> int:
    """Return the milliseconds since 1970 of an aware moment; a naive one is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def text_of(milliseconds: int) -> str:
    """Return the moment as text of one width, so that texts sort as moments do."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def parse_moment(text: str) -> int | None:
    """Return the milliseconds since 1970 of epoch milliseconds or ISO 8601, None if it is neither.

    Moments outside the years 1 to 9999 are None too.
    """
    try:
        if _EPOCH_MILLISECONDS.fullmatch(text):
            return milliseconds_of(_EPOCH + timedelta(milliseconds=int(text)))
        return milliseconds_of(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def parse_day(text: str) -> str | None:
    """Return YYYY-MM-DD from that form or from epoch milliseconds at midnight UTC, else None."""
    if _CALENDAR_DAY.fullmatch(text):
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            return None
    if _EPOCH_MILLISECONDS.fullmatch(text) and int(text) % MILLISECONDS_PER_DAY == 0:
        milliseconds = parse_moment(text)
        return None if milliseconds is None else text_of(milliseconds)[:10]
    return None
