"""Volume: rows against the same weekday, and deliveries that came twice."""

import polars as pl
import pytest

from de_assets.checks.volume import judge_volume
from de_assets_tests.checks.series import day, whole_days

# Ten weeks: Saturdays are quiet, nothing comes on Sundays, and no two weeks are quite alike.
WEEK = (400, 420, 390, 410, 300, 100, 0)
USUAL = [round(rows * (1 + 0.03 * ((n * 7) % 5 - 2))) for n, rows in enumerate(WEEK * 10)]
MONDAY, SATURDAY, SUNDAY = 70, 75, 76


def judged(rows, on: int, again=None, is_gap=lambda _day: False):
    profiles = whole_days("rows", rows)
    if again is not None:
        profiles = pl.concat([profiles, whole_days("duplicates", again)])
    return judge_volume(profiles, [day(on)], is_gap)


def alarms(*arguments, **options) -> list[str]:
    return judged(*arguments, **options).alarms["measure"].to_list()


def test_a_usual_day_is_no_alarm():
    assert alarms([*USUAL, 405], MONDAY) == []


@pytest.mark.parametrize("rows", [0, 100, 1_500])
def test_a_day_far_from_its_weekday_is_an_alarm(rows):
    assert alarms([*USUAL, rows], MONDAY) == ["rows"]


def test_each_weekday_has_its_own_level():
    saturday = [*USUAL, *WEEK[:5]]

    assert alarms([*saturday, 100], SATURDAY) == []
    assert alarms([*saturday, 400], SATURDAY) == ["rows"]


def test_nothing_on_a_weekday_that_usually_has_nothing_is_no_alarm():
    assert alarms([*USUAL, *WEEK[:6], 0], SUNDAY) == []
    assert alarms([*USUAL, *WEEK[:6], 300], SUNDAY) == ["rows"]


def test_one_bad_week_in_the_history_changes_no_verdict():
    spoilt = [*USUAL]
    spoilt[56:63] = [0] * 7

    assert alarms([*spoilt, 405], MONDAY) == []
    assert alarms([*spoilt, 0], MONDAY) == ["rows"]


def test_the_level_is_that_of_the_last_eight_weeks():
    grown = [100] * 56 + [1000] * 56

    assert judged([*grown, 1000], 112).measures["usual"].to_list()[:1] == [1000]


def test_a_gap_is_neither_judged_nor_a_part_of_the_history():
    def is_gap(each):
        return each == day(MONDAY) or day(21) <= each < day(70)

    judgement = judged([*USUAL[:21], *[0] * 49, 0, 0], MONDAY, is_gap=is_gap)

    assert judgement.gaps == (day(MONDAY),)
    assert judgement.alarms.is_empty()
    assert judge_volume(
        whole_days("rows", [*USUAL[:35], *[0] * 35, 405]),
        [day(MONDAY)],
        lambda each: day(35) <= each < day(70),
    ).alarms.is_empty()


def test_a_young_table_passes_and_says_so():
    judgement = judged([*USUAL[:14], 0], 14)

    assert judgement.failing_days == []
    assert judgement.days_without_history == 1
    assert "Too little history" in judgement.result("raw/events", "volume").description


def test_a_tiny_table_may_double_or_have_nothing():
    tiny = [2, 1, 3, 0, 2, 1, 2] * 10

    assert alarms([*tiny, 0], MONDAY) == []
    assert alarms([*tiny, 6], MONDAY) == []


def test_a_table_that_is_always_empty_is_no_alarm():
    assert alarms([0] * 71, MONDAY) == []


def test_a_day_that_came_twice_is_an_alarm_of_its_own():
    again = [0] * 70

    judgement = judged([*USUAL, 1215], MONDAY, [*again, 810])

    assert judgement.alarms["measure"].to_list() == ["duplicate share"]  # and not also of rows


def test_a_source_that_always_delivers_twice_is_usual():
    doubled = [2 * rows for rows in USUAL]

    assert alarms([*doubled, 810], MONDAY, [*USUAL, 405]) == []


def test_days_of_a_range_are_each_judged_by_what_came_before():
    rows = [*USUAL, *WEEK * 2]
    rows[MONDAY] = 0
    days = [day(n) for n in range(len(rows))]

    at_once = judge_volume(whole_days("rows", rows), days, lambda _day: False)

    assert at_once.failing_days == [day(MONDAY)]
    alone = judge_volume(whole_days("rows", rows), [day(MONDAY)], lambda _day: False)
    expected = at_once.measures.filter(pl.col("dt") == day(MONDAY))
    assert alone.measures.equals(expected)
