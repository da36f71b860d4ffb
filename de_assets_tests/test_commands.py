"""What the command `de-assets` says and returns, as a person at a terminal meets it."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from de_assets.crm.mock import running_crm
from de_assets.sandbox.company import Company
from de_assets.sandbox.demo import run_demo
from de_assets.settings import LOCAL_CRM_TOKEN, Settings

PROJECT = Path(__file__).parents[1]
COMMAND = Path(sys.executable).parent / "de-assets"


def call(*arguments, cwd, **environ):
    inherited = {"PATH": "/usr/bin:/bin", "HOME": str(cwd)}
    return subprocess.run(
        [COMMAND, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=inherited | environ,
        check=False,
    )


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "a.csv").write_text(
        "order_id,product_id,quantity,ordered_at,unit_price\no1,p1,1,2026-01-05 10:00:00,1\n"
    )
    sources = {
        "calendar": {"start": "2026-01-01", "end": "2026-01-31"},
        "currency": "eur",
        "order_lines": {"url": "landing"},
    }
    (tmp_path / "sources.yaml").write_text(json.dumps(sources))
    return tmp_path


def test_a_healthy_deployment_is_told_to_be_so(shop):
    done = call("doctor", cwd=shop, DE_ASSETS_SOURCES="sources.yaml", DE_ASSETS_LAKE="lake")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 files, 1 rows" in done.stdout
    assert "FAIL" not in done.stdout


def test_the_doctor_names_what_is_broken_with_its_fix_and_looks_at_the_rest(shop):
    (shop / "landing" / "a.csv").write_text("order_id,product_id\no1,p1\n")
    done = call(
        "doctor",
        cwd=shop,
        DE_ASSETS_SOURCES="sources.yaml",
        DE_ASSETS_LAKE="lake",
        CRM_BASE_URL="http://127.0.0.1:9",
    )
    assert done.returncode == 1
    assert "FAIL source order_lines: 1 of 1 files cannot be read" in done.stdout
    assert "FAIL CRM: the CRM did not answer" in done.stdout
    assert "ok   lake" in done.stdout
    assert done.stderr == ""


def test_a_wrong_setting_is_explained_and_not_traced(shop):
    done = call("doctor", cwd=shop, DE_ASSETS_LAKE="gs://bucket")
    assert done.returncode == 1
    assert "DE_ASSETS_LAKE must be a directory or s3://bucket/prefix" in done.stdout
    done = call("run", "--start", "2026-01-01", "--end", "2026-01-01", cwd=shop, DE_ASSETS_ENV="x")
    assert done.returncode == 2
    assert "'local', 'staging' or 'production'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_says_which_files_it_passes_over_and_why(shop):
    (shop / "landing" / "older.tar.gz").write_bytes(b"an archive")
    day = ("--start", "2026-01-05", "--end", "2026-01-05")
    done = call("run", *day, "--sources", "sources.yaml", "--lake", "lake", cwd=shop)
    assert done.returncode == 0, done.stderr
    assert "Passed over in order_lines: older.tar.gz" in done.stdout
    assert "unpack" in done.stdout


def test_settings_may_stand_in_the_file_env(shop):
    (shop / ".env").write_text("DE_ASSETS_SOURCES=sources.yaml\nDE_ASSETS_LAKE=lake\n")
    assert call("doctor", cwd=shop).returncode == 0


def test_the_picture_of_the_graph_shows_every_asset(shop):
    done = call(
        "graph", "graph.svg", cwd=shop, DE_ASSETS_SOURCES="sources.yaml", DE_ASSETS_LAKE="lake"
    )
    assert done.returncode == 0, done.stderr
    drawn = (shop / "graph.svg").read_text()
    for key in ("source/contacts", "cleaned/order_lines", "model/lead_model", "crm/writeback"):
        assert f">{key}</text>" in drawn


def test_the_picture_in_the_documents_is_the_one_of_the_definitions(tmp_path):
    done = call("graph", str(tmp_path / "graph.svg"), cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    drawn = (tmp_path / "graph.svg").read_text()
    assert drawn == (PROJECT / "docs/img/asset-graph.svg").read_text(), "run `make graph`"


def test_the_mock_crm_is_served_and_keeps_its_contacts(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/crm/v3/objects/contacts"
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {LOCAL_CRM_TOKEN}"
    patience = Retry(connect=30, backoff_factor=0.05, backoff_max=1)
    session.mount("http://", HTTPAdapter(max_retries=patience))
    for number in (1, 2):
        started = subprocess.Popen(
            [COMMAND, "crm", "--port", str(port)],
            stdout=subprocess.DEVNULL,
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        )
        try:
            body = {"properties": {"email": f"{number}@example.com"}}
            assert session.post(url, json=body, timeout=10).status_code == 201
            held = session.get(url, timeout=10).json()["results"]
            assert len(held) == number
        finally:
            started.terminate()
            assert started.wait(20) == 0
    session.close()


@pytest.mark.slow
def test_the_demo_ends_with_ranked_leads_and_a_second_one_has_nothing_to_send(
    tmp_path, monkeypatch
):
    (tmp_path / "data/sources").mkdir(parents=True)
    shutil.copy(PROJECT / "data/sources/sandbox.yaml", tmp_path / "data/sources")
    monkeypatch.chdir(tmp_path)
    settings = Settings(sources="data/sources/sandbox.yaml")
    company = Company(contacts=250, events_per_day=60, products=60)
    said = []
    first = run_demo(settings, said.append, company)
    assert not first.is_failed, first.to_json()["checks"]["failures"]
    assert first.to_json()["crm"]["acknowledged"] > 150
    assert any("contacts created" in line for line in said)
    with running_crm(tmp_path / "data/state/crm.db", LOCAL_CRM_TOKEN) as crm:
        page = requests.get(crm.base_url, timeout=10).text
    assert "Ranked leads" in page
    assert "have a score" in page
    second = run_demo(settings, said.append, company)
    assert second.to_json()["crm"]["planned"] == 0
    scores = pl.read_parquet("data/lake/predictions/lead_scores/*/*.parquet")
    assert scores.height == first.to_json()["assets"]["predictions/lead_scores"]["rows"]
    with dg.DagsterInstance.from_config(str(PROJECT)) as instance:
        assert instance.get_runs_count() > 10
