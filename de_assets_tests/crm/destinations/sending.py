"""Making a plan and sending it to a further destination in one line each."""

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from de_assets.crm.destination import Change, Destination
from de_assets.crm.destinations.telling import tell
from de_assets.crm.ledger import Ledger
from de_assets.crm.plan import make_plan
from de_assets_tests.crm.leads import TUESDAY, contacts_of, scores_of

NAME = "partner"


def planned(
    crm_ledger: Ledger,
    scores: Mapping[str, int],
    *,
    day: date = TUESDAY,
    reasons: str | None = "bought last week",
) -> pl.DataFrame:
    """The CRM's plan of a day, for contacts that the CRM holds."""
    crm_ids = {key: f"crm-{key}" for key in scores}
    return make_plan(
        scores_of(day, scores, reasons=reasons),
        contacts_of(crm_ids),
        crm_ledger.read().lazy(),
        "update_only",
    ).collect()


def told(
    destination: Destination,
    plan: pl.DataFrame,
    ledger: Ledger,
    run_id: str = "run-0001",
) -> dict[str, tuple[str, str | None]]:
    """Send a plan as the asset does; the state and code of each receipt."""
    receipts = tell(destination, plan, ledger, run_id)
    rows = receipts.select("contact_id", "state", "code").rows()
    return {contact: (state, code) for contact, state, code in rows}


def changes(values: Mapping[str, Mapping[str, str]], run_id: str = "run-0001") -> Sequence[Change]:
    return [
        Change(key, key, {**properties, "lead_score_run_id": run_id})
        for key, properties in values.items()
    ]
