"""The asset graph as people see it, spelled by hand."""

import dagster as dg
import pytest

from de_assets.definitions import build_defs
from de_assets.errors import SourcesError
from de_assets.settings import Settings

SANDBOX = "data/sources/sandbox.yaml"
DAILY = {
    "raw/order_lines",
    "raw/events",
    "raw/contacts",
    "cleaned/order_lines",
    "cleaned/events",
    "cleaned/contacts",
    "quarantine/order_lines",
    "quarantine/events",
    "quarantine/contacts",
    "identity/contacts",
    "modeled/fct_order_line",
    "modeled/fct_session",
    "modeled/contact_daily",
    "features/contact_features",
    "predictions/lead_scores",
    "crm/sync_plan",
    "crm/writeback",
    "crm/reconciliation",
}
WHOLE = {
    "raw/products",
    "cleaned/products",
    "quarantine/products",
    "modeled/dim_contact",
    "modeled/dim_product",
    "features/training_set",
    "model/lead_model_candidate",
    "model/lead_model",
}
OUTSIDE = {
    "source/order_lines",
    "source/events",
    "source/products",
    "source/contacts",
    "destination/crm",
}


@pytest.fixture(scope="module")
def defs(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    lake = tmp_path_factory.mktemp("lake")
    return build_defs(Settings(lake=str(lake), sources=SANDBOX))


@pytest.fixture(scope="module")
def graph(defs):
    return defs.resolve_asset_graph()


def test_the_assets_are_the_ones_of_the_design(graph):
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert keys == DAILY | WHOLE | OUTSIDE


def test_daily_assets_are_partitioned_by_day_and_the_others_are_not(graph):
    daily = {
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if isinstance(graph.get(key).partitions_def, dg.DailyPartitionsDefinition)
    }
    assert daily == DAILY


def test_every_asset_has_a_group_an_owner_a_description_and_a_kind(graph):
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.group_name != "default", key
        assert node.owners, key
        assert node.description, key
        assert node.kinds, key


def test_every_asset_of_ours_has_a_code_version_and_a_column_schema_before_its_first_run(graph):
    for key in graph.get_all_asset_keys():
        name = key.to_user_string()
        if name in OUTSIDE:
            continue
        assert graph.get(key).code_version, name
        if key.path[0] != "model":
            schema = graph.get(key).metadata["dagster/column_schema"]
            assert schema.columns, name
            assert all("pii" in column.tags for column in schema.columns), name


def test_lineage_of_every_asset_begins_at_a_declared_source(graph):
    sources = {key for key in graph.get_all_asset_keys() if key.path[0] == "source"}
    for key in graph.get_all_asset_keys() - sources:
        ancestors = graph.get_ancestor_asset_keys(key)
        assert ancestors & sources, key
        roots = {ancestor for ancestor in ancestors if not graph.get(ancestor).parent_keys}
        assert roots <= sources, key


def test_no_asset_has_more_than_six_checks(graph):
    for key in graph.get_all_asset_keys():
        assert len(graph.get(key).check_keys) <= 6, key


def test_the_jobs_schedules_and_sensors_are_the_ones_that_people_rely_on(defs):
    assert {job.name for job in defs.resolve_all_job_defs()} - {"__ASSET_JOB"} == {
        "ingest",
        "train",
        "score_and_write_back",
        "retention",
    }
    repository = defs.get_repository_def()
    assert {schedule.name for schedule in repository.schedule_defs} == {
        "ingest_daily",
        "score_daily",
        "train_weekly",
        "retention_daily",
    }
    assert {sensor.name for sensor in repository.sensor_defs} == {
        "new_order_lines_files",
        "new_events_files",
        "incidents",
    }


def test_sensors_and_schedules_wait_on_a_developers_machine_and_run_elsewhere(tmp_path):
    production = Settings(
        environment="production",
        lake=str(tmp_path),
        sources=SANDBOX,
        pii_key="a key that is not the local one",
        crm_access_token="a token that is not the local one",
    )
    for settings, status in ((Settings(sources=SANDBOX), "STOPPED"), (production, "RUNNING")):
        repository = build_defs(settings).get_repository_def()
        states = {
            s.default_status.name for s in (*repository.schedule_defs, *repository.sensor_defs)
        }
        assert states == {status}


def test_a_company_without_events_has_no_sensor_for_them_and_the_same_graph(graph):
    shop = build_defs(Settings(sources="data/sources/online-retail-ii.yaml"))
    assert {s.name for s in shop.get_repository_def().sensor_defs} == {
        "new_order_lines_files",
        "incidents",
    }
    assert shop.resolve_asset_graph().get_all_asset_keys() == graph.get_all_asset_keys()


def test_a_missing_sources_file_is_named(tmp_path):
    with pytest.raises(SourcesError, match=r"nowhere\.yaml"):
        build_defs(Settings(sources=str(tmp_path / "nowhere.yaml")))
