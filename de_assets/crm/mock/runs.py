"""The sync runs as the CRM saw them: which run wrote scores of which day and model, and when.

Counted as contacts are written (records.py calls `count_write`), so that the page is there at once
however long the history is. Keyed by what a run writes in `lead_score_run_id`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from de_assets.crm.mock.store import Contact, Tables
from de_assets.crm.mock.timestamps import text_of

RUNS_ON_A_PAGE = 50
RUN_ID = "lead_score_run_id"


@dataclass(frozen=True, slots=True)
class SyncRun:
    """What one run wrote of one day by one model; texts are empty where it did not say.

    `contacts` counts those that it wrote, `standing` those that show its score now.
    """

    run_id: str
    scored_at: str
    model_version: str
    contacts: int
    standing: int
    first_at: str
    last_at: str


@dataclass(frozen=True, slots=True)
class RunsPage:
    """One page of runs, newest first; `number` goes from 1 to `last_number`."""

    runs: tuple[SyncRun, ...]
    number: int
    last_number: int


def count_write(tables: Tables, contact: Contact, changed: Mapping[str, str]) -> None:
    """Count a contact for the run that has just written it, if a run did.

    Args:
        tables: The transaction of the write.
        contact: The contact after the write.
        changed: What the write changed. A write that is sent again changes no run id, and so it
            is not counted again.
    """
    if not changed.get(RUN_ID):
        return
    properties = contact.properties
    tables.rows(
        "INSERT INTO sync_run VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT DO UPDATE SET"
        " contacts = contacts + 1,"
        " first_ms = min(first_ms, excluded.first_ms),"
        " last_ms = max(last_ms, excluded.last_ms)",
        (
            changed[RUN_ID],
            properties.get("lead_scored_at", ""),
            properties.get("lead_score_model_version", ""),
            contact.modified_ms,
            contact.modified_ms,
        ),
    )


def runs_page(tables: Tables, number: int) -> RunsPage:
    """Return page `number` (from 1; beyond the end it is the last) of the runs, newest first."""
    [(count,)] = tables.rows("SELECT count(*) FROM sync_run", ())
    last_number = max(1, -(-int(str(count)) // RUNS_ON_A_PAGE))
    number = min(max(number, 1), last_number)
    rows = tables.rows(
        """
        WITH shown AS (
            SELECT * FROM sync_run ORDER BY last_ms DESC, run_id, scored_at LIMIT ? OFFSET ?
        ), standing AS (
            SELECT
                json_extract(properties, '$.lead_score_run_id') AS run_id,
                coalesce(json_extract(properties, '$.lead_scored_at'), '') AS scored_at,
                coalesce(json_extract(properties, '$.lead_score_model_version'), '')
                    AS model_version,
                count(*) AS contacts
            FROM contact
            WHERE archived_ms IS NULL AND json_extract(properties, '$.lead_score') IS NOT NULL
            GROUP BY 1, 2, 3
        )
        SELECT run_id, scored_at, model_version, shown.contacts,
            coalesce(standing.contacts, 0), first_ms, last_ms
        FROM shown LEFT JOIN standing USING (run_id, scored_at, model_version)
        ORDER BY last_ms DESC, run_id, scored_at
        """,
        (RUNS_ON_A_PAGE, (number - 1) * RUNS_ON_A_PAGE),
    )
    runs = tuple(
        SyncRun(
            run_id=str(run_id),
            scored_at=str(scored_at),
            model_version=str(model_version),
            contacts=int(str(contacts)),
            standing=int(str(standing)),
            first_at=text_of(int(str(first_ms))),
            last_at=text_of(int(str(last_ms))),
        )
        for run_id, scored_at, model_version, contacts, standing, first_ms, last_ms in rows
    )
    return RunsPage(runs, number, last_number)
