"""What search sees when its index lags: every contact as it was some time ago.

HubSpot's search finds a write only seconds later. Contacts written since are shown as their
history says they were; those that were not there yet are not found.
"""

import json
from dataclasses import replace

from de_assets.crm.mock.conditions import Condition
from de_assets.crm.mock.history import ContactWrite
from de_assets.crm.mock.store import CONTACT_COLUMNS, Contact, Tables

_CURRENT = Condition("")


def as_indexed(tables: Tables, now_ms: int, lag_ms: int) -> Condition:
    """Return what to put before a query of `contact`, so that it reads the index instead."""
    if lag_ms == 0:
        return _CURRENT
    horizon_ms = now_ms - lag_ms
    newer = tables.select("WHERE modified_ms > ?", (horizon_ms,))
    indexed = [
        (
            contact.id,
            json.dumps(contact.properties),
            contact.created_ms,
            contact.modified_ms,
            contact.archived_ms,
        )
        for now in newer
        for contact in [_as_of(now, tables.history(now.id), horizon_ms)]
        if contact is not None
    ]
    columns = ", ".join(
        f"json_extract(value, '$[{position}]') AS {name.strip()}"
        for position, name in enumerate(CONTACT_COLUMNS.split(","))
    )
    # A table of the query that is named as the stored one stands before it.
    return Condition(
        f"WITH contact AS (SELECT {CONTACT_COLUMNS} FROM main.contact WHERE modified_ms <= ?"  # noqa: S608 - constants
        f" UNION ALL SELECT {columns} FROM json_each(?)) ",
        (horizon_ms, json.dumps(indexed)),
    )


def _as_of(contact: Contact, writes: list[ContactWrite], moment_ms: int) -> Contact | None:
    known = [write for write in writes if write.written_ms <= moment_ms]
    if not known:
        return None
    properties: dict[str, str] = {}
    for write in known:
        properties |= write.changed
    return replace(
        contact,
        properties={name: value for name, value in properties.items() if value},
        modified_ms=known[-1].written_ms,
        archived_ms=None,
    )
