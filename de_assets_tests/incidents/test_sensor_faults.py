"""What the sensor does when it is killed, doubled, or cut off from the lake or a channel."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from de_assets.automation import incidents as automation
from de_assets.automation.incidents import Cursor, observe_runs
from de_assets.errors import StorageError
from de_assets.incidents.channels import WebhookChannel
from de_assets.incidents.history import IncidentHistory
from de_assets.incidents.notify import Notifier
from de_assets.settings import S3Settings
from de_assets.storage.objects import LocalStore, open_store
from de_assets.storage.s3 import S3Options
from de_assets_tests.incidents.receiver import receiving
from de_assets_tests.incidents.small import CLEANED, Small
from de_assets_tests.incidents.tower import BROKEN, Tower, only


def test_a_tick_that_was_killed_before_its_cursor_was_saved_changes_nothing_twice(
    small, history, tower, receiver
):
    for results in (BROKEN, {}):
        small.results = results
        small.run(3)
    tower.tick(is_killed=True)
    tower.tick()
    assert receiver.transitions == ["opened", "resolved"]
    assert (only(history).runs, only(history).reopened) == (1, 0)


def test_a_tick_that_was_killed_before_it_told_anybody_is_made_good(
    small, history, tower, receiver
):
    """The write is done and the messages are claimed; then the process is gone."""
    small.results = BROKEN
    run_id = small.run(3)
    observed = automation.observe(small.instance, small.graph, small.instance.get_run_by_id(run_id))
    channel = WebhookChannel(receiver.url).name
    history.record([observed], [channel])
    assert len(history.claim([channel], datetime.now(UTC))) == 1
    tower.tick()
    assert receiver.transitions == []
    tower.later = timedelta(minutes=6)
    tower.tick()
    assert receiver.transitions == ["opened"]


class Settling(IncidentHistory):
    """A history whose lake is gone when the receipt of a message is to be kept."""

    def __init__(self, folder):
        super().__init__(LocalStore(folder))

    def settle(self, *_):
        raise StorageError("S3 cannot be reached", where="lake", fix="wait")


def test_what_was_told_and_not_noted_is_told_again_under_the_same_key(
    small, history, receiver, tmp_path
):
    small.results = BROKEN
    tower = Tower(small, history, receiver.url)
    small.run(3)
    lost = Tower(small, Settling(tmp_path / "lake"), receiver.url)
    with pytest.raises(StorageError):
        lost.tick()
    tower.later = timedelta(minutes=6)
    tower.tick()
    assert receiver.transitions == ["opened", "opened"]
    assert receiver.bodies[0]["key"] == receiver.bodies[1]["key"]


def test_two_sensors_at_once_tell_everything_once(receiver, tmp_path):
    with dg.DagsterInstance.ephemeral() as instance, ThreadPoolExecutor(2) as pool:
        small = Small(instance)
        histories = [IncidentHistory(LocalStore(tmp_path / "lake")) for _ in range(2)]
        towers = [Tower(small, history, receiver.url) for history in histories]
        for results in (BROKEN, {}, BROKEN):
            small.results = results
            small.run(3)
            list(pool.map(Tower.tick, towers))
    assert receiver.transitions == ["opened", "resolved", "reopened"]
    assert only(histories[0]).runs == 2


def test_a_webhook_in_trouble_is_told_at_the_next_tick(small, tower, receiver):
    receiver.answers = [500, 500, 500]
    small.results = BROKEN
    small.run(3)
    tower.tick()
    assert receiver.bodies == []
    tower.tick()
    assert receiver.transitions == ["opened"]
    tower.tick()
    assert receiver.transitions == ["opened"]


def test_a_broken_channel_does_not_hold_up_the_others(small, history, receiver):
    with receiving() as broken:
        broken.answers = [500] * 100
        tower = Tower(small, history, broken.url, receiver.url)
        small.results = {**BROKEN, "conservation": {"passed": False}}
        small.run(3)
        tower.tick()
        assert len(receiver.bodies) == 2
        assert len(broken.paths) == 3
        broken.answers = []
        tower.tick()
        assert len(broken.bodies) == len(receiver.bodies) == 2


class Defective:
    """A channel with a defect of its own, whose message holds a secret."""

    name = "defective"

    def send(self, message):
        raise RuntimeError(f"secret {message.key}")


def test_a_defect_of_a_channel_neither_stops_nor_repeats_the_others(
    small, history, tower, receiver, caplog
):
    notifier = Notifier([Defective(), WebhookChannel(receiver.url)])
    small.results = BROKEN
    for _ in range(2):
        observe_runs(small.instance, small.graph, history, [small.run(3)], notifier)
    assert receiver.transitions == ["opened"]
    assert "defective failed with RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_a_message_that_is_refused_does_not_hold_up_the_next(small, tower, receiver):
    receiver.answers = [404]
    small.results = {**BROKEN, "conservation": {"passed": False}}
    small.run(3)
    tower.tick()
    assert len(receiver.bodies) == 1


def test_an_unreachable_lake_fails_the_tick_and_nothing_is_lost(small, history, receiver):
    nowhere = S3Settings.model_validate(
        {
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_ACCESS_KEY_ID": "k",
            "AWS_SECRET_ACCESS_KEY": "s",
        }
    )
    unreachable = IncidentHistory(open_store("s3://bucket/prefix", S3Options(nowhere)))
    small.results = BROKEN
    small.run(3)
    lost = Tower(small, unreachable, receiver.url)
    with pytest.raises(StorageError, match="S3 cannot be reached"):
        lost.tick()
    assert lost.cursor is None
    Tower(small, history, receiver.url).tick()
    assert receiver.transitions == ["opened"]


def test_a_run_that_turns_up_behind_the_cursor_is_taken_in_all_the_same(small, history, receiver):
    """Another machine's clock is five minutes slow."""
    small.results = BROKEN
    small.run(3)
    tower = Tower(small, history, receiver.url)
    tower.cursor = Cursor(datetime.now(UTC) + timedelta(minutes=5)).to_text()
    tower.tick()
    tower.tick()
    assert receiver.transitions == ["opened"]
    assert only(history).runs == 1


def test_a_run_that_is_tagged_after_its_end_is_not_taken_in_twice(small, history, tower, receiver):
    small.results = BROKEN
    first = small.run(3)
    small.results = {}
    small.run(3)
    tower.tick()
    tower.cursor = Cursor(Cursor.parse(tower.cursor, datetime.now(UTC)).until).to_text()
    small.instance.add_run_tags(first, {"note": "looked at"})
    tower.tick()
    assert receiver.transitions == ["opened", "resolved"]


def test_a_run_that_cannot_be_read_is_tried_again_and_given_up_in_the_end(small, history, receiver):
    tower = Tower(small, history, receiver.url)
    small.results = BROKEN
    broken = small.run(3)
    small.run(5, only=CLEANED)
    storage = small.instance.event_log_storage
    read = storage.get_records_for_run

    def fails_for_one(run_id, *arguments, **options):
        if run_id == broken:
            raise OSError("the file is damaged")
        return read(run_id, *arguments, **options)

    storage.get_records_for_run = fails_for_one
    for _ in range(automation.ATTEMPTS_A_RUN - 1):
        tower.tick()
    assert receiver.transitions == []
    tower.tick()
    assert [body["incidents"][0]["first_day"] for body in receiver.bodies] == ["2026-01-05"]


def test_a_run_that_could_not_be_read_once_is_taken_in_at_the_next_tick(small, history, receiver):
    tower = Tower(small, history, receiver.url)
    small.results = BROKEN
    small.run(3)
    storage = small.instance.event_log_storage
    read, failures = storage.get_records_for_run, [OSError("locked")]

    def fails_once(*arguments, **options):
        if failures:
            raise failures.pop()
        return read(*arguments, **options)

    storage.get_records_for_run = fails_once
    tower.tick()
    assert receiver.transitions == []
    tower.tick()
    assert receiver.transitions == ["opened"]
