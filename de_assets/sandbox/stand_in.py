"""Stands in a CRM for a shop that published none: one contact for each customer of its orders.

Only ever against a CRM on this machine, and only where the sources file asks for it
(`contacts.stand_in_from`). Contacts that are there already are left as they are.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from hashlib import sha256
from ipaddress import ip_address
from itertools import islice
from urllib.parse import urlsplit

import polars as pl

from de_assets.crm.client import BATCH_SIZE, CrmClient
from de_assets.crm.destination import Change
from de_assets.crm.push import ensure_properties
from de_assets.crm.score_properties import CONTACT_KEY
from de_assets.errors import SourcesError
from de_assets.sources.catalog import SourceCatalog
from de_assets.transforms.typing import to_identifier, to_text


def stand_in_contacts(
    catalog: SourceCatalog, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> int:
    """Create the contacts that the CRM lacks; returns how many.

    Raises:
        SourcesError: the CRM is not on this machine, or no order lines are delivered as files.
    """
    url = catalog.crm_url or ""
    if not is_on_this_machine(url):
        raise SourcesError(
            "a stand-in CRM must be on this machine; this one is not, and nothing was written",
            where="contacts.stand_in_from of the sources file",
            fix="leave stand_in_from out, or serve the mock with `de-assets crm`",
        )
    with catalog.crm() as client:
        ensure_properties(client)
        return create_contacts(client, _customers(catalog).iter_rows(named=True), progress)


def create_contacts(
    client: CrmClient,
    contacts: Iterable[dict[str, object]],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Create contacts by our column names, but for those whose key the CRM holds already."""
    there = {contact.properties.get(CONTACT_KEY) for contact in client.list_contacts([CONTACT_KEY])}
    new = [contact for contact in contacts if contact["contact_id"] not in there]
    changes = iter([Change(str(c["contact_id"]), None, _properties(c)) for c in new])
    done = 0
    while batch := list(islice(changes, BATCH_SIZE)):
        answer = client.upsert(batch, CONTACT_KEY)
        if answer.rejected:
            raise SourcesError(
                f"the CRM refused {len(answer.rejected)} contacts: "
                f"{', '.join(sorted(set(answer.rejected.values())))}",
                where=client.base_url,
                fix="start with an empty mock CRM (delete its database), or look at its contacts",
            )
        done += len(batch)
        progress(done, len(new))
    return done


def is_on_this_machine(url: str) -> bool:
    """Whether the host of a URL is this machine's loopback."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


HUBSPOT_NAMES = {
    "email": "email",
    "first_name": "firstname",
    "last_name": "lastname",
    "phone": "phone",
    "company": "company",
    "country": "country",
    "channel": "channel",
    "lifecycle_stage": "lifecyclestage",
    "created_at": "createdate",
}


def _properties(contact: dict[str, object]) -> dict[str, str]:
    return {
        theirs: f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else str(value)
        for ours, theirs in HUBSPOT_NAMES.items()
        if (value := contact.get(ours)) is not None
    }


def _customers(catalog: SourceCatalog) -> pl.DataFrame:
    """Each contact id of the order lines with an invented address and its first country."""
    files = catalog.files("order_lines")
    if files is None:
        raise SourcesError(
            "there are no order lines to stand in contacts from",
            where="order_lines of the sources file",
            fix="declare order_lines.url, or leave contacts.stand_in_from out",
        )
    dialect = catalog.dialect("order_lines")
    days = sorted({day for entry in files.index() for day in entry.rows_by_day})
    found = [
        files.read(days[at : at + 92])
        .lazy()
        .select(to_identifier("contact_id", dialect), to_text("country", dialect))
        .drop_nulls("contact_id")
        .unique("contact_id", keep="first", maintain_order=True)
        .collect()
        for at in range(0, len(days), 92)
    ]
    if not found:
        return pl.DataFrame(schema={"contact_id": pl.String})
    return (
        pl.concat(found)
        .unique("contact_id", keep="first", maintain_order=True)
        .sort("contact_id")
        .with_columns(
            email=_emails(),
            first_name=pl.lit("Customer"),
            last_name=pl.col("contact_id"),
        )
    )


def _emails() -> pl.Expr:
    """A valid address for each contact id that no other has; CRMs compare them without case.

    An id that no address can hold, or that differs from another by case alone, is hashed.
    """
    name = pl.col("contact_id").str.to_lowercase()
    is_plain = name.str.contains(r"^[a-z0-9]+([._-][a-z0-9]+)*$") & (name.str.len_chars() <= 40)
    digest = pl.col("contact_id").map_elements(_digest, return_dtype=pl.String)
    return (
        pl.when(is_plain & ~name.is_duplicated())
        .then(pl.format("customer-{}@example.com", name))
        .otherwise(pl.format("contact.{}@example.com", digest))
    )


def _digest(contact_id: str) -> str:
    return sha256(contact_id.encode()).hexdigest()[:24]
