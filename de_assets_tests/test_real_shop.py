"""Two years of a real shop that nobody here wrote; skipped, saying so, where its files are not."""

import hashlib
import json
import subprocess
import sys
import tarfile
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import yaml

from de_assets.crm.mock import running_crm
from de_assets.transforms.features import contact_features

PROJECT = Path(__file__).parents[1]
FILES = PROJECT.parent / "shared" / "data" / "online_retail_ii"
TOKEN = "test-token-of-the-mock"
START, END = "2009-12-01", "2011-12-09"

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.real_shop,
    pytest.mark.skipif(not FILES.is_dir(), reason=f"the real shop's files are not in {FILES.name}"),
]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The committed sources file, with the landing where this test unpacks the files."""
    folder = tmp_path_factory.mktemp("shop")
    landing = folder / "landing"
    landing.mkdir()
    (landing / "year_2009_2010.parquet").symlink_to(FILES / "year_2009_2010.parquet")
    with tarfile.open(FILES / "year_2010_2011_by_day.tar.gz") as archive:
        archive.extractall(landing, filter="data")
    content = yaml.safe_load((PROJECT / "data/sources/online-retail-ii.yaml").read_text())
    content["order_lines"]["url"] = str(landing)
    path = folder / "online-retail-ii.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope="module")
def crm(tmp_path_factory):
    with running_crm(tmp_path_factory.mktemp("crm") / "crm.db", TOKEN) as running:
        yield running.base_url


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return tmp_path_factory.mktemp("lake")


def run(sources, lake, crm):
    """The command as people type it, in a process of its own: its memory is that of nobody else."""
    summary = lake.parent / f"{lake.name}.json"
    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "de-assets", "run", "--sources", sources),
            *("--lake", lake, "--start", START, "--end", END, "--json", summary),
        ],
        env={
            "PATH": "/usr/bin:/bin",
            "DE_ASSETS_STATE": str(lake.parent / "state"),
            "CRM_BASE_URL": crm,
            "CRM_ACCESS_TOKEN": TOKEN,
        },
        cwd=lake.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(summary.read_text())


@pytest.fixture(scope="module")
def summary(sources, lake, crm):
    return run(sources, lake, crm)


def table(lake, key):
    return pl.scan_parquet(
        f"{lake}/{key}/*/*.parquet", hive_partitioning=True, hive_schema={"dt": pl.Date}
    )


def test_every_delivered_row_is_accounted_for(summary):
    counts = summary["assets"]["cleaned/order_lines"]
    assert summary["assets"]["raw/order_lines"]["rows"] == 1_067_370
    assert counts["duplicates"] == 22_523
    assert counts["rows"] + counts["quarantined"] == 1_044_847


def test_rows_are_conserved_on_every_one_of_739_days(summary, lake):
    def rows(frame, name):
        return frame.group_by("dt").len(name).collect()

    raw = pl.concat(
        [
            pl.read_parquet(path, columns=["_source_row"]).with_columns(
                dt=pl.lit(path.parent.name.removeprefix("dt=")).str.to_date()
            )
            for path in sorted((lake / "raw/order_lines").glob("*/*.parquet"))
        ]
    ).lazy()
    days = (
        rows(raw, "raw")
        .join(rows(table(lake, "cleaned/order_lines"), "cleaned"), on="dt", how="left")
        .join(rows(table(lake, "quarantine/order_lines"), "quarantined"), on="dt", how="left")
        .fill_null(0)
        .with_columns(duplicates=pl.col("raw") - pl.col("cleaned") - pl.col("quarantined"))
    )
    assert len(list((lake / "cleaned/order_lines").glob("dt=*"))) == 739
    assert days.height == 604  # trading days; the others have no file, and that is no failure
    twice = days.filter(pl.col("duplicates") > 0)
    assert twice["duplicates"].sum() == 22_523
    assert twice["dt"].is_between(date(2010, 12, 1), date(2010, 12, 9)).all()
    assert (twice["raw"] == 2 * twice["duplicates"]).all()


def test_days_with_many_guests_pass(summary, lake):
    share = (
        table(lake, "cleaned/order_lines")
        .group_by("dt")
        .agg(pl.col("contact_id").is_null().mean().alias("guests"))
        .collect()["guests"]
    )
    assert share.max() > 0.8
    assert summary["checks"]["failed"] == 0


def test_the_score_reaches_what_is_reachable_and_no_more(summary):
    model = summary["model"]
    assert model["horizon_days"] == 30
    assert 0.78 <= model["auc"] < 0.90  # above .90 something leaks
    assert model["auc"] > model["baselines"]["recency"]["auc"]
    assert model["brier"] < model["brier_no_skill"]


def test_the_loop_stays_within_two_gigabytes(summary):
    assert summary["peak_memory_mb"] < 2000


def test_every_customer_has_a_score_in_the_crm(summary):
    assert summary["crm"]["acknowledged"] == summary["crm"]["planned"] == 5_942


def test_a_second_run_changes_no_cleaned_row_and_sends_nothing(summary, sources, lake, crm):
    def digests():
        return {
            path: hashlib.sha256(path.read_bytes()).hexdigest()
            for stage in ("cleaned", "quarantine", "modeled", "features", "predictions")
            for path in (lake / stage).rglob("*.parquet")
        }

    before = digests()
    again = run(sources, lake, crm)
    assert digests() == before
    assert again["model"]["version"] == summary["model"]["version"]
    assert again["crm"]["planned"] == again["crm"]["acknowledged"] == 0


def test_shuffling_the_future_changes_no_feature(summary, lake):
    as_of = date(2011, 6, 14)
    activity = table(lake, "modeled/contact_daily").collect()
    contacts = pl.scan_parquet(lake / "modeled/dim_contact/part-0.parquet")
    future = activity.filter(pl.col("dt") > as_of)
    shuffled = future.with_columns(
        pl.col("contact_id").shuffle(seed=1), pl.col("revenue").shuffle(seed=2) * 100
    )
    known = contact_features(activity.lazy(), contacts, as_of).collect()
    for changed in (shuffled, future.clear()):
        past = activity.filter(pl.col("dt") <= as_of)
        other = pl.concat([past, changed]).sample(fraction=1.0, shuffle=True, seed=3)
        assert contact_features(other.lazy(), contacts, as_of).collect().equals(known)
