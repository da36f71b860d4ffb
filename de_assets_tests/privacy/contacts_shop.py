"""A shop whose contacts come in a file, ingested under a key of choice."""

import json
from pathlib import Path

import dagster as dg
import polars as pl

from de_assets.automation.jobs import INGEST
from de_assets.definitions import build_defs
from de_assets.privacy.keys import Keyring
from de_assets.settings import S3Settings, Settings
from de_assets.storage.lake import Lake
from de_assets.storage.s3 import S3Options
from de_assets_tests.privacy.rings import OLD

HEADER = "contact_id,email,first_name,last_name,phone,company,created_at,modified_at"
FIRST = (
    "101,Ada@Example.com,Ada,Byron,+49 30 901820,,2025-05-01,2026-01-20",
    "102,bob@example.com,Bob,,+49 30 901821,Bob & Co,2025-05-01,2026-01-20",
    "103,cyd@example.com,Cyd,,,,not a date,2026-01-20",
    ",nobody@example.com,Nemo,,,,2025-05-01,2026-01-20",
)
SECOND = (
    "101,ada@example.com,Ada,Lovelace,+4930901820,,2025-05-01,2026-01-22",
    "104,dan@example.com,Dan,,+49 30 901824,,2025-05-01,2026-01-22",
    "104,dan@example.org,Dan,,+49 30 901824,,2025-05-01,2026-01-21",
)
DAYS = {"2026-01-21": FIRST, "2026-01-22": SECOND}
TOKEN_TABLES = ("cleaned/contacts", "quarantine/contacts")
STAGES = ("raw", "cleaned", "quarantine", "identity")


class ContactsShop:
    """Contacts in a file, a lake, and the assets between them."""

    def __init__(
        self,
        folder: Path,
        instance: dg.DagsterInstance,
        key: str = OLD,
        *,
        lake: str | None = None,
        s3: S3Settings | None = None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.instance = instance
        self.file = folder / "contacts.csv"
        sources = folder / "sources.json"
        sources.write_text(
            json.dumps(
                {
                    "calendar": {"start": "2026-01-01", "end": "2026-01-31"},
                    "currency": "eur",
                    "contacts": {"url": str(self.file)},
                }
            )
        )
        given = {"DE_ASSETS_LAKE": lake or str(folder / "lake"), "DE_ASSETS_SOURCES": str(sources)}
        self.settings = Settings.model_validate(
            given | {"DE_ASSETS_PII_KEY": key} | ({"s3": s3} if s3 else {})
        )
        self.lake = Lake(self.settings.lake, S3Options(self.settings.s3))
        self.defs = build_defs(self.settings)

    @property
    def keyring(self) -> Keyring:
        return Keyring.from_settings(self.settings)

    def ingest(self, day: str, *lines: str) -> dg.ExecuteInProcessResult:
        """Deliver the lines, and ingest them as what was known at the end of the day."""
        self.file.write_text("\n".join([HEADER, *lines]) + "\n")
        return self.defs.resolve_job_def(INGEST).execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            asset_selection=[dg.AssetKey([stage, "contacts"]) for stage in STAGES],
            tags={
                "dagster/asset_partition_range_start": day,
                "dagster/asset_partition_range_end": day,
            },
            run_config={
                "ops": {"raw__contacts": {"config": {"full_sweep": True}}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
        )

    def ingest_all(self) -> "ContactsShop":
        for day, lines in DAYS.items():
            assert self.ingest(day, *lines).success
        return self

    def table(self, key: str) -> pl.DataFrame:
        return content(self.lake, key)


def content(lake: Lake, key: str) -> pl.DataFrame:
    """All days of a table, without what tells when and whence a row came."""
    frame = lake.scan_days(key, lake.days(key)).collect()
    return frame.select(pl.exclude("_batch", "_source", "_ingested_at"))
