"""The demo: an invented company, a mock CRM with its contacts, and one pass of the whole loop."""

from collections.abc import Callable
from pathlib import Path

from de_assets.crm.client import CrmClient
from de_assets.crm.mock import running_crm
from de_assets.crm.push import ensure_properties
from de_assets.lifecycle import Lifecycle, open_instance
from de_assets.lifecycle_report import Report
from de_assets.sandbox.company import Company, contacts, write_company
from de_assets.sandbox.stand_in import create_contacts
from de_assets.settings import Settings
from de_assets.sources.config import load_sources

LANDING = "../landing/sandbox"
CHANNEL = {  # a property of the invented company's own
    "name": "channel",
    "label": "Acquisition channel",
    "groupName": "contactinformation",
    "type": "string",
    "fieldType": "text",
}


def run_demo(
    settings: Settings, say: Callable[[str], None], company: Company | None = None
) -> Report:
    """Make the company, fill the CRM, run the loop; a second demo finds nothing left to do.

    The CRM is served on a free port while the demo runs; its contacts stay in `<state>/crm.db`,
    where `de-assets crm` and `make dev` find them again.
    """
    calendar = load_sources(settings.sources).calendar
    company = company or Company()
    landing = Path(settings.sources).parent / LANDING
    say(f"Making an invented company in {landing.resolve()} ...")
    written = write_company(company, landing)
    say(
        f"  {written.orders.lines:,} order lines, {written.events.events:,} events, "
        f"{written.products.products:,} products"
    )
    settings.state.mkdir(parents=True, exist_ok=True)
    token = settings.crm_access_token.get_secret_value()
    with running_crm(settings.state / "crm.db", token) as crm:
        say(f"Filling the mock CRM on {crm.base_url} ...")
        with CrmClient(crm.base_url, token) as client:
            ensure_properties(client)
            client.create_property(CHANNEL)
            created = create_contacts(client, contacts(company).iter_rows(named=True))
        say(f"  {created:,} contacts created")
        settings = settings.model_copy(update={"crm_base_url": crm.base_url})
        with open_instance(settings) as instance:
            end = calendar.end or company.end
            return Lifecycle(settings, instance, calendar.start, end, say=say).run()
