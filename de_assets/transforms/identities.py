"""Direct identifiers of the contacts, in plain text, on their way from raw to the identity table.

What this returns is encrypted before it is written anywhere (`assets/identity.py`).
"""

import polars as pl
import polars.selectors as cs

from de_assets.contracts.base import columns, table_info
from de_assets.contracts.cleaned import CleanedContacts
from de_assets.contracts.source_tables import CONTACTS
from de_assets.transforms.deduplicate import IS_DUPLICATE, mark_outdated
from de_assets.transforms.quarantine import in_order_of_arrival
from de_assets.transforms.reading import TEXTS, moment_of
from de_assets.transforms.typing import Dialect, to_text


def identities(raw: pl.LazyFrame, *, dialect: Dialect) -> pl.LazyFrame:
    """The latest version of each contact and day: the same row that the cleaning keeps.

    Args:
        raw: Rows of `raw/contacts`, of any type, with `dt`.
        dialect: How the supplier writes values.

    Returns:
        The columns of `identity/contacts` and `dt`; the direct identifiers (String) in plain text,
        `key_id` null, `contact_id` null where a row names nobody.
    """
    contact_id = next(info for info in columns(CleanedContacts) if info.name == "contact_id")
    assert contact_id.read is not None
    typed = (
        in_order_of_arrival(raw)
        .with_columns(cs.float().fill_nan(None))
        .select(
            TEXTS[contact_id.read](contact_id.source, dialect).alias("contact_id"),
            *(to_text(name, dialect) for name in CONTACTS.direct_identifiers),
            moment_of("modified_at", CleanedContacts, dialect).alias("_modified_at"),
            pl.col("_row").alias("_arrived"),
            "dt",
        )
    )
    return (
        typed.sort("_modified_at", "_arrived", nulls_last=False)
        .with_row_index("_row")
        .pipe(mark_outdated, table_info(CleanedContacts).unique_by)
        .filter(~pl.col(IS_DUPLICATE))
        .sort("_arrived")
        .select(
            "contact_id",
            *CONTACTS.direct_identifiers,
            pl.lit(None, pl.String).alias("key_id"),
            "dt",
        )
    )
