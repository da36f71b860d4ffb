"""Gaps of the calendar: how they are written, what they cover, and what is said of wrong ones."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from de_assets.errors import SourcesError
from de_assets.sources import Calendar, load_sources

REPOSITORY = Path(__file__).parents[2]


def calendar(*gaps: object) -> Calendar:
    return Calendar.model_validate({"start": "2010-01-01", "gaps": gaps})


def test_without_gaps_something_is_due_on_every_day():
    assert not Calendar(start=date(2010, 1, 1)).is_gap(date(2010, 1, 2))


def test_a_weekday_a_day_and_a_range_are_gaps_and_nothing_else_is():
    gaps = calendar("saturday", "2010-04-02", "2010-12-24..2011-01-03")

    days = [date(2010, 1, 1) + timedelta(days=n) for n in range(400)]
    found = {day for day in days if gaps.is_gap(day)}

    assert {day for day in days if day.weekday() == 5} <= found
    assert [day for day in sorted(found) if day.weekday() != 5] == [
        date(2010, 4, 2),
        date(2010, 12, 24),
        *(date(2010, 12, 26) + timedelta(days=n) for n in range(6)),
        *(date(2011, 1, 2) + timedelta(days=n) for n in range(2)),
    ]


@pytest.mark.parametrize("gap", ["Saturday", " saturday ", "SATURDAY"])
def test_weekdays_are_read_in_any_case(gap):
    assert calendar(gap).is_gap(date(2010, 1, 2))


def test_one_gap_needs_no_list(tmp_path):
    path = tmp_path / "sources.yaml"
    path.write_text("calendar: {start: 2010-01-01, gaps: sunday}\ncurrency: gbp\n")

    assert load_sources(path).calendar.is_gap(date(2010, 1, 3))


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        ("saterday", "did you mean saturday?"),
        ("2010-12-24..", "a range of days (2010-12-24..2011-01-03)"),
        ("24.12.2010", "a day (2011-04-29)"),
        ("2011-01-03..2010-12-24", "2011-01-03 is after 2010-12-24: exchange them"),
        ("5", "must be a day"),
    ],
)
def test_a_wrong_gap_is_refused_with_what_is_allowed(tmp_path, gap, said):
    path = tmp_path / "sources.yaml"
    path.write_text(f"calendar: {{start: 2010-01-01, gaps: [monday, '{gap}']}}\ncurrency: gbp\n")

    with pytest.raises(SourcesError) as error:
        load_sources(path)

    assert "calendar.gaps.1: " in error.value.what
    assert said in error.value.what


def test_a_gap_that_is_no_text_is_refused():
    with pytest.raises(ValidationError, match="must be a day"):
        calendar({"from": "2010-01-01"})


def test_the_gaps_of_the_real_shop_are_its_136_closed_days():
    shop = load_sources(REPOSITORY / "data/sources/online-retail-ii.yaml").calendar

    days = [shop.start + timedelta(days=n) for n in range(739)]

    # 135 days without trade, and the one Saturday on which the shop traded.
    assert sum(map(shop.is_gap, days)) == 136
    assert shop.end == days[-1]
