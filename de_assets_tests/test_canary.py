"""Planted identifiers are looked for in every byte that the whole loop on S3 leaves behind."""

import base64
import csv
import gzip
import io
import json
import re
import sqlite3
import zipfile
from collections import Counter
from datetime import timedelta

import dagster as dg
import polars as pl
import pytest

from de_assets.automation.jobs import INGEST, SCORE
from de_assets.crm.client import Change, CrmClient
from de_assets.crm.mock import running_crm
from de_assets.definitions import build_defs
from de_assets.deployment import Deployment
from de_assets.settings import Settings
from de_assets_tests.canary import files_below, holders, versions_below
from de_assets_tests.lifecycle_world import TOKEN, make_world

CANARY = {
    "e-mail": "zq.canary.person@nowhere-mail.example",
    "first name": "Zquirella",
    "last name": "Vonkanarius",
    "company": "Xkanar Holdings",
    "phone": "+44 7700 900417",
    "phone digits": "447700900417",
}
PROPERTIES = {
    "email": CANARY["e-mail"],
    "firstname": CANARY["first name"],
    "lastname": CANARY["last name"],
    "company": CANARY["company"],
    "phone": CANARY["phone"],
}


@pytest.mark.parametrize(
    "content",
    [
        b"x" + CANARY["e-mail"].upper().encode() + b"y",
        CANARY["e-mail"].encode("utf-16-le"),
        CANARY["e-mail"].encode().hex().encode(),
        base64.b64encode(b"a" + CANARY["e-mail"].encode() + b"bc"),
        b"mail=zq.canary.person%40nowhere-mail.example",
        gzip.compress(CANARY["e-mail"].encode()),
    ],
    ids=["upper case", "UTF-16", "hex", "Base64", "URL", "gzip"],
)
def test_a_text_is_found_however_it_is_written(content):
    assert holders([("place", content)], CANARY) == {"place": {"e-mail"}}


def test_a_text_is_found_inside_parquet_zip_and_sqlite(tmp_path):
    table = io.BytesIO()
    pl.DataFrame({"a": [CANARY["first name"]], "b": [CANARY["phone"].encode()]}).write_parquet(
        table, compression="zstd"
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("inner.txt", CANARY["company"] * 50)
    database = sqlite3.connect(tmp_path / "db")
    database.execute("create table t (a text)")
    database.execute("insert into t values (?)", (CANARY["last name"],))
    database.commit()
    database.close()

    found = holders(
        [("table", table.getvalue()), ("zip", archive.getvalue()), *files_below(tmp_path)], CANARY
    )

    assert found == {"table": {"first name", "phone"}, "zip": {"company"}, "db": {"last name"}}


def test_what_holds_nothing_is_not_reported():
    assert holders([("place", b"zq.canary.person at nowhere")], CANARY) == {}


@pytest.fixture(scope="module")
def traces(tmp_path_factory, s3_options, s3_server):
    """A company of which one person, planted in the CRM and in the orders, is to be traced."""
    folder = tmp_path_factory.mktemp("canary")
    world = make_world(folder / "landing")
    s3_options.client.create_bucket(Bucket="canary")
    s3_options.client.put_bucket_versioning(
        Bucket="canary", VersioningConfiguration={"Status": "Enabled"}
    )
    person = _busiest_customer(world)
    _plant_in_orders(world, person)
    (folder / "crm").mkdir()
    with running_crm(folder / "crm" / "crm.db", TOKEN) as crm:
        world.fill(crm.base_url)
        _plant_in_crm(crm.base_url, person)
        lake = "s3://canary/lake"
        yield Traces(folder, world, person, crm.base_url, lake, s3_options, s3_server)
    _empty(s3_options.client, "canary")  # the server holds it in the memory of this process


def _empty(client, bucket):
    pages = list(client.get_paginator("list_object_versions").paginate(Bucket=bucket))
    for page in pages:
        there = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if there:
            named = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in there]
            client.delete_objects(Bucket=bucket, Delete={"Objects": named})


@pytest.fixture(scope="module")
def left(traces):
    """What the whole loop left, the last days ingested twice: old versions lie under the new."""
    report = traces.run()
    assert not report.is_failed, report.checks["failures"]
    assert report.to_json()["crm"]["acknowledged"] > 200
    assert traces.execute(INGEST, days=14).success
    return traces.everywhere()


@pytest.fixture(scope="module")
def left_after_erasure(traces, left):
    """What is left once the person is erased."""
    Deployment(traces.settings()).eraser(actor="test").erase(traces.person)
    return traces.everywhere()


@pytest.fixture(scope="module")
def left_after_replay(traces, left_after_erasure):
    """What is left once somebody brings the person back into the CRM, and all is read again."""
    with CrmClient(traces.crm_url, TOKEN) as client:
        answer = client.upsert([Change(traces.person, None, PROPERTIES)], "customer_id")
        assert set(answer.acknowledged) == {traces.person}
    assert traces.execute(INGEST, days=14).success
    assert traces.execute(SCORE, days=1).success
    return traces.everywhere()


@pytest.mark.exhaustive
def test_identifiers_are_nowhere_but_in_raw_and_in_the_crm(left):
    stages = {place.split("/")[0] for place in left["lake"]}
    assert stages == {"raw"}
    tables = {place.split("/")[1] for place in left["lake"]}
    assert tables == {"contacts", "order_lines"}
    assert set().union(*left["lake"].values()) == set(CANARY) - {"phone digits"}
    assert left["records"] == {}


@pytest.mark.exhaustive
def test_an_erased_person_is_nowhere_not_even_in_old_versions(traces, left_after_erasure):
    assert left_after_erasure == {"lake": {}, "records": {}, "crm": {}}
    for key in ("cleaned/contacts", "modeled/dim_contact", "features/contact_features"):
        assert traces.person not in set(traces.table(key)["contact_id"])
    assert traces.person not in set(traces.table("cleaned/order_lines")["contact_id"])


@pytest.mark.exhaustive
def test_a_replay_does_not_bring_the_person_back(traces, left_after_replay):
    assert left_after_replay["lake"] == {}
    assert left_after_replay["records"] == {}
    assert left_after_replay["crm"] != {}  # whoever put the person there has to take it out
    for key in ("raw/contacts", "modeled/dim_contact", "predictions/lead_scores"):
        assert traces.person not in set(traces.table(key)["contact_id"])


class Traces:
    """Everything that the loop leaves: S3 with all versions, Dagster's records, the report."""

    def __init__(self, folder, world, person, crm_url, lake, s3_options, s3_server):
        self.folder, self.world, self.person = folder, world, person
        self.crm_url, self.lake = crm_url, lake
        self._s3_options, self._s3_server = s3_options, s3_server
        self.state = folder / "state"
        self.state.mkdir()

    def instance(self):
        return dg.DagsterInstance.local_temp(str(self.state))

    def run(self):
        with self.instance() as instance:
            report = self.world.run(
                self.lake,
                instance=instance,
                crm_url=self.crm_url,
                s3=self._s3_server,
                contacts={"url": self.crm_url},
            )
        (self.state / "report.json").write_text(json.dumps(report.to_json()))
        return report

    def settings(self):
        return Settings(
            lake=self.lake,
            sources=self.world.sources(contacts={"url": self.crm_url}),
            crm_base_url=self.crm_url,
            crm_access_token=TOKEN,
            state=self.state,
            s3=self._s3_server,
        )

    def execute(self, job, days):
        """Run a job over the last days, with a full sweep of the contacts where it reads them."""
        end = self.world.company.end
        loggers = {"console": {"config": {"log_level": "CRITICAL"}}}
        sweep = {"raw__contacts": {"config": {"full_sweep": True}}} if job == INGEST else {}
        with self.instance() as instance:
            return (
                build_defs(self.settings())
                .resolve_job_def(job)
                .execute_in_process(
                    instance=instance,
                    raise_on_error=False,
                    tags={
                        "dagster/asset_partition_range_start": str(end - timedelta(days=days - 1)),
                        "dagster/asset_partition_range_end": str(end),
                    },
                    run_config={"loggers": loggers, "ops": sweep},
                )
            )

    def everywhere(self):
        """Which places hold which of the person's identifiers."""
        contents = {
            "lake": versions_below(self.lake, self._s3_options),
            "records": files_below(self.state),
            "crm": files_below(self.folder / "crm"),
        }
        return {name: holders(content, CANARY) for name, content in contents.items()}

    def table(self, key):
        return pl.read_parquet(
            f"{self.lake}/{key}/**/*.parquet", storage_options=self._s3_options.polars
        )


def _busiest_customer(world):
    """Somebody who orders and visits."""
    orders = Counter(row[customer] for rows, customer in _order_files(world) for row in rows[1:])
    visits = Counter()
    for path in (world.folder / "events").rglob("*.jsonl.gz"):
        with gzip.open(path, "rt") as file:
            visits.update(re.findall(r'"customer": ?"([0-9]+)"', file.read()))
    return next(key for key, _ in orders.most_common() if key.isdigit() and visits[key] > 10)


def _plant_in_orders(world, person):
    """A column that nobody maps names the buyer; one of his lines a day is broken."""
    for path, (rows, customer) in zip(_order_paths(world), _order_files(world), strict=True):
        theirs = [row for row in rows[1:] if row[customer].removesuffix(".0") == person]
        if theirs:
            theirs[0][rows[0].index("qty")] = "a few"
            named = [
                f"{CANARY['first name']} <{CANARY['e-mail']}>" if row in theirs else ""
                for row in rows[1:]
            ]
            for row, extra in zip(rows, ["buyer", *named], strict=True):
                row.append(extra)
            with path.open("w", newline="") as file:
                csv.writer(file).writerows(rows)


def _order_paths(world):
    return sorted((world.folder / "orders").rglob("*.csv"))


def _order_files(world):
    """The rows of each file, header first, and the place of the customer's number."""
    for path in _order_paths(world):
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
        yield rows, next(i for i, name in enumerate(rows[0]) if name.startswith("customer"))


def _plant_in_crm(url, person):
    with CrmClient(url, TOKEN) as client:
        known = {
            c.properties["customer_id"]: c.crm_id for c in client.list_contacts(["customer_id"])
        }
        answer = client.update([Change(person, known[person], PROPERTIES)])
        assert set(answer.acknowledged) == {person}
