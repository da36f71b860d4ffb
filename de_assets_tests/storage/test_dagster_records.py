"""Dagster's records with kept connections: the same content, in the same files."""

from pathlib import Path

import dagster as dg
import pytest

from de_assets.storage.dagster_records import MOST_ENGINES, KeptConnectionsEventLog

DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01", end_date="2026-01-11")
PROJECT = Path(__file__).parents[2]


@dg.asset(partitions_def=DAYS)
def numbers(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"rows": 3})


@pytest.fixture
def project_instance(tmp_path, monkeypatch):
    """The instance that the project's own dagster.yaml describes."""
    monkeypatch.setenv("DE_ASSETS_STATE", str(tmp_path))
    with dg.DagsterInstance.from_config(str(PROJECT)) as instance:
        yield instance


def days_of(instance):
    result = instance.fetch_materializations(numbers.key, limit=100)
    return sorted(record.partition_key for record in result.records)


def test_the_projects_instance_keeps_its_connections(project_instance):
    assert isinstance(project_instance.event_log_storage, KeptConnectionsEventLog)


def test_what_is_recorded_is_found_again(project_instance):
    for day in ("2026-01-01", "2026-01-02"):
        assert dg.materialize([numbers], instance=project_instance, partition_key=day).success
    assert days_of(project_instance) == ["2026-01-01", "2026-01-02"]


def test_dagsters_own_storage_reads_the_same_files(project_instance, tmp_path):
    dg.materialize([numbers], instance=project_instance, partition_key="2026-01-03")
    home = tmp_path / "plain"
    home.mkdir()
    (home / "dagster.yaml").write_text(f"storage: {{sqlite: {{base_dir: '{tmp_path}'}}}}\n")
    with dg.DagsterInstance.from_config(str(home)) as plain:
        assert days_of(plain) == ["2026-01-03"]
        dg.materialize([numbers], instance=plain, partition_key="2026-01-04")
    assert days_of(project_instance) == ["2026-01-03", "2026-01-04"]


def test_many_runs_keep_few_files_open(project_instance):
    for _ in range(MOST_ENGINES + 3):
        dg.materialize([numbers], instance=project_instance, partition_key="2026-01-05")
    assert len(project_instance.event_log_storage._engines) <= MOST_ENGINES
    assert len(days_of(project_instance)) == MOST_ENGINES + 3


def test_a_deleted_run_leaves_no_connection_to_its_file(project_instance):
    done = dg.materialize([numbers], instance=project_instance, partition_key="2026-01-06")
    project_instance.delete_run(done.run_id)
    assert project_instance.get_run_by_id(done.run_id) is None
    dg.materialize([numbers], instance=project_instance, partition_key="2026-01-07")
    assert "2026-01-07" in days_of(project_instance)
