"""Everything that the company delivers as files, in one call."""

from pathlib import Path

from de_assets.sandbox.company.catalogue import write_products
from de_assets.sandbox.company.crm_contacts import contacts, is_missing
from de_assets.sandbox.company.event_files import write_events
from de_assets.sandbox.company.order_files import write_orders
from de_assets.sandbox.company.parameters import Company, Days
from de_assets.sandbox.company.written import WrittenCompany


def write_company(company: Company, directory: Path, *, days: Days | None = None) -> WrittenCompany:
    """Write orders, events and the catalogue as of the last day into a landing directory.

    Contacts are not files: they belong into a CRM, see `contacts`. To drop the next day's files,
    call again with `days=(that_day, that_day)`; the catalogue is then replaced by that day's.

    Raises:
        CompanyError: `days` reaches outside the company's days.
    """
    _, last = days or (company.start, company.end)
    return WrittenCompany(
        orders=write_orders(company, directory, days=days),
        events=write_events(company, directory, days=days),
        products=write_products(company, directory, as_of=last),
        contacts=contacts(company, as_of=last).height,
        contacts_missing_from_crm=int(is_missing(company).sum()),
    )
