"""Days pushed late, together or after a run that died: an older score never follows a newer one."""

import pytest

from de_assets.crm.client import CrmClient
from de_assets.crm.ledger import Ledger
from de_assets.crm.transport import ATTEMPTS
from de_assets.errors import CrmUnavailableError
from de_assets_tests.crm.faults import LOST, UNAVAILABLE
from de_assets_tests.crm.leads import MONDAY, TUESDAY, WEDNESDAY, Portal
from de_assets_tests.crm.writing_back import plan_of, scores_held, sent


def test_plans_that_were_made_together_leave_the_newest_score(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a", "b"])
    sent(client, plan_of(ledger, {"a": 1, "b": 1}, crm_ids, day=MONDAY), ledger)
    tuesday = plan_of(ledger, {"a": 2, "b": 2}, crm_ids, day=TUESDAY)
    wednesday = plan_of(ledger, {"a": 1, "b": 2}, crm_ids, day=WEDNESDAY)

    sent(client, tuesday, ledger)
    portal.layer.calls.clear()
    sent(client, wednesday, ledger)

    assert scores_held(client) == {"a": "1", "b": "2"}
    assert [len(call.body["inputs"]) for call in portal.layer.writes] == [1]


def test_an_old_plan_does_not_put_its_scores_over_newer_ones(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a"])
    old = plan_of(ledger, {"a": 1}, crm_ids, day=MONDAY)
    sent(client, plan_of(ledger, {"a": 2}, crm_ids, day=TUESDAY), ledger)

    receipts = sent(client, old, ledger)

    assert receipts.is_empty()
    assert scores_held(client) == {"a": "2"}


def test_a_late_day_does_not_go_over_a_newer_one_that_changed_nothing(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a"])
    sent(client, plan_of(ledger, {"a": 1}, crm_ids, day=MONDAY), ledger)
    sent(client, plan_of(ledger, {"a": 1}, crm_ids, day=WEDNESDAY), ledger)

    late = plan_of(ledger, {"a": 2}, crm_ids, day=TUESDAY)
    sent(client, late, ledger)

    assert late["action"].to_list() == ["blocked"]
    assert scores_held(client) == {"a": "1"}


def test_a_score_that_may_have_arrived_unacknowledged_is_sent_over(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a"])
    sent(client, plan_of(ledger, {"a": 1}, crm_ids, day=MONDAY), ledger)
    portal.layer.faults.extend([LOST, *[UNAVAILABLE] * (ATTEMPTS - 1)])
    with pytest.raises(CrmUnavailableError):
        sent(client, plan_of(ledger, {"a": 2}, crm_ids, day=TUESDAY), ledger)
    portal.layer.calls.clear()

    wednesday = plan_of(ledger, {"a": 1}, crm_ids, day=WEDNESDAY)
    sent(client, wednesday, ledger)

    assert wednesday["reason"].to_list() == ["the CRM may hold other values than it acknowledged"]
    assert scores_held(client) == {"a": "1"}
    assert plan_of(ledger, {"a": 1}, crm_ids, day=WEDNESDAY)["action"].to_list() == ["skip"]


def test_nothing_older_follows_a_score_that_may_have_arrived_unacknowledged(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a"])
    portal.layer.faults.extend([LOST, *[UNAVAILABLE] * (ATTEMPTS - 1)])
    with pytest.raises(CrmUnavailableError):
        sent(client, plan_of(ledger, {"a": 2}, crm_ids, day=TUESDAY), ledger)

    older = plan_of(ledger, {"a": 1}, crm_ids, day=MONDAY)
    sent(client, older, ledger)

    assert older["action"].to_list() == ["blocked"]
    assert scores_held(client) == {"a": "2"}


def test_a_contact_that_moves_to_another_record_on_the_same_day_has_one_receipt(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a", "b"])
    sent(client, plan_of(ledger, {"a": 1}, {"a": crm_ids["a"]}), ledger)
    plan = plan_of(ledger, {"a": 1}, {"a": crm_ids["b"]})

    receipts = sent(client, plan, ledger)

    assert receipts["crm_id"].to_list() == [crm_ids["b"]]
    assert scores_held(client)["b"] == "1"
