"""The table of incidents: one file, in a directory or on S3, that many may write at once."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from uuid import uuid4

import polars as pl
import pytest

from de_assets.contracts.audit import audit
from de_assets.contracts.base import polars_schema
from de_assets.contracts.incidents import Incidents
from de_assets.errors import PreconditionFailedError, StorageError
from de_assets.incidents.history import APPLIED, KEY, IncidentHistory
from de_assets.settings import S3Settings
from de_assets.storage.objects import LocalStore, open_store
from de_assets.storage.s3 import S3Options
from de_assets_tests.incidents.runs import NOON, day, failing, passing, run


def test_what_was_recorded_is_read_back(store):
    facts = {"owner": "team:x", "downstream": ("a/b", "c/d"), "text": "rule: 3", "failing_rows": 3}
    changes = IncidentHistory(store).record([run("a", failing(1, 2, **facts))], ["log"])
    (incident,) = IncidentHistory(store).read().incidents
    assert incident == changes[0].incident
    assert incident.failing_days == [day(1), day(2)]
    assert incident.downstream == ["a/b", "c/d"]
    assert [pending.channel for pending in incident.pending] == ["log"]


def test_runs_that_were_taken_in_are_remembered_with_the_table(store):
    history = IncidentHistory(store)
    history.record([run("a", failing(1))], [])
    history.record([run("b", passing(1), hours=1)], [])
    assert IncidentHistory(store).record([run("a", failing(1))], []) == []
    assert list(history.read().applied) == ["a", "b"]


def test_the_table_keeps_its_contract_and_needs_no_code_of_ours_to_be_read(local_store):
    history = IncidentHistory(local_store)
    history.record([run("a", failing(1), failing(check="step", severity="error"))], ["log"])
    history.record([run("b", passing(1), hours=1)], ["log"])
    history.acknowledge(history.read().incidents[1].incident_id, "ada", NOON)
    frame = pl.read_parquet(BytesIO(local_store.read(KEY)[0]))
    assert frame.schema == polars_schema(Incidents)
    assert frame.equals(history.frame())
    verdict = audit(Incidents, frame)
    assert not verdict.structural
    assert not any(mask.any() for mask in verdict.failing.values())
    assert frame["state"].to_list() == ["resolved", "acknowledged"]


def test_without_a_table_there_are_no_incidents_and_the_frame_is_empty(history):
    assert history.read().incidents == []
    assert history.frame().schema == polars_schema(Incidents)


def test_what_changes_nothing_writes_nothing(local_store):
    history = IncidentHistory(local_store)
    history.record([run("a", failing(1))], [])
    before = [info.version for info in local_store.list(KEY)]
    history.record([run("a", failing(1))], [])
    history.claim(["log"], NOON)
    assert [info.version for info in local_store.list(KEY)] == before


def test_eight_writers_at_once_lose_nothing(store):
    def write(number):
        check = f"check_{number}"
        return IncidentHistory(store).record([run(f"r{number}", failing(1, check=check))], ["log"])

    with ThreadPoolExecutor(8) as pool:
        changes = list(pool.map(write, range(8)))
    assert [len(found) for found in changes] == [1] * 8
    book = IncidentHistory(store).read()
    assert {incident.check for incident in book.incidents} == {f"check_{n}" for n in range(8)}
    assert set(book.applied) == {f"r{n}" for n in range(8)}


def test_two_that_take_in_the_same_run_change_and_claim_it_once(store):
    def both(_):
        history = IncidentHistory(store)
        changes = history.record([run("a", failing(1))], ["log"])
        return len(changes), len(history.claim(["log"], NOON))

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(both, range(2)))
    assert sum(changes for changes, _ in done) == 1
    assert sum(claims for _, claims in done) == 1


class Contested(LocalStore):
    """A store in which somebody else is always a little faster."""

    def write(self, key, data, **conditions):
        other = pl.read_parquet(BytesIO(self.read(key)[0]))
        buffer = BytesIO()
        other.write_parquet(buffer, metadata={APPLIED: f'[["{uuid4()}", "SUCCESS"]]'})
        super().write(key, buffer.getvalue())
        return super().write(key, data, **conditions)


def test_who_always_loses_gives_up_with_an_error(tmp_path, history):
    history.record([run("a", failing(1))], [])
    with pytest.raises(PreconditionFailedError, match="another writer was faster"):
        IncidentHistory(Contested(tmp_path / "lake")).record([run("b", failing(9))], [])


def test_a_lake_that_cannot_be_reached_is_an_error_that_says_so():
    nowhere = S3Settings.model_validate(
        {
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_ACCESS_KEY_ID": "k",
            "AWS_SECRET_ACCESS_KEY": "s",
        }
    )
    history = IncidentHistory(open_store("s3://bucket/prefix", S3Options(nowhere)))
    with pytest.raises(StorageError, match="S3 cannot be reached"):
        history.record([run("a", failing(1))], [])
