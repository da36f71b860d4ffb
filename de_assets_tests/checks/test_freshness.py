"""Freshness: by the time in the rows, and by how long nothing came."""

from datetime import date, timedelta

import polars as pl
import pytest

from de_assets.checks.freshness import LAG, PAUSE, freshness_policy, judge_freshness
from de_assets_tests.checks.series import day, whole_days

HOUR = 3600
# Ten weeks: open to about 18 h, on Saturdays to 13 h, closed on Sundays.
WEEK = (18.0, 18.2, 17.9, 18.1, 17.5, 13.0, None)
LAST = [hour and round((hour + 0.1 * (n % 3)) * HOUR) for n, hour in enumerate(WEEK * 10)]
ROWS = [0 if hour is None else 100 for hour in WEEK * 10]
MONDAY = 70


def alarms(rows, last, on: list[int], is_gap=lambda _day: False) -> list[tuple[date, str]]:
    profiles = pl.concat([whole_days("rows", rows), whole_days("last_second", last)])
    found = judge_freshness(profiles, [day(n) for n in on], is_gap).alarms
    return found.select("dt", "measure").rows()


@pytest.mark.parametrize(("hour", "expected"), [(18, []), (16, []), (12, [LAG]), (0, [LAG])])
def test_a_day_that_ends_hours_too_early_is_an_alarm(hour, expected):
    found = alarms([*ROWS, 100], [*LAST, hour * HOUR], [MONDAY])

    assert [measure for _, measure in found] == expected


def test_saturdays_may_end_at_noon():
    rows, last = [*ROWS, *[100] * 6], [*LAST, *[18 * HOUR] * 5, 13 * HOUR]

    assert alarms(rows, last, [75]) == []


def test_a_source_that_tells_no_time_of_day_is_no_alarm():
    assert alarms([*ROWS, 100], [0 if rows else None for rows in ROWS] + [0], [MONDAY]) == []


def test_one_missing_day_is_left_to_the_volume_and_the_second_is_an_alarm():
    assert alarms([*ROWS[:69], 100, 0, 0], LAST, [70, 71]) == [(day(71), PAUSE)]


def test_a_usual_pause_is_no_alarm_and_a_longer_one_is():
    weekend = [100, 100, 100, 100, 100, 0, 0] * 10

    assert alarms([*weekend, 0], LAST, [68, 69]) == []
    assert alarms([*weekend, 0], LAST, [70]) == [(day(70), PAUSE)]


def test_a_pause_that_was_too_long_does_not_become_usual():
    rows = [100] * 40 + [0] * 5 + [100] * 20 + [0] * 3

    found = alarms(rows, [], list(range(40, 68)))

    assert [each for each, _ in found] == [day(n) for n in (41, 42, 43, 44, 66, 67)]


def test_a_pause_does_not_grow_on_a_gap():
    def is_gap(each):
        return day(70) <= each <= day(79)

    assert alarms([*ROWS, *[0] * 10, 100], [*LAST], list(range(70, 81)), is_gap) == []


def test_a_gap_says_nothing_of_when_a_day_ends():
    def is_gap(each):
        return each.weekday() == 0 and each != day(MONDAY) and each >= day(28)

    noon_on_gaps = [12 * HOUR if is_gap(day(n)) else last for n, last in enumerate(LAST)]

    assert alarms([*ROWS, 100], [*noon_on_gaps, 12 * HOUR], [MONDAY], is_gap) == [
        (day(MONDAY), LAG)
    ]


def test_a_source_that_never_delivered_is_not_stale():
    assert alarms([0] * 71, [], [MONDAY]) == []


def test_assets_of_a_calendar_without_end_have_dagsters_own_policy_too():
    assert freshness_policy(date(2025, 1, 1)) is None
    policy = freshness_policy(None)
    assert policy is not None
    assert timedelta(hours=24) < policy.fail_window.to_timedelta() < timedelta(hours=48)
