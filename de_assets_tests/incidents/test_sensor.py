"""The sensor on finished runs: none is missed, none counts twice, and every change is told."""

from datetime import timedelta

import dagster as dg
import pytest

from de_assets.automation import incidents as automation
from de_assets.automation.incidents import incident_sensor, observe_runs
from de_assets.incidents.channels import WebhookChannel
from de_assets.incidents.notify import Notifier
from de_assets.settings import Settings
from de_assets_tests.incidents.runs import days
from de_assets_tests.incidents.tower import BROKEN, Tower, only


def test_a_failing_warning_opens_an_incident_and_a_good_run_ends_it(
    small, history, tower, receiver
):
    small.results = BROKEN
    small.run(3, 4)
    tower.tick()
    assert receiver.transitions == ["opened"]
    assert set(only(history).failing_days) == days(3, 4)
    small.results = {}
    small.run(3, 4)
    tower.tick()
    assert receiver.transitions == ["opened", "resolved"]
    assert only(history).state == "resolved"


def test_a_tick_takes_runs_in_by_the_order_of_their_ends(small, history, tower, receiver):
    for results in (BROKEN, {}, BROKEN, {}):
        small.results = results
        small.run(3)
    tower.tick()
    assert receiver.transitions == ["opened", "resolved", "reopened", "resolved"]
    assert only(history).reopened == 1


def test_a_failed_step_is_an_incident_too(small, history, tower, receiver):
    small.error = OSError("disk full")
    small.run(3)
    tower.tick()
    assert (only(history).check, receiver.transitions) == ("step", ["opened"])
    small.error = None
    small.run(3)
    tower.tick()
    assert receiver.transitions == ["opened", "resolved"]


def test_what_stays_as_it_is_is_not_told_again(small, tower, receiver):
    small.results = BROKEN
    for _ in range(3):
        small.run(3)
        tower.tick()
    result = tower.tick()
    assert receiver.transitions == ["opened"]
    assert result.skip_message == "Looked at 0 finished runs; no incident changed."


def test_twelve_days_are_one_message(small, tower, receiver):
    small.results = BROKEN
    small.run(1, 12)
    tower.tick()
    assert len(receiver.bodies) == 1
    assert "2026-01-01..2026-01-12 (12 days fail)" in receiver.bodies[0]["text"]


def test_a_bounded_number_of_runs_is_taken_in_a_tick_and_none_is_left_out(
    small, history, tower, receiver
):
    for _ in range(automation.MOST_RUNS_A_TICK + 3):
        small.dies()
    tower.tick()
    assert only(history).runs == automation.MOST_RUNS_A_TICK
    tower.tick()
    assert only(history).runs == automation.MOST_RUNS_A_TICK + 3
    assert receiver.transitions == ["opened"]


def test_a_restart_goes_on_where_the_cursor_is(small, history, tower, receiver):
    small.results = BROKEN
    small.run(3)
    tower.tick()
    restarted = Tower(small, history, receiver.url)
    restarted.cursor = tower.cursor
    small.run(5)
    restarted.tick()
    assert receiver.transitions == ["opened", "opened"]
    assert [incident.runs for incident in history.read().incidents] == [1, 1]


def test_runs_of_more_than_a_day_ago_are_left_alone_by_a_new_sensor(small, history, receiver):
    small.results = BROKEN
    small.run(3)
    tower = Tower(small, history, receiver.url)
    tower.later = timedelta(days=1, minutes=11)
    tower.tick()
    assert history.read().incidents == []


def test_a_command_without_a_daemon_takes_its_own_runs_in(small, history, receiver):
    small.results = BROKEN
    ids = [small.run(3)]
    small.results = {}
    ids.append(small.run(3))
    notifier = Notifier([WebhookChannel(receiver.url)])
    changes = observe_runs(small.instance, small.graph, history, [*ids, "unknown"], notifier)
    assert [change.transition for change in changes] == ["opened", "resolved"]
    assert receiver.transitions == ["opened", "resolved"]
    tower = Tower(small, history, receiver.url)
    tower.tick()
    assert receiver.transitions == ["opened", "resolved"]


@pytest.mark.parametrize(
    ("environment", "status"),
    [("local", dg.DefaultSensorStatus.STOPPED), ("staging", dg.DefaultSensorStatus.RUNNING)],
)
def test_the_sensor_runs_where_somebody_relies_on_it(history, environment, status):
    there = {
        "environment": environment,
        "lake": "lake",
        "sources": "sources.yaml",
        "pii_key": "a key of the staging deployment",
        "crm_access_token": "a token of staging",
    }
    assert incident_sensor(Settings(**there), history, Notifier([])).default_status is status
