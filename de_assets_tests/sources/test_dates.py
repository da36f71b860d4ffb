# ruff: noqa: DTZ001  what is tested is naive
"""Which moments are read from text, and when a file's dates are too ambiguous to be read."""

from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from de_assets.transforms.dates import (
    DEFAULT_FORMATS,
    DayCensus,
    detect_format,
    parse,
    to_datetime,
    to_datetime_on_day,
)

MOMENT = datetime(2010, 12, 1, 8, 26)


def read(text: object, *formats: str) -> datetime | None:
    frame = pl.DataFrame({"when": [text]})
    wanted = formats or DEFAULT_FORMATS
    return frame.lazy().select(to_datetime(pl.col("when"), wanted)).collect().item()


@pytest.mark.parametrize(
    "text",
    [
        "2010-12-01 08:26:00",
        "2010-12-01T08:26:00",
        " 2010-12-01 08:26:00 ",
        "2010-12-1 8:26:00",
        "2010-12-01 08:26",
        "2010-12-01T08:26",
        "2010-12-01T08:26:00.000",
        "2010-12-01 08:26:00.000000000",
        "2010-12-01T08:26:00Z",
        "2010-12-01T08:26Z",
        "2010-12-01T08:26:00.000Z",
        "2010-12-01T10:26:00+02:00",
        "2010-12-01T03:26:00-0500",
        "2010-12-01 10:26:00+02",
        "2010-12-01 08:26:00 UTC",
        "2010/12/01 08:26:00",
        "2010/12/01 08:26",
        "20101201082600",
        "20101201T082600",
        "20101201T082600Z",
        "1291191960",
        "1291191960.0",
        "1291191960000",
        "01 Dec 2010 08:26:00",
        "1-Dec-2010 08:26",
    ],
)
def test_an_unambiguous_text_is_read_as_its_moment_in_utc(text):
    assert read(text) == MOMENT


@pytest.mark.parametrize(
    "text", ["2010-12-01", "2010/12/01", "20101201", "1 Dec 2010", "1-Dec-2010", "Dec 1, 2010"]
)
def test_a_date_is_read_as_its_midnight(text):
    assert read(text) == datetime(2010, 12, 1)


def test_fractions_of_a_second_are_kept():
    assert read("2010-12-01T08:26:00.123456Z") == MOMENT.replace(microsecond=123456)
    assert read("1291191960.123456") == MOMENT.replace(microsecond=123456)
    assert read("1291191960123") == MOMENT.replace(microsecond=123000)


@pytest.mark.parametrize(
    "text",
    ["", " ", "x", "10/2/2017 8:26", "1/2/10", "2010-13-01", "2010-02-30", "12345", "10-12-01",
     "99999999999", "2010", "-1291191960"],
)  # fmt: skip
def test_what_is_no_sure_moment_is_null(text):
    assert read(text) is None


def test_only_the_formats_that_are_given_are_read():
    assert read("10/2/2017 8:26", "%d/%m/%Y %H:%M") == datetime(2017, 2, 10, 8, 26)
    assert read("10/2/2017 8:26", "%m/%d/%Y %H:%M") == datetime(2017, 10, 2, 8, 26)
    assert read("2017-02-10", "%m/%d/%Y %H:%M") is None
    assert read("123456789", "%s") == datetime(1973, 11, 29, 21, 33, 9)


def test_typed_moments_are_used_as_they_are():
    aware = datetime(2010, 12, 1, 10, 26, tzinfo=timezone(timedelta(hours=2)))

    assert read(MOMENT) == MOMENT
    assert read(aware) == MOMENT
    assert read(date(2010, 12, 1)) == datetime(2010, 12, 1)
    assert read(1291191960) == MOMENT
    assert read(True) is None


def test_values_keep_their_places():
    texts = ["x", "2010-12-01", None, "1291191960", "", "2010-12-02"]

    moments, used = parse(pl.Series("when", texts), DEFAULT_FORMATS)

    assert moments.to_list() == [
        None, datetime(2010, 12, 1), None, MOMENT, None, datetime(2010, 12, 2),
    ]  # fmt: skip
    assert used == ("%Y-%m-%d", "%s")


@given(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_iso_text_comes_back_equal(moment):
    assert read(moment.isoformat()) == moment.replace(tzinfo=None)


@pytest.mark.parametrize(
    ("texts", "formats"),
    [
        (["10/2/2017 8:26", "10/13/2017 8:26"], ("%m/%d/%Y %H:%M",)),
        (["10/2/2017", "13/2/2017"], ("%d/%m/%Y",)),
        (["1.2.2017 08:26:00", "31.1.2017 08:26:00"], ("%d.%m.%Y %H:%M:%S",)),
        (["12-31-10 8:26", "1-2-11 8:26"], ("%m-%d-%y %H:%M",)),
        (["12/1/2010 8:26 PM", "12/13/2010 8:26 AM"], ("%m/%d/%Y %I:%M %p",)),
        (["2010-12-01", "12/13/2010", "junk"], ("%Y-%m-%d", "%m/%d/%Y")),
        (["5/5/2017", "6/6/2017"], ("%d/%m/%Y",)),
        (["junk"], ()),
        ([None], ()),
    ],
)
def test_the_only_possible_reading_of_a_column_is_found(texts, formats):
    detected = detect_format(pl.Series(texts, dtype=pl.String))

    assert (detected.formats, detected.problem) == (formats, None)


def test_dates_that_can_be_read_both_ways_are_a_problem():
    assert "day first and month first" in str(detect_format(pl.Series(["1/2/2017"])).problem)


def test_dates_that_contradict_each_other_are_a_problem():
    problem = detect_format(pl.Series(["13/1/2017", "1/13/2017"])).problem

    assert "some dates can only be day first, others only month first" in str(problem)


def test_a_later_piece_decides_on_an_earlier_one():
    census = DayCensus()
    census.add(pl.Series(["1/2/2017", "2010-12-01"]))
    census.add(pl.Series(["1/13/2017", None]))

    assert census.verdict().formats == ("%Y-%m-%d", "%m/%d/%Y")
    assert census.rows_by_day() == {
        date(2010, 12, 1): 1, date(2017, 1, 2): 1, date(2017, 1, 13): 1,
    }  # fmt: skip


def test_examples_hold_no_letters_but_those_of_dates():
    census = DayCensus(["%Y"])
    census.add(pl.Series(["ada@example.com", "Ada Lovelace", "1/2/2017", "1/2/2017", "2/3/2017"]))
    census.add(pl.Series(["3/4/2017", "4/5/2017"]))

    assert census.examples() == ("1/2/2017", "2/3/2017", "3/4/2017")


def test_a_known_day_decides_between_day_first_and_month_first():
    frame = pl.DataFrame(
        {
            "when": ["10/2/2017 8:26", "10/2/2017 8:26", "10/2/2017 8:26", "2017-02-10"],
            "dt": [date(2017, 2, 10), date(2017, 10, 2), date(2017, 1, 1), date(2017, 1, 1)],
        }
    )

    moments = frame.select(to_datetime_on_day(pl.col("when"), pl.col("dt"))).to_series()

    assert moments.to_list() == [
        datetime(2017, 2, 10, 8, 26), datetime(2017, 10, 2, 8, 26), None, datetime(2017, 2, 10),
    ]  # fmt: skip
