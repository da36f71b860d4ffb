"""A company of five days whose contact JANE is to be erased, with whatever could betray her.

Used by the tests of erasure, tombstones and commands.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path

import dagster as dg
import polars as pl

from de_assets.automation.jobs import INGEST
from de_assets.contracts.base import polars_schema, table_info
from de_assets.contracts.tables import TABLES
from de_assets.crm.client import Change, CrmClient
from de_assets.crm.ledger import Ledger
from de_assets.crm.push import ensure_properties
from de_assets.crm.score_properties import CONTACT_KEY, SENT
from de_assets.definitions import build_defs
from de_assets.deployment import Deployment
from de_assets.privacy.erasure import Eraser
from de_assets.settings import S3Settings, Settings
from de_assets.storage.lake import Lake
from de_assets.storage.s3 import S3Options
from de_assets_tests.crm.mock.api import TOKEN
from de_assets_tests.crm.stores import NIGHT

FIRST, LAST = date(2026, 1, 1), date(2026, 1, 5)
JANE, BOB = "17850", "13047"
# What must be nowhere afterwards.
CANARY = {
    "contact": "17850",
    "e-mail": "jane.canary@nowhere.example",
    "first name": "Zquirella",
    "phone": "+44 7700 900417",
    "visitor": "visitor-of-jane",
    "session": "session-of-jane",
}
BOBS_EMAIL = "bob@elsewhere.example"
ORDERS = f"""\
order_id,product_id,description,quantity,ordered_at,unit_price,contact_id,buyer
A1,P1,lamp,2,2026-01-01 10:00:00,2.50,{JANE}.0,Zquirella
A2,P1,lamp,1,2026-01-02 10:00:00,2.50,{JANE},Zquirella <JANE.CANARY@nowhere.example>
A3,P2,vase,1,2026-01-02 11:00:00,4.00,{BOB},Bob
A3,P3,gift for jane.canary@nowhere.example,1,2026-01-02 11:00:00,4.00,{BOB},Bob
A4,P2,vase,1,2026-01-03 11:00:00,4.00,,mail jane.canary%40nowhere.example or 07700/900417
A5,P2,vase,several,2026-01-03 11:00:00,4.00,{JANE},Zquirella
A6,P2,vase,several,2026-01-03 12:00:00,4.00,{BOB},call +44 (7700) 900-417
A7,P2,vase,5,2026-01-04 11:00:00,4.00,{BOB},
CA2,P1,lamp,-1,2026-01-04 10:00:00,2.50,{JANE},
A8,P1,lamp,1,2026-01-04 10:00:00,2.50,,
A8,P1,lamp,1,2026-01-04 10:00:00,2.50,{JANE},
"""
EVENTS = [
    # id, day, hour, contact, visitor, session
    ("e1", 1, 9, None, "visitor-of-jane", None),
    ("e2", 1, 9, JANE, "visitor-of-jane", "session-of-jane"),
    ("e3", 1, 9, None, None, "session-of-jane"),
    ("e4", 2, 9, None, "visitor-of-jane", "another-session"),
    ("e5", 2, 9, BOB, "visitor-of-bob", "shared-session"),
    ("e6", 2, 9, None, "visitor-of-nobody", None),
    ("e7", 3, 9, JANE, "shared-visitor", "shared-session"),
    ("e8", 3, 9, BOB, "shared-visitor", "session-of-bob"),
    ("e9", 3, 10, None, "shared-visitor", None),
]


@dataclass(frozen=True)
class Company:
    """Where it keeps its data, and what can be done with it."""

    folder: Path
    lake_uri: str
    crm_url: str
    s3: S3Settings
    instance: dg.DagsterInstance

    @property
    def settings(self) -> Settings:
        return Settings(
            lake=self.lake_uri,
            sources=str(self.folder / "sources.yaml"),
            crm_base_url=self.crm_url,
            crm_access_token=TOKEN,
            s3=self.s3,
        )

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.lake_uri, S3Options(self.s3))

    def eraser(self, **options: object) -> Eraser:
        return Deployment(self.settings).eraser(**options)  # type: ignore[arg-type]

    def client(self) -> CrmClient:
        return CrmClient(self.crm_url, TOKEN)

    def crm_contacts(self) -> set[str | None]:
        with self.client() as client:
            return {c.properties[CONTACT_KEY] for c in client.list_contacts([CONTACT_KEY])}

    def copied(self, folder: Path) -> "Company":
        """The same company in another folder; its CRM is whatever serves the copied database."""
        for part in ("landing", "lake", "crm"):
            shutil.copytree(self.folder / part, folder / part)
        return replace(self, folder=folder, lake_uri=str(folder / "lake"))

    def at(self, crm_url: str) -> "Company":
        """The company with its CRM there."""
        moved = replace(self, crm_url=crm_url)
        moved.declare()
        return moved

    def deliver(self) -> None:
        landing = self.folder / "landing"
        (landing / "events").mkdir(parents=True)
        (landing / "orders").mkdir()
        (landing / "orders" / "all.csv").write_text(ORDERS)
        # Typed, and again in another file: a re-delivery.
        lines = pl.read_csv(ORDERS.encode(), infer_schema=False).filter(pl.col("order_id") == "A1")
        lines.with_columns(pl.col("contact_id").cast(pl.Float64)).write_parquet(
            landing / "orders" / "again.parquet"
        )
        events = [
            {
                "event_id": event,
                "occurred_at": f"2026-01-0{day}T{hour:02}:00:00",
                "event_type": "view",
                "contact_id": contact,
                "visitor_id": visitor,
                "session_id": session,
            }
            for event, day, hour, contact, visitor, session in EVENTS
        ]
        (landing / "events" / "all.jsonl").write_text("\n".join(map(json.dumps, events)))

    def declare(self) -> None:
        landing = self.folder / "landing"
        (self.folder / "sources.yaml").write_text(
            json.dumps(
                {
                    "calendar": {"start": str(FIRST), "end": str(LAST)},
                    "currency": "eur",
                    "order_lines": {
                        "url": str(landing / "orders"),
                        "cancellation": {"order_id_prefix": "C"},
                    },
                    "events": {"url": str(landing / "events")},
                    "contacts": {"url": self.crm_url},
                }
            )
        )

    def fill(self) -> None:
        """Everything in place: delivered, ingested, and what other jobs would make."""
        self.deliver()
        self.declare()
        self.fill_crm()
        self.ingest()
        self.make_what_ingestion_does_not()

    def fill_crm(self) -> None:
        with self.client() as client:
            ensure_properties(client)
            client.upsert([Change(key, None, {}) for key in (JANE, BOB)], CONTACT_KEY)
            by_key = {
                c.properties[CONTACT_KEY]: c.crm_id for c in client.list_contacts([CONTACT_KEY])
            }
            jane = {
                "email": CANARY["e-mail"],
                "firstname": CANARY["first name"],
                "phone": CANARY["phone"],
            }
            changes = [
                Change(JANE, by_key[JANE], jane),
                Change(BOB, by_key[BOB], {"email": BOBS_EMAIL}),
            ]
            client.update(changes)

    def ingest(self) -> dg.ExecuteInProcessResult:
        """Ingest all days."""
        result = (
            build_defs(self.settings)
            .resolve_job_def(INGEST)
            .execute_in_process(
                instance=self.instance,
                raise_on_error=False,
                tags={
                    "dagster/asset_partition_range_start": str(FIRST),
                    "dagster/asset_partition_range_end": str(LAST),
                },
                run_config={
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                    "ops": {"raw__contacts": {"config": {"full_sweep": True}}},
                },
            )
        )
        assert result.success
        return result

    def make_what_ingestion_does_not(self) -> None:
        """Rows of both contacts in every other table with a contact, and in the ledger."""
        for key, contract in TABLES.items():
            info = table_info(contract)
            stages = ("features", "predictions", "crm")
            if info.stage not in stages or "contact_id" not in polars_schema(contract):
                continue
            frame = pl.DataFrame(
                {
                    name: pl.Series(
                        [JANE, BOB] if name == "contact_id" else [None, None], dtype=dtype
                    )
                    for name, dtype in polars_schema(contract).items()
                }
            )
            self.lake.write(key, frame, LAST if info.is_daily else None)
        ledger = Ledger(self.lake.objects)
        for number, contact in enumerate((JANE, BOB)):
            row = dict.fromkeys((*SENT, "fingerprint"), "1")
            row |= {"contact_id": contact, "crm_id": str(number + 1)}
            ledger.record(LAST, "run-1", number, NIGHT, [row])
        ledger.begin(LAST, "run-2", [JANE, BOB])

    def tables(self) -> dict[str, pl.DataFrame]:
        """Every partition in the lake but for the moment of its ingestion, by its key."""
        found = {}
        for info in self.lake.objects.list():
            stage = info.key.split("/")[0]
            if info.key.endswith("part-0.parquet") and stage in {
                *("raw", "cleaned", "quarantine", "modeled", "features", "predictions", "crm")
            }:
                data, _ = self.lake.objects.read(info.key)
                # When it was read, and as how many-th the CRM listed it, is no content.
                passing = ["_ingested_at", "_source_row"]
                passing = passing if "/contacts/" in info.key else passing[:1]
                found[info.key] = pl.read_parquet(data).drop(passing, strict=False)
        return found


def differing(one: Mapping[str, pl.DataFrame], other: Mapping[str, pl.DataFrame]) -> list[str]:
    """Keys of the partitions that differ."""
    return [key for key in sorted({*one, *other}) if not one[key].equals(other[key])]
