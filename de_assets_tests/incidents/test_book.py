"""An incident opens once, grows, is taken on, ends, and comes back; each change is told once."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from de_assets import incidents
from de_assets.errors import DeAssetsError
from de_assets.incidents.book import MOST_APPLIED_RUNS, MOST_NOTICES_AT_ONCE, Book
from de_assets_tests.incidents.runs import NOON, day, days, failing, passing, run


@pytest.fixture
def book():
    return Book()


def transitions(changes):
    return [change.transition for change in changes]


def test_neighbouring_days_of_one_evaluation_are_one_incident(book):
    changes = book.apply(run("a", failing(*range(1, 13), text="price_ge_0: 31", failing_rows=31)))
    (incident,) = book.incidents
    assert transitions(changes) == ["opened"]
    assert (incident.first_day, incident.last_day) == (day(1), day(12))
    assert incident.failing_days == [day(n) for n in range(1, 13)]
    assert (incident.state, incident.failing_rows, incident.text) == ("open", 31, "price_ge_0: 31")
    assert incident.opened_at == incident.last_seen_at == NOON


def test_days_of_one_evaluation_that_lie_a_week_apart_are_one_story_and_more_are_two(book):
    book.apply(run("a", failing(1, 8, 15, 23)))
    assert [(i.first_day, i.last_day) for i in book.incidents] == [
        (day(1), day(15)),
        (day(23), day(23)),
    ]


def test_the_next_day_that_fails_joins_in_silence(book):
    book.apply(run("a", failing(5)))
    assert book.apply(run("b", failing(6), hours=24)) == []
    (incident,) = book.incidents
    assert (incident.last_day, incident.runs) == (day(6), 2)


def test_a_day_that_fails_after_one_that_passed_is_an_incident_of_its_own(book):
    book.apply(run("a", failing(5)))
    changes = book.apply(run("b", passing(6), hours=24)) + book.apply(
        run("c", failing(7), hours=48)
    )
    assert transitions(changes) == ["opened"]
    assert len(book.incidents) == 2


def test_other_checks_and_assets_have_incidents_of_their_own(book):
    findings = [failing(1), failing(1, check="schema"), failing(1, asset="raw/events")]
    assert transitions(book.apply(run("a", *findings))) == ["opened"] * 3


def test_an_incident_ends_when_the_last_of_its_days_has_passed(book):
    book.apply(run("a", failing(1, 2, 3)))
    assert book.apply(run("b", passing(2), hours=1)) == []
    assert book.incidents[0].failing_days == [day(1), day(3)]
    changes = book.apply(run("c", passing(1, 3), hours=2))
    assert transitions(changes) == ["resolved"]
    assert book.incidents[0].resolved_at == NOON + timedelta(hours=2)


def test_a_run_that_mends_one_end_and_breaks_the_other_neither_ends_nor_reopens(book):
    book.apply(run("a", failing(1)))
    assert book.apply(run("b", failing(2), passing(1), hours=1)) == []
    assert book.incidents[0].failing_days == [day(2)]


def test_a_table_as_a_whole_is_mended_only_as_a_whole(book):
    book.apply(run("a", failing()))
    assert book.incidents[0].first_day is None
    assert book.apply(run("b", passing(1), hours=1)) == []
    assert transitions(book.apply(run("c", passing(), hours=2))) == ["resolved"]


def test_a_check_that_passes_on_the_whole_table_ends_its_days_too(book):
    book.apply(run("a", failing(3)))
    assert transitions(book.apply(run("b", passing(), hours=1))) == ["resolved"]


def test_what_fails_again_within_a_week_is_the_same_incident_reopened(book):
    book.apply(run("a", failing(3)))
    book.acknowledge(book.incidents[0].incident_id, "ada", NOON)
    book.apply(run("b", passing(3), hours=1))
    changes = book.apply(run("c", failing(3), hours=24 * 7))
    (incident,) = book.incidents
    assert transitions(changes) == ["reopened"]
    assert (incident.state, incident.reopened, incident.runs) == ("open", 1, 2)
    assert incident.resolved_at is incident.acknowledged_by is incident.acknowledged_at is None


def test_what_fails_again_later_is_a_new_incident(book):
    book.apply(run("a", failing(3)))
    book.apply(run("b", passing(3), hours=1))
    assert transitions(book.apply(run("c", failing(3), hours=24 * 7 + 2))) == ["opened"]
    assert len(book.incidents) == 2


def test_a_warning_that_becomes_an_error_is_told_once(book):
    book.apply(run("a", failing(3)))
    first = book.apply(run("b", failing(3, severity="error"), hours=1))
    second = book.apply(run("c", failing(3, severity="error"), hours=2))
    third = book.apply(run("d", failing(3), hours=3))
    assert [transitions(changes) for changes in (first, second, third)] == [["worsened"], [], []]
    assert book.incidents[0].severity == "error"


def test_two_incidents_that_grow_together_go_on_as_the_older_one(book):
    book.apply(run("a", failing(1, 2)))
    book.apply(run("b", failing(4, 5, severity="error"), hours=1))
    assert book.apply(run("c", failing(3), hours=2)) == []
    older, younger = book.incidents
    assert older.failing_days == [day(n) for n in range(1, 6)]
    assert (older.severity, younger.state, younger.merged_into) == (
        "error",
        "resolved",
        older.incident_id,
    )
    book.apply(run("d", passing(1, 2, 3, 4, 5), hours=3))
    assert transitions(book.apply(run("e", failing(5), hours=4))) == ["reopened"]
    assert older.state == "open"


def test_a_run_that_is_taken_in_twice_counts_once(book):
    first, second = run("a", failing(3)), run("b", passing(3), hours=1)
    book.apply(first, ["log"])
    book.apply(second, ["log"])
    assert book.apply(first, ["log"]) == book.apply(second, ["log"]) == []
    (incident,) = book.incidents
    assert (incident.state, incident.runs, len(incident.pending)) == ("resolved", 1, 2)


def test_a_run_that_was_thought_dead_and_came_through_is_taken_in_again(book):
    book.apply(run("a", failing(3, check="step"), status="FAILURE"))
    changes = book.apply(run("a", passing(3, check="step"), status="SUCCESS", hours=1))
    assert transitions(changes) == ["resolved"]


def test_only_so_many_runs_are_remembered(book):
    for number in range(MOST_APPLIED_RUNS + 5):
        book.apply(run(f"r{number}"))
    assert len(book.applied) == MOST_APPLIED_RUNS
    assert "r4" not in book.applied


def test_incidents_that_ended_long_ago_are_forgotten_and_open_ones_are_not(book):
    book.apply(run("a", failing(1), failing(1, check="schema")))
    book.apply(run("b", passing(1), hours=1))
    book.apply(run("c", hours=24 * 801))
    assert [incident.check for incident in book.incidents] == ["schema"]


def test_the_id_of_an_incident_follows_from_the_run_and_what_it_is_about():
    ids = []
    for _ in range(2):
        book = Book()
        book.apply(run("a", failing(3), failing(20), failing(3, check="schema")))
        ids.append([incident.incident_id for incident in book.incidents])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3


def test_an_incident_is_found_by_the_beginning_of_its_id(book):
    book.apply(run("a", failing(3)))
    incident = book.acknowledge(book.incidents[0].incident_id[:4], "ada", NOON)
    assert (incident.state, incident.acknowledged_by) == ("acknowledged", "ada")


@pytest.mark.parametrize(("given_id", "problem"), [("x", "no incidents"), ("", "no incidents")])
def test_an_id_that_nothing_has_is_an_error(book, given_id, problem):
    book.apply(run("a", failing(3)))
    with pytest.raises(DeAssetsError, match=problem):
        book.find(given_id)


def test_an_incident_that_is_over_cannot_be_taken_on(book):
    book.apply(run("a", failing(3)))
    book.apply(run("b", passing(3), hours=1))
    with pytest.raises(DeAssetsError, match="is over since 2026-02-01 13:00 UTC"):
        book.acknowledge(book.incidents[0].incident_id, "ada", NOON)


def test_an_acknowledged_incident_ends_as_any_other(book):
    book.apply(run("a", failing(3)))
    book.acknowledge(book.incidents[0].incident_id, "ada", NOON)
    assert transitions(book.apply(run("b", passing(3), hours=1))) == ["resolved"]
    assert book.incidents[0].acknowledged_by == "ada"


def test_incidents_of_one_asset_and_check_are_one_notice(book):
    book.apply(run("a", failing(1, 2, 15, 16, 29), failing(1, check="schema")), ["log"])
    notices = book.claim(["log"], NOON)
    assert [len(notice.incidents) for notice in notices] == [3, 1]


def test_what_is_claimed_is_nobody_elses_until_the_claim_ends(book):
    book.apply(run("a", failing(1)), ["log"])
    (notice,) = book.claim(["log"], NOON)
    assert book.claim(["log"], NOON + timedelta(minutes=4)) == []
    (again,) = book.claim(["log"], NOON + timedelta(minutes=6))
    assert again.key == notice.key


def test_what_was_delivered_is_gone_and_what_failed_is_due_at_once(book):
    book.apply(run("a", failing(1)), ["log", "webhook"])
    log, webhook = book.claim(["log", "webhook"], NOON)
    book.settle([log], [webhook])
    (left,) = book.claim(["log", "webhook"], NOON)
    assert (left.channel, left.key) == ("webhook", webhook.key)


def test_what_waits_for_a_channel_of_another_process_stays(book):
    book.apply(run("a", failing(1)), ["webhook-of-staging"])
    assert book.claim(["log"], NOON) == []
    assert len(book.claim(["webhook-of-staging"], NOON)) == 1


def test_what_nobody_took_for_a_week_is_dropped(book):
    book.apply(run("a", failing(1)), ["log"])
    assert book.claim(["log"], NOON + timedelta(days=7)) == []
    assert book.incidents[0].pending == []


def test_a_flood_is_told_in_portions_with_the_oldest_first(book):
    for number in range(MOST_NOTICES_AT_ONCE + 3):
        book.apply(run(f"r{number}", failing(1, check=f"c{number}"), hours=number), ["log"])
    first = book.claim(["log"], NOON)
    book.settle(first, [])
    rest = book.claim(["log"], NOON)
    checks = [notice.incidents[0].check for notice in [*first, *rest]]
    assert checks == [f"c{number}" for number in range(MOST_NOTICES_AT_ONCE + 3)]
    assert len(first) == MOST_NOTICES_AT_ONCE


def test_only_what_reads_runs_knows_dagster():
    modules = Path(incidents.__file__).parent.glob("*.py")
    knowing = {path.name for path in modules if "import dagster" in path.read_text()}
    assert knowing == {"observe.py", "evaluations.py"}


OUTCOMES = st.lists(
    st.tuples(st.integers(1, 20), st.integers(0, 6), st.booleans()), min_size=1, max_size=25
)


@given(OUTCOMES)
def test_after_any_story_exactly_the_days_that_failed_last_are_failing(outcomes):
    """Each outcome is a first day, a number of days more, and whether they fail."""
    book, model = Book(), {}
    for number, (first, more, is_failing) in enumerate(outcomes):
        numbers = range(first, first + more + 1)
        finding = failing(*numbers) if is_failing else passing(*numbers)
        book.apply(run(f"r{number}", finding, hours=number))
        model |= dict.fromkeys(numbers, is_failing)
    open_days = [d for i in book.incidents if not i.is_over for d in i.failing_days]
    assert sorted(open_days) == sorted(days(*(n for n, fails in model.items() if fails)))
    assert all(bool(i.failing_days) != i.is_over for i in book.incidents)
    assert all(i.is_over == (i.resolved_at is not None) for i in book.incidents)
