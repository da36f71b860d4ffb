"""The whole loop, files in and CRM out, through the same jobs that people run."""

import hashlib
import json
import socket
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from de_assets.crm.client import CrmClient
from de_assets.crm.mock import running_crm
from de_assets_tests.lifecycle_world import TOKEN, make_world

STAGES = ("raw", "cleaned", "quarantine", "modeled", "features", "predictions", "crm")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("company"))


@pytest.fixture(scope="module")
def crm(tmp_path_factory):
    with running_crm(tmp_path_factory.mktemp("crm") / "crm.db", TOKEN) as running:
        yield running.base_url


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def report(world, crm, lake):
    world.fill(crm)
    return world.run(str(lake), crm_url=crm, contacts={"url": crm})


def table(lake, key):
    return pl.read_parquet(f"{lake}/{key}/**/*.parquet", hive_partitioning=True)


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.parquet"))
    }


def test_the_loop_ends_with_scores_that_the_crm_acknowledged(report, crm):
    summary = report.to_json()
    assert not report.is_failed, summary["checks"]["failures"]
    assert summary["crm"]["acknowledged"] == summary["crm"]["planned"] > 200
    assert summary["crm"]["rejected"] == summary["crm"]["blocked"] == 0
    with CrmClient(crm, TOKEN) as client:
        held = [c.properties["lead_score"] for c in client.list_contacts(["lead_score"])]
    assert sum(score is not None for score in held) == summary["crm"]["acknowledged"]


def test_the_crm_holds_the_scores_of_the_lake(report, crm, lake):
    scores = {
        row["contact_id"]: (str(row["score"]), row["grade"], row["trend"])
        for row in table(lake, "predictions/lead_scores").iter_rows(named=True)
    }
    names = ["customer_id", "lead_score", "lead_grade", "lead_score_trend"]
    with CrmClient(crm, TOKEN) as client:
        held = {
            c.properties["customer_id"]: tuple(c.properties[name] for name in names[1:])
            for c in client.list_contacts(names)
            if c.properties["lead_score"] is not None
        }
    assert held == {key: scores[key] for key in held}


def test_every_arrived_row_is_cleaned_quarantined_or_a_duplicate_on_every_day(report, lake):
    for entity in ("order_lines", "events", "contacts"):
        raw = table(lake, f"raw/{entity}").group_by("dt").len("raw")
        cleaned = table(lake, f"cleaned/{entity}").group_by("dt").len("cleaned")
        quarantined = table(lake, f"quarantine/{entity}").group_by("dt").len("quarantined")
        days = (
            raw.join(cleaned, on="dt", how="full", coalesce=True)
            .join(quarantined, on="dt", how="full", coalesce=True)
            .fill_null(0)
            .with_columns(duplicates=pl.col("raw") - pl.col("cleaned") - pl.col("quarantined"))
        )
        assert days["duplicates"].min() >= 0
        counted = report.to_json()["assets"][f"cleaned/{entity}"]
        assert days["duplicates"].sum() == counted["duplicates"]
        assert days["raw"].sum() == counted["rows_in"]
    assert report.to_json()["assets"]["cleaned/order_lines"]["duplicates"] > 0
    assert report.to_json()["assets"]["quarantine/order_lines"]["rows"] > 0


def test_every_day_of_the_calendar_has_a_partition_even_without_a_file(report, world, lake):
    days = (world.end - world.company.start).days + 1
    for key in (
        "raw/order_lines",
        "cleaned/events",
        "quarantine/contacts",
        "identity/contacts",
        "modeled/contact_daily",
    ):
        assert len(list((lake / key).glob("dt=*/part-0.parquet"))) == days, key


def test_the_model_is_better_than_a_guess_and_tested_after_all_its_training(report, lake):
    model = report.to_json()["model"]
    assert model["auc"] > 0.65
    assert model["brier"] < model["brier_no_skill"]
    parts = (
        table(lake, "features/training_set")
        .group_by("split")
        .agg(pl.col("as_of").min().alias("first"), pl.col("as_of").max().alias("last"))
    )
    parts = {row["split"]: row for row in parts.iter_rows(named=True)}
    assert (parts["calibrate"]["first"] - parts["train"]["last"]).days >= model["horizon_days"]
    assert (parts["test"]["first"] - parts["calibrate"]["last"]).days >= model["horizon_days"]


def test_the_summary_has_the_declared_shape(report):
    summary = json.loads(json.dumps(report.to_json()))
    assert set(summary) == {
        "assets",
        "checks",
        "stages",
        "model",
        "crm",
        "quarantine",
        "incidents",
        "seconds",
        "cpu_seconds",
        "peak_memory_mb",
    }
    assert {"rows", "quarantined", "duplicates", "bytes", "seconds"} <= set(
        summary["assets"]["cleaned/order_lines"]
    )
    assert {"passed", "warned", "failed", "failures"} == set(summary["checks"])
    assert {"raw", "cleaned", "modeled", "features", "model", "predictions", "crm"} <= set(
        summary["stages"]
    )
    assert all(
        numbers["peak_memory_mb"] > 0 and numbers["seconds"] > 0
        for stage, numbers in summary["stages"].items()
        if stage in ("raw", "cleaned", "modeled")
    )
    assert {"auc", "pr_auc", "lift_at_10", "brier", "brier_no_skill"} <= set(summary["model"])


@pytest.mark.slow
def test_a_second_run_changes_no_table_but_raw_and_sends_nothing(report, world, crm, lake):
    before = digests(lake)
    again = world.run(str(lake), crm_url=crm, contacts={"url": crm}).to_json()
    changed = {name for name, digest in digests(lake).items() if before.get(name) != digest}
    # Incidents are told when they were seen again.
    assert {name.split("/")[0] for name in changed} <= {"raw", "crm", "incidents"}
    assert again["crm"]["planned"] == 0
    assert again["crm"]["acknowledged"] == 0
    assert again["crm"]["skipped"] == again["assets"]["predictions/lead_scores"]["rows"]


@pytest.mark.slow
def test_the_same_run_on_s3_gives_equal_tables(world, s3_server, s3_options, s3_lake_uri, tmp_path):
    here = world.run(str(tmp_path), days=30)
    there = world.run(s3_lake_uri, days=30, s3=s3_server)
    assert not here.is_failed
    assert not there.is_failed
    for path in sorted(tmp_path.rglob("*.parquet")):
        key = path.relative_to(tmp_path).as_posix()
        if key.startswith("incidents/"):  # they name their runs and moments
            continue
        expected = pl.read_parquet(path, hive_partitioning=False)
        found = pl.read_parquet(f"{s3_lake_uri}/{key}", storage_options=s3_options.polars)
        assert found.drop("_ingested_at", strict=False).equals(
            expected.drop("_ingested_at", strict=False)
        ), key


def test_without_a_crm_the_plan_is_made_and_nothing_is_sent(world, tmp_path):
    summary = world.run(str(tmp_path), days=20).to_json()
    assert summary["checks"]["failed"] == 0
    assert summary["crm"]["acknowledged"] == 0
    assert summary["model"]["state"] == "not_enough_evidence"


def test_a_company_with_orders_alone_runs_through(world, tmp_path):
    report = world.run(str(tmp_path), days=20, events=None, products=None)
    summary = report.to_json()
    assert not report.is_failed
    assert summary["assets"]["raw/events"]["rows"] == 0
    assert summary["assets"]["modeled/contact_daily"]["rows"] > 0
    contacts = pl.read_parquet(tmp_path / "modeled/dim_contact/part-0.parquet")
    assert contacts.height > 0
    assert not contacts["is_in_crm"].any()


def test_an_unreachable_crm_fails_what_needs_it_and_nothing_else(world, tmp_path):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        report = world.run(str(tmp_path), days=3, contacts={"url": url})
    failures = report.to_json()["checks"]["failures"]
    assert report.is_failed
    assert [failure["asset"] for failure in failures] == ["raw/contacts"]
    assert "did not answer" in failures[0]["text"]
    assert len(list((tmp_path / "modeled/fct_order_line").glob("dt=*"))) == 3


def test_no_personal_value_reaches_the_event_log(world, crm, tmp_path):
    import dagster as dg

    world.fill(crm)
    with CrmClient(crm, TOKEN) as client:
        people = [
            value
            for contact in client.list_contacts(["email", "phone", "lastname"])
            for name in ("email", "phone")
            if (value := contact.properties[name])
        ]
    state = tmp_path / "state"
    state.mkdir()
    with dg.DagsterInstance.local_temp(str(state)) as instance:
        world.run(
            str(tmp_path / "lake"), instance=instance, days=5, crm_url=crm, contacts={"url": crm}
        )
    written = b"".join(path.read_bytes() for path in state.rglob("*") if path.is_file())
    assert len(people) > 300
    assert not [value for value in people if value.encode() in written]
    lake = tmp_path / "lake"
    beyond = [p for p in lake.rglob("*.parquet") if p.relative_to(lake).parts[0] != "raw"]
    text = "".join(str(pl.read_parquet(path).rows()) for path in beyond)
    assert not [value for value in people if value in text]


def command(world, folder, first, last):
    """`de-assets run` as a process of its own, with its summary in `out.json`."""
    program = Path(sys.executable).parent / "de-assets"
    where = ["--sources", world.sources(), "--lake", folder / "lake"]
    days = ["--start", first, "--end", last]
    return subprocess.run(
        [program, "run", *where, *days, "--json", folder / "out.json"],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )


def test_the_command_exits_2_and_explains_a_range_outside_the_calendar(world, tmp_path):
    done = command(world, tmp_path, "2020-01-01", "2020-01-02")
    assert done.returncode == 2
    assert "is not within the calendar" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_writes_its_summary_and_exits_0(world, tmp_path):
    done = command(world, tmp_path, "2025-01-06", "2025-01-08")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out.json").read_text())["assets"]["raw/order_lines"]["rows"] > 0
    assert done.stderr == ""
