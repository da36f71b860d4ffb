"""Reads back what the CRM holds, and lists where it differs from what it acknowledged."""

from datetime import date

import polars as pl

from de_assets.crm.client import BATCH_SIZE, HISTORY_BATCH_SIZE, CrmClient, LastWrite
from de_assets.crm.ledger import GONE
from de_assets.crm.score_properties import SENT, is_same_value


def reconcile(client: CrmClient, ledger: pl.DataFrame, day: date) -> pl.DataFrame:
    """Read back every contact in the ledger and list where the CRM holds something else.

    Args:
        client: The CRM.
        ledger: What it has acknowledged (`ledger.SCHEMA`).
        day: The partition, as `dt` of the result.

    Returns:
        `crm/reconciliation` with `dt`: one row for each property that differs, with who wrote it
        and when, or one with `property_name` "contact" where the contact is gone.
    """
    # Of contacts that became one record in the CRM, it holds the score that was sent last.
    acknowledged = ledger.drop_nulls("crm_id")
    newest = acknowledged.sort("confirmed_for", "lead_scored_at", "sent_at").unique(
        "crm_id", keep="last"
    )
    differing: list[dict[str, object]] = []
    for batch in newest.sort("contact_id").iter_slices(BATCH_SIZE):
        found = {
            contact.crm_id: contact.properties
            for contact in client.read_contacts(batch["crm_id"].to_list(), SENT)
        }
        for row in batch.iter_rows(named=True):
            who = {"contact_id": row["contact_id"], "crm_id": row["crm_id"]}
            held = found.get(row["crm_id"])
            if held is None:
                differing.append(
                    {**who, "property_name": GONE, "acknowledged": None, "found": None}
                )
                continue
            differing.extend(
                {
                    **who,
                    "property_name": name,
                    "acknowledged": row[name],
                    "found": held.get(name),
                }
                for name in SENT
                if not is_same_value(name, row[name], held.get(name))
            )
    names = ("contact_id", "crm_id", "property_name", "acknowledged", "found")
    frame = pl.DataFrame(differing, schema=dict.fromkeys(names, pl.String))
    return _with_writers(client, frame).with_columns(dt=pl.lit(day, pl.Date))


def _with_writers(client: CrmClient, differing: pl.DataFrame) -> pl.DataFrame:
    """Only of what differs, since a read with history may ask for few contacts at once."""
    writes: dict[tuple[str, str], LastWrite] = {}
    there = differing.filter(pl.col("property_name") != GONE)
    crm_ids = there["crm_id"].unique(maintain_order=True)
    for place in range(0, len(crm_ids), HISTORY_BATCH_SIZE):
        asked = crm_ids.slice(place, HISTORY_BATCH_SIZE).to_list()
        writes |= client.read_last_writes(asked, SENT)
    of_rows = [writes.get(key) for key in differing.select("crm_id", "property_name").iter_rows()]
    return differing.with_columns(
        written_by=pl.Series([write and write.source_type for write in of_rows], dtype=pl.String),
        written_at=pl.Series(
            [write and write.written_at for write in of_rows], dtype=pl.Datetime("us")
        ),
    )
