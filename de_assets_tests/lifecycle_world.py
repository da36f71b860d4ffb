"""A small invented company, delivered once for all tests of the whole loop."""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import dagster as dg

from de_assets.crm.client import CrmClient
from de_assets.crm.push import ensure_properties
from de_assets.lifecycle import Lifecycle
from de_assets.lifecycle_report import Report
from de_assets.sandbox.company import Company, contacts, write_company
from de_assets.sandbox.demo import CHANNEL
from de_assets.sandbox.stand_in import create_contacts
from de_assets.settings import S3Settings, Settings

TOKEN = "test-token-of-the-mock"
SANDBOX = {
    "currency": "eur",
    "order_lines": {
        "url": "orders/",
        "columns": {
            "order_id": ["order_no", "order_number"],
            "product_id": "sku",
            "description": "item",
            "quantity": "qty",
            "ordered_at": "ordered",
            "unit_price": ["unit_price", "price"],
            "contact_id": ["customer", "customer_no"],
        },
        "cancellation": {"order_id_prefix": "C"},
    },
    "products": {
        "url": "products/",
        "columns": {
            "product_id": "code",
            "name": "title",
            "category": "group",
            "unit_price": "list_price",
        },
    },
    "events": {
        "url": "events/",
        "columns": {
            "event_id": "id",
            "occurred_at": "ts",
            "event_type": "type",
            "contact_id": "customer",
            "visitor_id": "visitor",
            "session_id": "session",
            "product_id": "sku",
        },
    },
}


@dataclass(frozen=True)
class World:
    """Where the company's files lie, and how to run the loop on them."""

    folder: Path
    company: Company

    @property
    def end(self) -> date:
        return self.company.end

    def sources(self, **changes: object) -> str:
        calendar = {"start": str(self.company.start), "end": str(self.company.end)}
        content = {"calendar": calendar, **SANDBOX, **changes}
        path = self.folder / f"sources-{abs(hash(json.dumps(content, sort_keys=True)))}.yaml"
        path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))
        return str(path)

    def run(
        self,
        lake: str,
        *,
        instance: dg.DagsterInstance | None = None,
        days: int | None = None,
        crm_url: str | None = None,
        s3: S3Settings | None = None,
        **sources: object,
    ) -> Report:
        settings = Settings(
            lake=lake,
            sources=self.sources(**sources),
            crm_base_url=crm_url,
            crm_access_token=TOKEN,
            **({"s3": s3} if s3 else {}),
        )
        start = self.company.start
        end = start + timedelta(days=days - 1) if days else self.company.end
        with instance or dg.DagsterInstance.ephemeral() as used:
            return Lifecycle(settings, used, start, end, say=lambda _text: None).run()

    def fill(self, crm_url: str) -> int:
        with CrmClient(crm_url, TOKEN) as client:
            ensure_properties(client)
            client.create_property(CHANNEL)
            return create_contacts(client, contacts(self.company).iter_rows(named=True))


def make_world(folder: Path) -> World:
    company = Company(
        contacts=320,
        start=date(2025, 1, 1),
        end=date(2025, 8, 15),
        events_per_day=120,
        products=80,
        lines_per_order=3.0,
        orders_per_month=1.2,
    )
    write_company(company, folder)
    return World(folder, company)
