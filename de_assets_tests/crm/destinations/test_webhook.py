"""A webhook gets every score once, in batches, and nobody else gets the token."""

import pytest

from de_assets.crm.destination import ContentRefusedError
from de_assets.crm.destinations.webhook import Webhook
from de_assets.crm.score_properties import SENT
from de_assets.crm.transport import ATTEMPTS
from de_assets.errors import CrmError, CrmUnavailableError
from de_assets_tests.crm.destinations.receiver import PATH, TOKEN
from de_assets_tests.crm.destinations.sending import NAME, changes, planned, told
from de_assets_tests.crm.leads import MONDAY, TUESDAY, WEDNESDAY, Ticks

SCORES = {f"c-{number}": 10 * number for number in range(10)}
ONE = {"a": {"lead_score": "57", "lead_grade": "B"}}


def test_a_batch_is_json_with_the_token_a_key_and_the_run(webhook, receiver):
    answer = webhook.send(changes(ONE))

    (request,) = receiver.requests
    assert request.path == PATH
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Run-Id"] == "run-0001"
    assert request.body == {
        "destination": NAME,
        "day": str(TUESDAY),
        "contacts": [{"contact_id": "a", "properties": ONE["a"]}],
    }
    assert set(answer.acknowledged) == {"a"}
    assert not answer.rejected


def test_the_idempotency_key_is_that_of_the_content_not_of_the_run(webhook, receiver):
    for values, run in ((ONE, "run-1"), (ONE, "run-2"), ({"a": {"lead_score": "58"}}, "run-2")):
        webhook.send(changes(values, run))

    first, again, other = (each.headers["Idempotency-Key"] for each in receiver.requests)
    assert first == again != other
    assert receiver.requests[0].body == receiver.requests[1].body


def test_all_scores_of_a_plan_arrive_once_in_batches_that_are_not_too_large(
    webhook, receiver, ledger, crm_ledger
):
    receipts = told(webhook, planned(crm_ledger, SCORES), ledger)

    assert receipts == dict.fromkeys(SCORES, ("acknowledged", None))
    assert [len(each.keys) for each in receiver.requests] == [4, 4, 2]
    assert receiver.scores == {key: str(score) for key, score in SCORES.items()}


def test_the_run_after_sends_nothing_and_the_next_day_only_what_changed(
    webhook, receiver, ledger, crm_ledger
):
    plan = planned(crm_ledger, SCORES)
    told(webhook, plan, ledger)
    receiver.requests.clear()

    told(webhook, plan, ledger, "run-0002")
    told(webhook, planned(crm_ledger, SCORES | {"c-3": 99}, day=WEDNESDAY), ledger, "run-0003")

    assert receiver.taken == ["c-3"]


def test_an_older_score_never_follows_a_newer_one(webhook, receiver, ledger, crm_ledger):
    told(webhook, planned(crm_ledger, SCORES), ledger)

    told(webhook, planned(crm_ledger, dict.fromkeys(SCORES, 1), day=MONDAY), ledger, "run-0002")

    assert receiver.scores == {key: str(score) for key, score in SCORES.items()}


def test_what_the_crm_has_already_is_sent_to_a_destination_that_has_not(
    webhook, receiver, ledger, crm_ledger
):
    plan = planned(crm_ledger, SCORES)
    crm_ledger.record(TUESDAY, "run-0000", 0, Ticks()(), _acknowledged(plan))
    unchanged = planned(crm_ledger, SCORES)

    told(webhook, unchanged, ledger)

    assert set(unchanged["action"]) == {"skip"}
    assert sorted(receiver.taken) == sorted(SCORES)


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_a_refused_batch_is_halved_until_the_culprit_stands_alone(
    webhook, receiver, ledger, crm_ledger, status
):
    receiver.unwanted = {"c-5"}

    receipts = told(webhook, planned(crm_ledger, SCORES), ledger)

    assert receipts["c-5"] == ("rejected", "HTTP_422")
    assert sorted(receiver.taken) == sorted(set(SCORES) - {"c-5"})
    receiver.answers.append(status)
    with pytest.raises(ContentRefusedError):
        webhook.send(changes(ONE))


@pytest.mark.parametrize("trouble", [429, 500, 502, 503, 0])
def test_what_may_be_better_the_next_time_is_tried_again(webhook, receiver, pauses, trouble):
    receiver.answers.extend([trouble, trouble])

    answer = webhook.send(changes(ONE))

    assert set(answer.acknowledged) == {"a"}
    assert len(receiver.requests) == 3
    assert len({each.headers["Idempotency-Key"] for each in receiver.requests}) == 1
    assert len(pauses) == 2


def test_the_pause_that_the_receiver_asks_for_is_kept(webhook, receiver, pauses):
    receiver.answers.append(429)
    receiver.retry_after = "7"

    webhook.send(changes(ONE))

    assert pauses == [7.0]


def test_a_receiver_that_never_answers_ends_the_run_within_its_attempts(webhook, receiver):
    receiver.answers.extend([503] * 50)

    with pytest.raises(CrmUnavailableError, match="webhook partner did not answer"):
        webhook.send(changes(ONE))

    assert len(receiver.requests) == ATTEMPTS


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_of_us_is_not_repeated_and_names_the_setting(webhook, receiver, status):
    receiver.answers.append(status)

    with pytest.raises(CrmError, match=f"HTTP {status}") as error:
        webhook.send(changes(ONE))

    assert not isinstance(error.value, ContentRefusedError)
    assert len(receiver.requests) == 1
    assert status == 410 or "partner" in error.value.fix or "WEBHOOK_TOKEN" in error.value.fix
    assert TOKEN not in str(error.value)
    assert "CRM" not in str(error.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(webhook, receiver, status):
    receiver.answers.append(status)

    with pytest.raises(CrmError, match="redirects elsewhere"):
        webhook.send(changes(ONE))

    assert [each.path for each in receiver.requests] == [PATH]


def test_a_token_that_no_header_can_carry_is_refused_by_the_name_of_its_setting(receiver):
    with pytest.raises(CrmError) as error:
        Webhook(NAME, receiver.url, "two words", TUESDAY)

    assert error.value.where == "DE_ASSETS_WEBHOOK_TOKEN"
    assert "two words" not in str(error.value)


def _acknowledged(plan):
    return plan.select("contact_id", "crm_id", *SENT, "fingerprint").to_dicts()
