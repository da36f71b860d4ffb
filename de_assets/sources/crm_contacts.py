"""Contacts out of the CRM: those changed in a window, or all of them.

The rows look like any other delivery: our column names, text as the CRM wrote it, and provenance.
Our own score properties are never asked for, so our own write-back changes nothing that is read.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

import polars as pl

from de_assets.contracts.source_tables import CONTACTS
from de_assets.crm.client import Contact, CrmClient

# Where the sources file maps nothing: HubSpot's names; a column that HubSpot has no name for is
# looked for under ours, as a property that somebody defined.
PROPERTIES = dict(zip(CONTACTS.columns, CONTACTS.columns, strict=True)) | {
    "contact_id": "customer_id",
    "crm_id": "hs_object_id",
    "email": "email",
    "first_name": "firstname",
    "last_name": "lastname",
    "phone": "phone",
    "company": "company",
    "country": "country",
    "channel": "channel",
    "lifecycle_stage": "lifecyclestage",
    "created_at": "createdate",
    "modified_at": "lastmodifieddate",
}


def changed_contacts(
    client: CrmClient, days: Iterable[date], mapping: Mapping[str, str]
) -> pl.DataFrame:
    """Contacts changed on each of these days (UTC), one row a contact and day, with `dt`."""
    names = PROPERTIES | dict(mapping)
    frames = [_frame([], names, date.min)]
    for day in days:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        found = client.list_modified(start, start + timedelta(days=1), list(names.values()))
        frames.append(_frame(found, names, day))
    return pl.concat(frames)


def all_contacts(client: CrmClient, day: date, mapping: Mapping[str, str]) -> pl.DataFrame:
    """Every contact as it is now, filed under one day: a full sweep, with `dt`."""
    names = PROPERTIES | dict(mapping)
    return _frame(client.list_contacts(list(names.values())), names, day)


def _frame(contacts: Iterable[Contact], names: Mapping[str, str], day: date) -> pl.DataFrame:
    """Rows of `raw/contacts` but for `_ingested_at`; a contact without our key has the CRM's."""
    rows = [
        {
            **{ours: contact.properties.get(theirs) for ours, theirs in names.items()},
            "crm_id": contact.crm_id,
            "contact_id": _key(contact, names["contact_id"]),
            "_extra": None,
            "_source": "crm",
            "_source_row": number,
            "_batch": f"crm {day}",
        }
        for number, contact in enumerate(contacts, start=1)
    ]
    schema = {
        **dict.fromkeys(CONTACTS.columns, pl.String),
        "_extra": pl.String,
        "_source": pl.String,
        "_source_row": pl.Int64,
        "_batch": pl.String,
    }
    return pl.DataFrame(rows, schema=schema).with_columns(dt=pl.lit(day, pl.Date))


def _key(contact: Contact, name: str) -> str:
    key = contact.properties.get(name) or ""
    return key if key.strip() else f"crm-{contact.crm_id}"
