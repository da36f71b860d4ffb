"""A desk for the write-back: a lake with scores, a CRM, and the assets between them."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from de_assets.automation.jobs import SCORE
from de_assets.contracts.base import polars_schema
from de_assets.contracts.modeled import DimContact
from de_assets.crm.client import CrmClient
from de_assets.definitions import build_defs
from de_assets.settings import S3Settings, Settings
from de_assets.storage.lake import Lake
from de_assets.storage.s3 import S3Options
from de_assets_tests.crm.leads import by_key, scores_of

TOKEN = "test-token-of-the-mock"
PLAN, WRITEBACK = dg.AssetKey(["crm", "sync_plan"]), dg.AssetKey(["crm", "writeback"])
FIRST, SECOND = date(2026, 1, 1), date(2026, 1, 2)
CONTACTS = [f"c-{number:02d}" for number in range(60)]


class Desk:
    """A lake with scores and contacts, a CRM that knows them, and the two assets between."""

    def __init__(self, folder: Path, crm_url: str, instance: dg.DagsterInstance) -> None:
        self.folder, self.crm_url, self.instance = folder, crm_url, instance
        self.lake = Lake(str(folder / "lake"), S3Options(S3Settings.model_validate({})))
        with self.client() as client:
            held = by_key(list(client.list_contacts(["customer_id"])))
        schema = polars_schema(DimContact)
        known = {
            "contact_id": CONTACTS,
            "crm_id": [held[key].crm_id if key in held else None for key in CONTACTS],
            "is_in_crm": [key in held for key in CONTACTS],
            "is_current": [True] * len(CONTACTS),
        }
        self.lake.write(
            "modeled/dim_contact",
            pl.DataFrame(
                {name: known.get(name, [None] * len(CONTACTS)) for name in schema}, schema=schema
            ),
        )
        self.declare()

    def client(self) -> CrmClient:
        return CrmClient(self.crm_url, TOKEN)

    def declare(self, **write_back: object) -> None:
        path = self.folder / "sources.yaml"
        content = {
            "calendar": {"start": "2026-01-01", "end": "2026-01-31"},
            "currency": "eur",
            "contacts": {"url": self.crm_url},
            "write_back": write_back,
        }
        path.write_text(json.dumps(content))
        settings = Settings(
            lake=str(self.folder / "lake"), sources=str(path), CRM_ACCESS_TOKEN=TOKEN
        )
        self.defs = build_defs(settings)

    def score(self, day: date, scores: Mapping[str, int]) -> None:
        frame = scores_of(day, scores).collect()
        self.lake.write("predictions/lead_scores", frame, day)

    def run(
        self, day: date, *keys: dg.AssetKey, last: date | None = None, **options: object
    ) -> dg.ExecuteInProcessResult:
        ops = {"release_breaker": "crm__sync_plan"}
        config: dict[str, Any] = {"ops": {}}
        for name, value in options.items():
            config["ops"][ops.get(name, "crm__writeback")] = {"config": {name: value}}
        return self.defs.resolve_job_def(SCORE).execute_in_process(
            instance=self.instance,
            asset_selection=list(keys or (PLAN, WRITEBACK)),
            raise_on_error=False,
            run_config={**config, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags={
                "dagster/asset_partition_range_start": str(day),
                "dagster/asset_partition_range_end": str(last or day),
            },
        )

    def held(self) -> dict[str | None, str | None]:
        """The score of each contact in the CRM that has one."""
        with self.client() as client:
            found = by_key(list(client.list_contacts(["customer_id", "lead_score"])))
        return {
            key: c.properties["lead_score"]
            for key, c in found.items()
            if c.properties.get("lead_score")
        }

    def table(self, key: str, day: date) -> pl.DataFrame:
        return self.lake.scan_days(key, [day]).collect()
