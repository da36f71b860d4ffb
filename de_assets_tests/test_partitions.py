"""The calendar, and how a range of days is cut into passes."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from de_assets.partitions import MOST_DAYS_PER_PASS, daily_partitions, passes

MONDAY = date(2024, 3, 4)


def days_from(first: date, count: int) -> list[date]:
    return [first + timedelta(days=number) for number in range(count)]


def test_both_ends_of_the_calendar_are_partitions():
    calendar = daily_partitions(date(2009, 12, 1), date(2009, 12, 3))

    assert calendar.get_partition_keys() == ["2009-12-01", "2009-12-02", "2009-12-03"]


def test_a_calendar_may_be_one_day_long():
    assert daily_partitions(MONDAY, MONDAY).get_partition_keys() == ["2024-03-04"]


def test_a_calendar_without_end_goes_up_to_yesterday():
    calendar = daily_partitions(MONDAY, None)

    now = datetime(2024, 3, 8, 0, 30, tzinfo=UTC)

    assert calendar.get_partition_keys(current_time=now)[-1] == "2024-03-07"


def test_no_days_make_no_pass():
    assert list(passes([], {})) == []


def test_days_are_read_together_as_long_as_they_fit():
    monday, tuesday, wednesday, thursday = days_from(MONDAY, 4)
    weights = {monday: 4, tuesday: 6, wednesday: 1, thursday: 10}

    cut = list(passes([monday, tuesday, wednesday, thursday], weights, budget=10))

    assert cut == [[monday, tuesday], [wednesday], [thursday]]


def test_a_day_that_is_too_heavy_is_a_pass_of_its_own():
    monday, tuesday, wednesday = days_from(MONDAY, 3)

    cut = list(passes([monday, tuesday, wednesday], {tuesday: 99}, budget=10))

    assert cut == [[monday], [tuesday], [wednesday]]


def test_a_gap_ends_a_pass():
    monday, _, wednesday, thursday = days_from(MONDAY, 4)

    assert list(passes([monday, wednesday, thursday], {})) == [[monday], [wednesday, thursday]]


def test_days_that_weigh_nothing_are_still_cut():
    days = days_from(MONDAY, MOST_DAYS_PER_PASS + 1)

    assert list(passes(days, {})) == [days[:-1], days[-1:]]


@given(
    days=st.sets(st.dates(date(2024, 1, 1), date(2024, 12, 31))).map(sorted),
    weight=st.lists(st.integers(0, 20), min_size=366, max_size=366),
    budget=st.integers(1, 60),
)
def test_every_day_is_in_one_pass_and_every_pass_keeps_the_rules(days, weight, budget):
    weights = {day: weight[day.timetuple().tm_yday - 1] for day in days}

    cut = list(passes(days, weights, budget))

    assert [day for together in cut for day in together] == days
    for together in cut:
        assert together == days_from(together[0], len(together))
        assert len(together) <= MOST_DAYS_PER_PASS
        assert len(together) == 1 or sum(weights[day] for day in together) <= budget


@pytest.mark.parametrize("end", [date(2024, 2, 29), date(2024, 12, 31)])
def test_leap_days_and_new_years_eve_are_days(end: date):
    assert daily_partitions(end, end).get_partition_keys() == [str(end)]
