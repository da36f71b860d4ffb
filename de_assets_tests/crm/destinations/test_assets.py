"""Declared destinations are assets: they send the plan, keep receipts, and are nothing else."""

import json

import dagster as dg
import polars as pl
import pytest

from de_assets.assets.destinations import receipts_of
from de_assets.automation.jobs import SCORE
from de_assets.contracts.base import polars_schema
from de_assets.contracts.crm import Receipts
from de_assets.crm.breaker import STOP, Finding, Holds
from de_assets.crm.ledger import Ledger
from de_assets.definitions import build_defs
from de_assets.settings import Settings
from de_assets.storage.lake import Lake
from de_assets.storage.objects import LocalStore
from de_assets.storage.s3 import S3Options
from de_assets_tests.crm.destinations.receiver import TOKEN
from de_assets_tests.crm.destinations.sending import planned
from de_assets_tests.crm.leads import TUESDAY, WEDNESDAY

SCORES = {"a": 57, "b": 8, "c": 91}


class Deployed:
    """A lake with a sync plan in it, and the destinations that a test declares."""

    def __init__(self, folder, s3, *destinations, token=TOKEN, **sections):
        sources = folder / "sources.yaml"
        calendar = {"start": "2011-11-01", "end": "2011-12-09"}
        content = {"calendar": calendar, "currency": "gbp", "destinations": list(destinations)}
        sources.write_text(json.dumps(content | sections))
        self.settings = Settings(
            lake=str(folder / "lake"), sources=str(sources), webhook_token=token, s3=s3
        )
        self.objects = LocalStore(folder / "lake")
        self.lake = Lake(self.settings.lake, S3Options(s3))
        self.defs = build_defs(self.settings)

    def plan(self, scores, day=TUESDAY):
        frame = planned(Ledger(self.objects), scores, day=day)
        self.lake.write("crm/sync_plan", frame.drop("dt"), day)

    def send(self, name, first=TUESDAY, last=None, **options):
        return self.defs.resolve_job_def(SCORE).execute_in_process(
            asset_selection=[dg.AssetKey(["crm", name])],
            raise_on_error=False,
            tags={
                "dagster/asset_partition_range_start": str(first),
                "dagster/asset_partition_range_end": str(last or first),
            },
            run_config={
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                "ops": {f"crm__{name}": {"config": options}},
            },
        )

    def receipts(self, name, day=TUESDAY):
        return pl.read_parquet(self.lake.url(f"crm/{name}", day))


def checks_of(result) -> dict[str, bool]:
    return {each.check_name: each.passed for each in result.get_asset_check_evaluations()}


@pytest.fixture
def dialer(receiver):
    return {"name": "dialer", "url": receiver.url, "batch_size": 2}


def test_without_a_destination_the_graph_is_as_it_was(tmp_path, s3_server):
    with_one = Deployed(tmp_path, s3_server, {"name": "office", "url": "out/"}).defs
    without = Deployed(tmp_path, s3_server).defs

    keys = {key.to_user_string() for key in with_one.resolve_asset_graph().get_all_asset_keys()}
    before = {key.to_user_string() for key in without.resolve_asset_graph().get_all_asset_keys()}
    assert keys - before == {"crm/office"}
    assert before < keys


def test_the_asset_stands_beside_the_write_back_with_its_facts(tmp_path, s3_server):
    deployed = Deployed(tmp_path, s3_server, {"name": "office", "url": "s3://b/p", "format": "csv"})

    node = deployed.defs.resolve_asset_graph().get(dg.AssetKey(["crm", "office"]))

    assert node.group_name == "reverse_etl"
    assert node.owners == ["team:sales-ops"]
    assert node.kinds == {"csv", "parquet"}
    assert node.parent_keys == {dg.AssetKey(["crm", "sync_plan"])}
    assert isinstance(node.partitions_def, dg.DailyPartitionsDefinition)
    assert node.pools == {"crm_office"}
    assert node.description
    assert len(node.check_keys) <= 6
    assert polars_schema(receipts_of("office")) == polars_schema(Receipts)


def test_the_job_that_scores_sends_to_it_too(tmp_path, s3_server):
    deployed = Deployed(tmp_path, s3_server, {"name": "office", "url": "out/"})

    selected = deployed.defs.resolve_job_def(SCORE).asset_layer.selected_asset_keys

    assert dg.AssetKey(["crm", "office"]) in selected


def test_the_plan_goes_to_a_bucket_and_to_a_webhook(
    tmp_path, s3_server, s3_lake_uri, s3_options, receiver, dialer
):
    drop = {"name": "warehouse", "url": f"{s3_lake_uri}/scores", "format": "parquet"}
    deployed = Deployed(tmp_path, s3_server, drop, dialer)
    deployed.plan(SCORES)

    results = [deployed.send(name) for name in ("warehouse", "dialer")]

    assert all(each.success for each in results)
    assert all(checks_of(each)["accepted"] for each in results)
    arrived = pl.read_parquet(
        f"{s3_lake_uri}/scores/dt=2011-11-29/*.parquet", storage_options=s3_options.polars
    )
    assert dict(arrived.select("contact_id", "lead_score").iter_rows()) == SCORES
    assert receiver.scores == {key: str(score) for key, score in SCORES.items()}
    for name in ("warehouse", "dialer"):
        receipts = deployed.receipts(name)
        assert receipts.schema == polars_schema(Receipts)
        assert receipts["state"].to_list() == ["acknowledged"] * 3
        assert receipts["crm_id"].null_count() == 3


def test_ledgers_of_destinations_are_apart_from_the_crms(tmp_path, s3_server, dialer):
    deployed = Deployed(tmp_path, s3_server, dialer)
    deployed.plan(SCORES)

    deployed.send("dialer")

    assert Ledger(deployed.objects).read().is_empty()
    assert set(Ledger(deployed.objects, "dialer").read()["contact_id"]) == set(SCORES)


def test_days_of_a_range_are_sent_in_their_order(tmp_path, s3_server, receiver, dialer):
    deployed = Deployed(tmp_path, s3_server, dialer)
    deployed.plan(SCORES)
    deployed.plan(SCORES | {"b": 70}, WEDNESDAY)

    assert deployed.send("dialer", TUESDAY, WEDNESDAY).success

    assert [each.body["day"] for each in receiver.requests] == ["2011-11-29"] * 2 + ["2011-11-30"]
    assert receiver.scores["b"] == "70"
    assert deployed.receipts("dialer", WEDNESDAY)["contact_id"].to_list() == ["b"]


def test_a_refused_row_turns_the_check_yellow_and_is_sent_again(
    tmp_path, s3_server, receiver, dialer
):
    deployed = Deployed(tmp_path, s3_server, dialer)
    deployed.plan(SCORES)
    receiver.unwanted = {"b"}
    first = deployed.send("dialer")
    refused = deployed.receipts("dialer").filter(state="rejected").rows(named=True)
    receiver.unwanted = set()
    receiver.requests.clear()

    second = deployed.send("dialer")

    assert first.success
    assert not checks_of(first)["accepted"]
    assert [(row["contact_id"], row["code"]) for row in refused] == [("b", "HTTP_422")]
    assert checks_of(second)["accepted"]
    assert receiver.taken == ["b"]


def test_a_webhook_without_a_token_is_not_called_and_the_error_names_the_setting(
    tmp_path, s3_server, receiver, dialer
):
    deployed = Deployed(tmp_path, s3_server, dialer, token=None)
    deployed.plan(SCORES)

    result = deployed.send("dialer")

    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "DE_ASSETS_WEBHOOK_TOKEN" in str(failure.step_failure_data.error)
    assert receiver.requests == []


@pytest.mark.parametrize("how", ["dry_run", "kill switch", "held", "STOP"])
def test_what_keeps_a_plan_from_the_crm_keeps_it_from_the_others_too(
    tmp_path, s3_server, receiver, dialer, how
):
    section = {"write_back": {"enabled": False}} if how == "kill switch" else {}
    deployed = Deployed(tmp_path, s3_server, dialer, **section)
    deployed.plan(SCORES)
    if how == "held":
        Holds(deployed.objects).put(TUESDAY, [Finding("changed_share", "too many changed")])
    if how == "STOP":
        deployed.objects.write(STOP, b"")

    result = deployed.send("dialer", dry_run=how == "dry_run")

    assert receiver.requests == []
    assert result.success == (how in ("dry_run", "kill switch"))
    assert Ledger(deployed.objects, "dialer").read().drop_nulls("crm_id").is_empty()


def test_a_full_resync_sends_everything_again(tmp_path, s3_server, receiver, dialer):
    deployed = Deployed(tmp_path, s3_server, dialer)
    deployed.plan(SCORES)
    deployed.send("dialer")
    receiver.requests.clear()

    deployed.send("dialer", full_resync=True)

    assert sorted(receiver.taken) == sorted(SCORES)


def test_a_run_that_sends_nothing_keeps_the_receipts_of_before(tmp_path, s3_server, dialer):
    deployed = Deployed(tmp_path, s3_server, dialer)
    deployed.plan(SCORES)
    deployed.send("dialer")
    before = deployed.receipts("dialer")

    deployed.send("dialer", dry_run=True)

    assert deployed.receipts("dialer").equals(before)
