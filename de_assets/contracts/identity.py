"""The identity table: who the contacts are, encrypted; the one place after raw that can tell.

Made from the direct identifiers of the source table, so that a new one there is a column here.
"""

import polars as pl

from de_assets.contracts.base import Contract, TableInfo, column
from de_assets.contracts.raw import DIRECT_RETENTION_DAYS
from de_assets.contracts.source_tables import CONTACTS, SourceTable


def identity_contract(table: SourceTable) -> type[Contract]:
    """The identity table of a source table whose rows are people, by `contact_id`."""
    info = TableInfo(
        f"identity/{table.name}",
        "Who the contacts are, each encrypted under a key of its own",
        "one contact, latest version of the day",
        owner="team:privacy",
        is_daily=True,
        unique_by=("contact_id",),
        retention_days=DIRECT_RETENTION_DAYS,
    )
    fields = {
        "contact_id": column("Our key of the contact", pii="quasi"),
        **{
            name: column(
                f"{name.replace('_', ' ')}, encrypted (AES-SIV, base64)",
                pii="direct",
                nullable=True,
                watch=False,
            )
            for name in table.direct_identifiers
        },
        "key_id": column("Which key of the contact reads the row"),
    }
    body = {
        "__doc__": info.title,
        "__module__": __name__,
        "__annotations__": dict.fromkeys(fields, pl.String),
        "Config": type("Config", (), {"metadata": {"table": info}}),
        **fields,
    }
    return type("IdentityContacts", (Contract,), body)


IdentityContacts = identity_contract(CONTACTS)
