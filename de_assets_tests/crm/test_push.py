"""Sending a plan: what is acknowledged, rejected, taken up again, and never sent twice."""

import polars as pl
import pytest

from de_assets.crm.client import BATCH_SIZE, CrmClient
from de_assets.crm.ledger import Ledger
from de_assets.crm.push import NO_ANSWER, RECEIPT_SCHEMA
from de_assets.crm.transport import ATTEMPTS
from de_assets.errors import CrmError, CrmUnavailableError
from de_assets_tests.crm.faults import LOST, UNAVAILABLE, Answered, refused
from de_assets_tests.crm.leads import MONDAY, TUESDAY, Portal, held_scores
from de_assets_tests.crm.writing_back import (
    acknowledged,
    many_scores,
    plan_of,
    scores_held,
    sent,
    states,
)


def test_a_plan_of_several_batches_arrives_whole(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    scores = many_scores(2 * BATCH_SIZE + 1)
    crm_ids = portal.fill(client, list(scores))
    seen: list[tuple[int, int]] = []

    receipts = sent(
        client,
        plan_of(ledger, scores, crm_ids),
        ledger,
        progress=lambda done, total: seen.append((done, total)),
    )

    assert [len(call.body["inputs"]) for call in portal.layer.writes] == [100, 100, 1]
    assert seen == [(100, 201), (200, 201), (201, 201)]
    assert set(receipts["state"]) == {"acknowledged"}
    assert dict(receipts.select("contact_id", "crm_id").iter_rows()) == crm_ids
    assert scores_held(client) == {key: str(score) for key, score in scores.items()}
    assert set(ledger.read()["run_id"]) == {"run-0001"}


def test_everything_that_a_sales_person_sees_arrives(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a"])

    sent(client, plan_of(ledger, {"a": 57}, crm_ids), ledger)

    assert held_scores(client)["a"] == {
        "lead_score": "57",
        "lead_grade": "B",
        "lead_score_reasons": "bought last week",
        "lead_score_trend": "steady",
        "lead_score_model_version": "v1",
        "lead_scored_at": "2011-11-29",
    }
    assert portal.layer.writes[0].body["inputs"][0]["properties"]["lead_score_run_id"] == "run-0001"


def test_an_empty_plan_sends_nothing(portal: Portal, client: CrmClient, ledger: Ledger) -> None:
    receipts = sent(client, plan_of(ledger, {}, {}), ledger)

    assert receipts.schema == RECEIPT_SCHEMA
    assert receipts.is_empty()
    assert portal.layer.calls == []


def test_nothing_is_in_the_ledger_before_the_crm_acknowledged_it(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a", "b"])
    heights: list[int] = []
    portal.layer.before = lambda _: heights.append(len(acknowledged(ledger)))

    sent(client, plan_of(ledger, {"a": 1, "b": 2}, crm_ids), ledger, batch_size=1)

    assert heights == [0, 1]
    assert acknowledged(ledger) == {"a", "b"}


def test_the_second_write_back_of_a_day_writes_nothing(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a", "b"])
    plan = plan_of(ledger, {"a": 1, "b": 2}, crm_ids)
    first = sent(client, plan, ledger)
    portal.layer.calls.clear()

    by_the_same_plan = sent(client, plan, ledger)
    by_a_new_plan = sent(client, plan_of(ledger, {"a": 1, "b": 2}, crm_ids), ledger)

    assert portal.layer.calls == []
    assert by_the_same_plan.sort("contact_id").equals(first.sort("contact_id"))
    assert by_a_new_plan.is_empty()


def test_a_vanished_contact_is_rejected_and_tried_again_next_time(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a"]) | {"gone": "999999"}

    receipts = sent(client, plan_of(ledger, {"a": 1, "gone": 2}, crm_ids), ledger)

    assert states(receipts) == {
        "a": ("acknowledged", None),
        "gone": ("rejected", "OBJECT_NOT_FOUND"),
    }
    assert acknowledged(ledger) == {"a"}
    again = plan_of(ledger, {"a": 1, "gone": 2}, crm_ids)
    assert again.filter(action="update")["contact_id"].to_list() == ["gone"]
    assert set(scores_held(client)) == {"a"}


def test_a_row_that_the_crm_says_nothing_about_is_rejected(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a"])
    portal.layer.faults.append(Answered(200, b'{"status": "COMPLETE", "results": []}'))

    receipts = sent(client, plan_of(ledger, {"a": 1}, crm_ids), ledger)

    assert states(receipts) == {"a": ("rejected", NO_ANSWER)}
    assert acknowledged(ledger) == set()


def test_a_bad_row_is_rejected_by_its_code_and_sent_again_when_it_is_mended(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a", "b"])
    plan = plan_of(ledger, {"a": 1, "b": 2}, crm_ids)
    spoilt = plan.with_columns(
        lead_grade=pl.when(contact_id=pl.lit("b")).then(pl.lit("Z")).otherwise("lead_grade")
    )

    receipts = sent(client, spoilt, ledger)
    portal.layer.calls.clear()
    sent(client, plan_of(ledger, {"a": 1, "b": 2}, crm_ids), ledger)

    assert states(receipts)["b"] == ("rejected", "INVALID_OPTION")
    assert [len(call.body["inputs"]) for call in portal.layer.writes] == [1]
    assert scores_held(client) == {"a": "1", "b": "2"}


@pytest.mark.parametrize("poisoned", [{"c-000"}, {"c-063"}, {"c-007", "c-008", "c-099"}])
def test_a_batch_that_is_refused_as_a_whole_is_halved_until_the_culprit_stands_alone(
    portal: Portal, client: CrmClient, ledger: Ledger, poisoned: set[str]
) -> None:
    scores = many_scores(BATCH_SIZE)
    crm_ids = portal.fill(client, list(scores))
    portal.layer.rewrite = _without_trace_ids  # then one bad row refuses all
    plan = plan_of(ledger, scores, crm_ids).with_columns(
        lead_score_trend=pl.when(pl.col("contact_id").is_in(poisoned))
        .then(pl.lit("sideways"))
        .otherwise("lead_score_trend")
    )

    receipts = sent(client, plan, ledger)

    rejected = receipts.filter(state="rejected")
    assert set(rejected["contact_id"]) == poisoned
    assert set(rejected["code"]) == {"INVALID_OPTION"}
    assert acknowledged(ledger) == set(scores) - poisoned
    assert receipts["contact_id"].is_unique().all()
    held = scores_held(client)
    assert {key for key, score in held.items() if score is None} == poisoned
    assert len(portal.layer.writes) <= 1 + 2 * 7 * len(poisoned)


def test_each_half_is_in_the_ledger_before_the_next_is_sent(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a", "b"])
    heights: list[int] = []
    portal.layer.before = lambda _: heights.append(len(acknowledged(ledger)))
    portal.layer.faults.append(refused(400, "VALIDATION_ERROR"))

    sent(client, plan_of(ledger, {"a": 1, "b": 2}, crm_ids), ledger)

    assert heights == [0, 0, 1]


def test_a_refusal_that_is_about_us_stops_the_run_at_once(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a", "b"])
    portal.layer.faults.append(refused(403, "MISSING_SCOPES"))

    with pytest.raises(CrmError, match="MISSING_SCOPES"):
        sent(client, plan_of(ledger, {"a": 1, "b": 2}, crm_ids), ledger)

    assert len(portal.layer.writes) == 1
    assert acknowledged(ledger) == set()


def test_known_and_new_contacts_go_out_in_requests_of_their_own(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a", "c"])
    plan = plan_of(ledger, {"a": 1, "b": 2, "c": 3}, crm_ids, mode="upsert")

    receipts = sent(client, plan, ledger)

    paths = [call.path.rsplit("/", 1)[1] for call in portal.layer.writes]
    assert paths == ["update", "upsert"]
    assert set(receipts["state"]) == {"acknowledged"}
    assert receipts["crm_id"].null_count() == 0
    assert scores_held(client) == {"a": "1", "b": "2", "c": "3"}


def test_a_lost_answer_is_sent_again_and_nothing_is_doubled(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a"])
    portal.layer.faults.extend([LOST, None, LOST])

    receipts = sent(client, plan_of(ledger, {"a": 1, "new": 2}, crm_ids, mode="upsert"), ledger)

    assert set(receipts["state"]) == {"acknowledged"}
    assert len(portal.layer.writes) == 4
    assert scores_held(client) == {"a": "1", "new": "2"}


def test_a_crm_that_stops_answering_leaves_what_it_acknowledged_in_the_ledger(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    scores = many_scores(5)
    crm_ids = portal.fill(client, list(scores))
    plan = plan_of(ledger, scores, crm_ids)
    portal.layer.faults.extend([None, None, *[UNAVAILABLE] * ATTEMPTS])

    with pytest.raises(CrmUnavailableError):
        sent(client, plan, ledger, batch_size=1)
    before = acknowledged(ledger)
    portal.layer.calls.clear()
    sent(client, plan, ledger, batch_size=1)

    assert before == {"c-000", "c-001"}
    assert len(portal.layer.writes) == 3
    assert scores_held(client) == {key: str(score) for key, score in scores.items()}


def test_a_row_without_an_answer_stays_in_doubt(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a"])
    sent(client, plan_of(ledger, {"a": 1}, crm_ids, day=MONDAY), ledger)
    portal.layer.faults.append(Answered(200, b'{"status": "COMPLETE", "results": []}'))
    sent(client, plan_of(ledger, {"a": 2}, crm_ids, day=TUESDAY), ledger)

    again = plan_of(ledger, {"a": 1}, crm_ids, day=TUESDAY)

    assert again["action"].to_list() == ["update"]
    assert again["reason"].to_list() == ["the CRM may hold other values than it acknowledged"]


def _without_trace_ids(body: object) -> object:
    if isinstance(body, dict):
        for item in body.get("inputs", []):
            item.pop("objectWriteTraceId", None)
    return body
