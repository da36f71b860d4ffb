"""Rejected rows stand in a table, are sent again, and are parked when that does not help."""

from collections.abc import Collection
from datetime import UTC, date, datetime

import polars as pl
import pytest

from de_assets.crm.client import CrmClient
from de_assets.crm.ledger import Ledger
from de_assets.crm.push import PARKED
from de_assets.crm.rejects import PARK_AFTER, REASONS, SCHEMA, UNKNOWN_REASON
from de_assets.crm.transport import ATTEMPTS
from de_assets.errors import CrmUnavailableError
from de_assets_tests.crm.faults import LOST, UNAVAILABLE, refused
from de_assets_tests.crm.leads import MONDAY, TUESDAY, WEDNESDAY, Portal
from de_assets_tests.crm.writing_back import plan_of, scores_held, sent, states


def _spoilt(plan: pl.DataFrame, contacts: Collection[str] = ("b",)) -> pl.DataFrame:
    """A plan of whose rows the CRM takes some for bad."""
    is_bad = pl.col("contact_id").is_in(list(contacts))
    return plan.with_columns(
        lead_grade=pl.when(is_bad).then(pl.lit("Z")).otherwise("lead_grade"),
        fingerprint=pl.when(is_bad)
        .then(pl.col("fingerprint") + " spoilt")
        .otherwise("fingerprint"),
    )


def _moment(day: int) -> datetime:
    return datetime(2011, 12, day, 6, tzinfo=UTC)


def _attempts(ledger: Ledger) -> list[tuple[str, int, bool]]:
    return ledger.rejects.read().select("contact_id", "attempts", "is_parked").rows()


def test_a_rejected_row_stands_with_code_reason_attempts_and_days(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a", "b"])
    plan = _spoilt(plan_of(ledger, {"a": 1, "b": 2}, crm_ids))

    sent(client, plan, ledger, now=lambda: _moment(2))
    sent(client, plan, ledger, now=lambda: _moment(4))

    (row,) = ledger.rejects.read().iter_rows(named=True)
    assert ledger.rejects.read().schema == SCHEMA
    assert (row["contact_id"], row["crm_id"]) == ("b", crm_ids["b"])
    assert (row["code"], row["reason"]) == ("INVALID_OPTION", REASONS["INVALID_OPTION"])
    assert (row["attempts"], row["is_parked"]) == (2, False)
    assert (row["first_day"], row["last_day"]) == (date(2011, 12, 2), date(2011, 12, 4))
    assert row["lead_scored_at"] == "2011-11-29"


def test_an_accepted_row_does_not_stand_any_more(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a", "b"])
    sent(client, _spoilt(plan_of(ledger, {"a": 1, "b": 2}, crm_ids)), ledger)
    portal.layer.calls.clear()

    sent(client, plan_of(ledger, {"a": 1, "b": 2}, crm_ids), ledger)

    assert [len(call.body["inputs"]) for call in portal.layer.writes] == [1]
    assert ledger.rejects.read().is_empty()


def test_a_row_is_parked_after_so_many_attempts_and_not_sent(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a", "b"])
    plan = _spoilt(plan_of(ledger, {"a": 1, "b": 2}, crm_ids))
    for _ in range(PARK_AFTER):
        receipts = sent(client, plan, ledger)
    portal.layer.calls.clear()

    receipts = sent(client, plan, ledger)

    assert portal.layer.calls == []
    assert states(receipts) == {"a": ("acknowledged", None), "b": ("rejected", PARKED)}
    assert _attempts(ledger) == [("b", PARK_AFTER, True)]


def test_a_changed_value_unparks(portal: Portal, client: CrmClient, ledger: Ledger) -> None:
    crm_ids = portal.fill(client, ["b"])
    sent(client, _spoilt(plan_of(ledger, {"b": 2}, crm_ids)), ledger, park_after=1)
    changed = _spoilt(plan_of(ledger, {"b": 3}, crm_ids))

    receipts = sent(client, changed, ledger)
    mended = sent(client, plan_of(ledger, {"b": 3}, crm_ids), ledger)

    assert states(receipts) == {"b": ("rejected", "INVALID_OPTION")}
    assert states(mended) == {"b": ("acknowledged", None)}
    assert ledger.rejects.read().is_empty()
    assert scores_held(client) == {"b": "3"}


def test_another_value_or_another_record_counts_its_attempts_anew(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["b", "other"])
    plan = _spoilt(plan_of(ledger, {"b": 2}, crm_ids))
    counts = []

    for each in (plan, plan, plan.with_columns(crm_id=pl.lit(crm_ids["other"]))):
        sent(client, each, ledger)
        counts += _attempts(ledger)

    assert [attempts for _, attempts, _ in counts] == [1, 2, 1]


def test_what_somebody_unparks_is_sent_again(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["b"])
    plan = _spoilt(plan_of(ledger, {"b": 2}, crm_ids))
    sent(client, plan, ledger, park_after=1)

    count = ledger.rejects.unpark()
    receipts = sent(client, plan, ledger)

    assert count == 1
    assert states(receipts) == {"b": ("rejected", "INVALID_OPTION")}
    assert _attempts(ledger) == [("b", 1, False)]


def test_a_value_that_the_crm_has_again_is_no_reject_any_more(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["b"])
    sent(client, plan_of(ledger, {"b": 2}, crm_ids, day=MONDAY), ledger)
    sent(client, _spoilt(plan_of(ledger, {"b": 3}, crm_ids, day=TUESDAY)), ledger)
    portal.layer.calls.clear()

    sent(client, plan_of(ledger, {"b": 2}, crm_ids, day=WEDNESDAY), ledger)

    assert portal.layer.calls == []
    assert ledger.rejects.read().is_empty()


def test_an_older_day_that_is_accepted_leaves_the_newer_reject_standing(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["b"])
    sent(client, _spoilt(plan_of(ledger, {"b": 3}, crm_ids, day=TUESDAY)), ledger)

    sent(client, plan_of(ledger, {"b": 2}, crm_ids, day=MONDAY), ledger)
    sent(client, plan_of(ledger, {"b": 2}, crm_ids, day=MONDAY), ledger)
    sent(client, _spoilt(plan_of(ledger, {"b": 1}, crm_ids, day=MONDAY)), ledger)

    assert ledger.rejects.read().select("lead_scored_at", "attempts").rows() == [("2011-11-29", 1)]


def test_rejects_of_a_run_that_ends_early_are_kept(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a", "b"])
    plan = _spoilt(plan_of(ledger, {"a": 1, "b": 2}, crm_ids), ["a"])
    portal.layer.faults.extend([None, *[UNAVAILABLE] * ATTEMPTS])

    with pytest.raises(CrmUnavailableError):
        sent(client, plan, ledger, batch_size=1)

    assert _attempts(ledger) == [("a", 1, False)]


def test_an_unknown_code_has_a_reason_too(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a"])
    portal.layer.faults.append(refused(400, "SOMETHING_NEW", message="Ada Lovelace"))

    sent(client, plan_of(ledger, {"a": 1}, crm_ids), ledger)

    (row,) = ledger.rejects.read().iter_rows(named=True)
    assert (row["code"], row["reason"]) == ("SOMETHING_NEW", UNKNOWN_REASON)


@pytest.mark.parametrize("is_doubted_before", [True, False])
def test_a_rejection_after_a_lost_answer_leaves_the_contact_in_doubt(
    portal: Portal, client: CrmClient, ledger: Ledger, is_doubted_before: bool
) -> None:
    crm_ids = portal.fill(client, ["a"])
    sent(client, plan_of(ledger, {"a": 1}, crm_ids, day=MONDAY), ledger)
    if is_doubted_before:  # Tuesday's score arrived, and the run died
        portal.layer.faults.extend([LOST, *[UNAVAILABLE] * (ATTEMPTS - 1)])
        with pytest.raises(CrmUnavailableError):
            sent(client, plan_of(ledger, {"a": 2}, crm_ids, day=TUESDAY), ledger)
        portal.layer.faults.append(refused(400, "VALIDATION_ERROR"))
    else:
        portal.layer.faults.extend([LOST, refused(400, "VALIDATION_ERROR")])

    receipts = sent(client, plan_of(ledger, {"a": 2}, crm_ids, day=TUESDAY), ledger)

    older = plan_of(ledger, {"a": 3}, crm_ids, day=MONDAY)
    newer = plan_of(ledger, {"a": 1}, crm_ids, day=TUESDAY)
    assert states(receipts) == {"a": ("rejected", "VALIDATION_ERROR")}
    assert older["action"].to_list() == ["blocked"]
    assert newer["action"].to_list() == ["update"]
