"""A made-up company whose files behave, and misbehave, like those of a real shop.

Nobody in it exists: names are drawn from lists, e-mail addresses and phone numbers from ranges
that are reserved for fiction. Used by the demo, the benchmarks and the tests.
"""

from de_assets.sandbox.company.catalogue import write_products
from de_assets.sandbox.company.crm_contacts import contacts
from de_assets.sandbox.company.event_files import write_events
from de_assets.sandbox.company.order_files import write_orders
from de_assets.sandbox.company.parameters import NO_DIRT, Company, CompanyError, Dirt
from de_assets.sandbox.company.whole import write_company
from de_assets.sandbox.company.written import (
    WrittenCompany,
    WrittenEvents,
    WrittenOrders,
    WrittenProducts,
)

__all__ = [
    "NO_DIRT",
    "Company",
    "CompanyError",
    "Dirt",
    "WrittenCompany",
    "WrittenEvents",
    "WrittenOrders",
    "WrittenProducts",
    "contacts",
    "write_company",
    "write_events",
    "write_orders",
    "write_products",
]
