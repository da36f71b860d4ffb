"""Reading moments that arrive as text: which formats are sure, and which need the whole file.

Who uses it: the sources layer, to find the day of a row, and the cleaning, to type the column.
"10/2/2017" is February or October; only a file's other values, or its owner, can say which.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

EPOCH_SECONDS = "%s"
EPOCH_MILLISECONDS = "%Q"

DEFAULT_FORMATS: tuple[str, ...] = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f UTC",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M%#z",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y%m%d",
    "%Y%m%d%H%M%S",
    "%Y%m%dT%H%M%S",
    "%Y%m%dT%H%M%S%#z",
    EPOCH_SECONDS,
    EPOCH_MILLISECONDS,
    "%d %b %Y",
    "%d-%b-%Y",
    "%d %b %Y %H:%M:%S",
    "%d %b %Y %H:%M",
    "%d-%b-%Y %H:%M:%S",
    "%d-%b-%Y %H:%M",
    "%b %d, %Y",
)
"""What can be read in one way only; `%s` and `%Q` are digits: epoch seconds and milliseconds."""

_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
DAY_FIRST_FORMATS: tuple[str, ...] = tuple(
    f"%d{mark}%m{mark}%{year}{time}" for mark in "/.-" for year in "Yy" for time in _TIMES
)
MONTH_FIRST_FORMATS: tuple[str, ...] = tuple(
    f"%m{mark}%d{mark}%{year}{time}" for mark in "/.-" for year in "Yy" for time in _TIMES
)

_MOMENT = pl.Datetime("us")
_EPOCH_DIGITS = {  # the lengths that mean 1973 to 2286, with or without a fraction
    EPOCH_SECONDS: (r"^([0-9]{9,10}(?:\.[0-9]*)?)$", 1_000_000),
    EPOCH_MILLISECONDS: (r"^([0-9]{12,13}(?:\.[0-9]*)?)$", 1_000),
}
# Shown in messages: only what cannot be a name or an address.
_HARMLESS = r"^[0-9][0-9TZ:/., +-]{3,31}$"
_MAX_EXAMPLES = 3


def to_datetime(column: pl.Expr, formats: Sequence[str] = DEFAULT_FORMATS) -> pl.Expr:
    """The moments that a column holds, as naive `Datetime("us")`; null where unreadable.

    Text is trimmed and read by the first of `formats` that fits; offsets are converted to UTC.
    Dates and datetimes are used as they are; integers are read like digits in text.
    """
    wanted = tuple(formats)
    return column.map_batches(
        lambda values: parse(values, wanted)[0], return_dtype=_MOMENT, is_elementwise=True
    )


def to_datetime_on_day(column: pl.Expr, day: pl.Expr) -> pl.Expr:
    """Like `to_datetime`, where the day of each row is already known.

    `day` (Date) decides between day first and month first; a text that can be read, but never as
    a moment of that day, is read by `DEFAULT_FORMATS` alone.
    """
    sure = to_datetime(column)
    readings = [to_datetime(column, f) for f in (DAY_FIRST_FORMATS, MONTH_FIRST_FORMATS)]
    fitting = [pl.when(reading.dt.date() == day).then(reading) for reading in readings]
    return pl.coalesce(sure, *fitting)


@dataclass(frozen=True)
class DetectedFormats:
    """How to read a column: `formats` for `to_datetime`, or the `problem` that forbids it."""

    formats: tuple[str, ...]
    problem: str | None = None


def detect_format(values: pl.Series) -> DetectedFormats:
    """The formats that read these values in the only possible way."""
    census = DayCensus()
    census.add(values)
    return census.verdict()


@dataclass
class _Reading:
    """What one family of formats made of the values that it was given."""

    formats: Counter[str] = field(default_factory=Counter)
    rows_by_day: Counter[date] = field(default_factory=Counter)

    def add(self, parsed: pl.Series, used: Sequence[str]) -> None:
        self.formats.update(used)
        days = parsed.dt.date().drop_nulls()
        for day, rows in days.value_counts(name="rows").iter_rows():
            self.rows_by_day[day] += rows


class DayCensus:
    """Counts rows by day over a delivery that comes in pieces, and decides on its formats at last.

    Args:
        formats: the only formats to try; without them `DEFAULT_FORMATS`, and day first or month
            first where the values leave one of the two.
    """

    def __init__(self, formats: Sequence[str] = ()) -> None:
        self._formats = tuple(formats)
        self._sure = _Reading()
        self._day_first = _Reading()
        self._month_first = _Reading()
        self._only_day_first = self._only_month_first = self._differing = 0
        self._examples: list[str] = []

    def add(self, values: pl.Series) -> None:
        """Take in one piece: text, dates, datetimes or integers."""
        parsed, used = parse(values, self._formats or DEFAULT_FORMATS)
        self._sure.add(parsed, used)
        if parsed.null_count() == values.null_count():
            return
        left = values.filter(parsed.is_null() & values.is_not_null())
        if not self._formats and left.dtype == pl.String:
            self._weigh(left)
        if len(self._examples) < _MAX_EXAMPLES and left.dtype == pl.String:
            harmless = left.str.strip_chars()
            harmless = harmless.filter(harmless.str.contains(_HARMLESS)).unique(maintain_order=True)
            known = self._examples
            known += [text for text in harmless.head(_MAX_EXAMPLES) if text not in known]
            del known[_MAX_EXAMPLES:]

    def _weigh(self, left: pl.Series) -> None:
        day_first, day_first_used = parse(left, DAY_FIRST_FORMATS)
        month_first, month_first_used = parse(left, MONTH_FIRST_FORMATS)
        self._day_first.add(day_first, day_first_used)
        self._month_first.add(month_first, month_first_used)
        self._only_day_first += len(left.filter(day_first.is_not_null() & month_first.is_null()))
        self._only_month_first += len(left.filter(month_first.is_not_null() & day_first.is_null()))
        self._differing += len(left.filter(day_first != month_first))

    def verdict(self) -> DetectedFormats:
        """The formats that are in use in what was taken in."""
        if self._only_day_first and self._only_month_first:
            return DetectedFormats((), "some dates can only be day first, others only month first")
        if self._differing and not self._only_day_first and not self._only_month_first:
            return DetectedFormats((), "the dates can be read day first and month first")
        order = (*self._formats, *DEFAULT_FORMATS, *DAY_FIRST_FORMATS, *MONTH_FIRST_FORMATS)
        used = self._sure.formats | self._chosen().formats
        return DetectedFormats(tuple(dict.fromkeys(f for f in order if f in used)))

    def rows_by_day(self) -> dict[date, int]:
        """Rows of each readable day, ascending."""
        return dict(sorted((self._sure.rows_by_day + self._chosen().rows_by_day).items()))

    def examples(self) -> tuple[str, ...]:
        """Up to three texts that no sure format reads, of digits and signs only."""
        return tuple(self._examples)

    def _chosen(self) -> _Reading:
        return self._month_first if self._only_month_first else self._day_first


def parse(values: pl.Series, formats: Sequence[str]) -> tuple[pl.Series, tuple[str, ...]]:
    """Moments (`Datetime("us")`, null where unreadable), and the formats that read any of them."""
    if isinstance(values.dtype, pl.Datetime):
        if values.dtype.time_zone is not None:
            values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return values.cast(_MOMENT), ()
    if values.dtype == pl.Date:
        return values.cast(_MOMENT), ()
    if values.dtype.is_integer():
        values = values.cast(pl.String)
    if values.dtype != pl.String:
        return pl.Series(values.name, [None] * len(values), dtype=_MOMENT), ()
    rest = pl.DataFrame({"text": values.str.strip_chars()}).with_row_index("row")
    rest = rest.filter(rest["text"].is_not_null() & (rest["text"] != ""))
    found, used = [], []
    for wanted in formats:
        if rest.is_empty():
            break
        moments = _parse_one(rest["text"], wanted)
        is_read = moments.is_not_null()
        if is_read.any():
            used.append(wanted)
            found.append(pl.DataFrame({"row": rest["row"], "moment": moments}).filter(is_read))
            rest = rest.filter(~is_read)
    parsed = pl.Series(values.name, [None], dtype=_MOMENT).new_from_index(0, len(values))
    for part in found:
        parsed = part["moment"] if len(part) == len(values) else parsed.scatter(*part)
    return parsed.alias(values.name), tuple(used)


def _parse_one(text: pl.Series, wanted: str) -> pl.Series:
    if wanted in _EPOCH_DIGITS:
        pattern, unit_us = _EPOCH_DIGITS[wanted]
        ticks = text.str.extract(pattern).cast(pl.Float64) * unit_us
        return ticks.round().cast(pl.Int64).cast(_MOMENT)
    moments = text.str.to_datetime(wanted, time_unit="us", strict=False)
    if moments.dtype != _MOMENT:
        moments = moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    # %Y also takes two digits: "1/2/10" is not a day of the year 10.
    return moments.set(moments.dt.year() < 1000, None)
