"""Making and sending a plan in one line each, for the tests of the write-back."""

from collections.abc import Mapping
from datetime import date

import polars as pl

from de_assets.contracts.audit import audit
from de_assets.contracts.crm import Receipts
from de_assets.crm.client import CrmClient
from de_assets.crm.ledger import Ledger
from de_assets.crm.plan import Mode, make_plan
from de_assets.crm.push import push
from de_assets_tests.crm.leads import TUESDAY, Ticks, contacts_of, held_scores, scores_of


def plan_of(
    ledger: Ledger,
    scores: Mapping[str, int],
    crm_ids: Mapping[str, str | None],
    *,
    day: date = TUESDAY,
    mode: Mode = "update_only",
) -> pl.DataFrame:
    known = ledger.read().lazy()
    return make_plan(scores_of(day, scores), contacts_of(crm_ids), known, mode).collect()


def sent(client: CrmClient, plan: pl.DataFrame, ledger: Ledger, **options: object) -> pl.DataFrame:
    given = {"now": Ticks(), "run_id": "run-0001"} | options
    receipts = push(client, plan, ledger, **given)  # type: ignore[arg-type]
    assert audit(Receipts, receipts).structural == ()
    assert audit(Receipts, receipts).failing == {}
    return receipts


def states(receipts: pl.DataFrame) -> dict[str, tuple[str, str | None]]:
    rows = receipts.select("contact_id", "state", "code").rows()
    return {contact: (state, code) for contact, state, code in rows}


def many_scores(count: int) -> dict[str, int]:
    return {f"c-{number:03d}": number % 100 for number in range(count)}


def acknowledged(ledger: Ledger) -> set[str]:
    return set(ledger.read().drop_nulls("crm_id")["contact_id"])


def scores_held(client: CrmClient) -> dict[str | None, str | None]:
    return {key: held["lead_score"] for key, held in held_scores(client).items()}
