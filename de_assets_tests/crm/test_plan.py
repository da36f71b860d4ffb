"""The sync plan: what is done with each scored contact, and why."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from de_assets.contracts.audit import audit
from de_assets.contracts.crm import SyncPlan
from de_assets.crm import ledger as ledgers
from de_assets.crm.plan import Mode, due_rows, make_plan, settled_rows
from de_assets.crm.score_properties import MEANINGFUL, SENT, values
from de_assets_tests.crm.leads import MONDAY, TUESDAY, WEDNESDAY, contacts_of, scores_of

EMPTY_LEDGER = pl.DataFrame(schema=ledgers.SCHEMA)


def ledger_of(scores: pl.LazyFrame, crm_ids: Mapping[str, str], **changed: str) -> pl.DataFrame:
    """The ledger after the CRM acknowledged these scores."""
    sent = values(scores).with_columns(
        crm_id=pl.col("contact_id").replace_strict(dict(crm_ids), return_dtype=pl.String),
        sent_at=pl.lit(datetime(2011, 12, 1, tzinfo=UTC).isoformat()),
        run_id=pl.lit("run"),
        confirmed_for="lead_scored_at",
    )
    return (
        sent.with_columns(**{name: pl.lit(text) for name, text in changed.items()})
        .select(ledgers.SCHEMA.names())
        .collect()
    )


def _plan(
    scores: Mapping[str, int],
    contacts: Mapping[str, str | None],
    ledger: pl.DataFrame = EMPTY_LEDGER,
    *,
    day: date = TUESDAY,
    mode: Mode = "update_only",
) -> pl.DataFrame:
    frame = scores_of(day, scores)
    return make_plan(frame, contacts_of(contacts), ledger.lazy(), mode).collect()


def _only(plan: pl.DataFrame) -> dict[str, Any]:
    (row,) = plan.iter_rows(named=True)
    return row


def _decided(plan: pl.DataFrame) -> tuple[str, str]:
    row = _only(plan)
    return row["action"], row["reason"]


def test_a_contact_without_a_score_in_the_crm_is_updated() -> None:
    assert _decided(_plan({"a": 57}, {"a": "1"})) == ("update", "first score")


def test_a_changed_score_is_an_update_that_shows_what_was_there() -> None:
    ledger = ledger_of(scores_of(MONDAY, {"a": 30}), {"a": "1"})

    row = _only(_plan({"a": 57}, {"a": "1"}, ledger))

    assert (row["action"], row["reason"]) == ("update", "the score has changed")
    assert (row["old_lead_score"], row["lead_score"]) == ("30", "57")
    assert (row["old_lead_grade"], row["lead_grade"]) == ("C", "B")


def test_an_unchanged_score_is_skipped() -> None:
    ledger = ledger_of(scores_of(MONDAY, {"a": 57}), {"a": "1"})

    assert _decided(_plan({"a": 57}, {"a": "1"}, ledger)) == ("skip", "nothing has changed")


def test_a_contact_that_the_crm_does_not_hold_is_created_in_upsert_mode_only() -> None:
    skipped = _plan({"a": 57, "b": 5}, {"a": None})
    created = _plan({"a": 57, "b": 5}, {"a": None}, mode="upsert")

    assert set(skipped["action"]) == {"skip"}
    assert set(skipped["reason"]) == {"not in the CRM, and write_back.mode is update_only"}
    assert created.select("contact_id", "action", "reason", "crm_id").rows() == [
        ("a", "create", "not in the CRM", None),
        ("b", "create", "not in the CRM", None),
    ]


@pytest.mark.parametrize("mode", ["update_only", "upsert"])
@pytest.mark.parametrize("score", [57, 30])
def test_an_older_score_than_the_acknowledged_one_is_blocked(mode: Mode, score: int) -> None:
    ledger = ledger_of(scores_of(WEDNESDAY, {"a": 57}), {"a": "1"})

    plan = _plan({"a": score}, {"a": "1"}, ledger, day=TUESDAY, mode=mode)

    assert _decided(plan) == ("blocked", "the CRM holds a newer score")


def test_an_older_score_than_one_that_needed_no_sending_is_blocked_too() -> None:
    ledger = ledger_of(
        scores_of(MONDAY, {"a": 57}), {"a": "1"}, confirmed_for=WEDNESDAY.isoformat()
    )

    plan = _plan({"a": 30}, {"a": "1"}, ledger, day=TUESDAY)

    assert _decided(plan) == ("blocked", "the CRM holds a newer score")


def test_a_score_of_the_same_day_by_a_newer_model_is_sent() -> None:
    ledger = ledger_of(scores_of(TUESDAY, {"a": 30}), {"a": "1"})

    assert _decided(_plan({"a": 57}, {"a": "1"}, ledger)) == ("update", "the score has changed")


def test_contacts_that_share_a_record_of_the_crm_are_blocked() -> None:
    plan = _plan({"a": 57, "b": 5, "c": 6, "d": 7, "e": 8}, {"a": "1", "b": "1", "c": "2"})

    blocked = plan.filter(action="blocked")
    assert blocked["contact_id"].to_list() == ["a", "b"]
    assert set(blocked["reason"]) == {"another contact has the same CRM record"}


def test_a_record_that_is_shared_with_a_contact_not_scored_that_day_is_blocked() -> None:
    plan = _plan({"a": 57}, {"a": "1", "not scored": "1"})

    assert _decided(plan) == ("blocked", "another contact has the same CRM record")


def test_a_contact_that_got_another_record_in_the_crm_is_sent_to_it() -> None:
    ledger = ledger_of(scores_of(MONDAY, {"a": 57}), {"a": "1"})

    plan = _plan({"a": 57}, {"a": "2"}, ledger)

    assert _decided(plan) == ("update", "the contact has another CRM record")


def test_a_contact_that_left_the_crm_has_no_record_there() -> None:
    left = contacts_of({"a": "1"}).with_columns(is_in_crm=pl.lit(value=False))

    plan = make_plan(scores_of(TUESDAY, {"a": 57}), left, EMPTY_LEDGER.lazy(), "update_only")

    assert _only(plan.collect())["crm_id"] is None
    assert _only(plan.collect())["action"] == "skip"


def test_only_the_current_version_of_a_contact_counts() -> None:
    versions = pl.concat(
        [
            contacts_of({"a": "1"}).with_columns(is_current=pl.lit(value=False)),
            contacts_of({"a": "2"}),
        ]
    )

    plan = make_plan(scores_of(TUESDAY, {"a": 57}), versions, EMPTY_LEDGER.lazy(), "upsert")

    assert _only(plan.collect())["crm_id"] == "2"


def test_the_fingerprint_holds_what_a_sales_person_sees_and_not_the_day_or_the_model() -> None:
    scores = scores_of(MONDAY, {"a": 57})
    (before,) = values(scores).collect()["fingerprint"]

    (other_day,) = values(scores_of(TUESDAY, {"a": 57})).collect()["fingerprint"]
    (other_model,) = values(scores.with_columns(model_version=pl.lit("v2"))).collect()[
        "fingerprint"
    ]

    assert before == other_day == other_model == "57 | B | bought last week | steady"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("score", pl.lit(58, pl.Int32)),
        ("grade", pl.lit("A")),
        ("reasons", pl.lit("is new")),
        ("reasons", pl.lit(None, pl.String)),
        ("trend", pl.lit("up")),
    ],
)
def test_each_value_that_a_sales_person_sees_changes_the_fingerprint(
    column: str, value: pl.Expr
) -> None:
    scores = scores_of(MONDAY, {"a": 57})

    changed = values(scores.with_columns(value.alias(column))).collect()

    assert changed["fingerprint"][0] != values(scores).collect()["fingerprint"][0]
    assert changed["fingerprint"].null_count() == 0
    assert len(MEANINGFUL) == 4


def test_a_contact_without_reasons_sends_the_empty_text_that_clears() -> None:
    (row,) = values(scores_of(MONDAY, {"a": 57}, reasons=None)).collect().iter_rows(named=True)

    assert row["lead_score_reasons"] == ""
    assert row["lead_score"] == "57"
    assert row["lead_scored_at"] == "2011-11-28"
    assert set(SENT) <= row.keys()


def test_a_plan_keeps_its_contract_and_every_scored_contact_once() -> None:
    scores = {f"c{number}": number % 100 for number in range(300)}
    crm_ids = {key: None if n % 7 == 0 else str(n // 2) for n, key in enumerate(scores)}
    acknowledged = {key: scores[key] for key in list(scores)[::3]}
    ledger = ledger_of(scores_of(MONDAY, acknowledged), dict.fromkeys(acknowledged, "1"))

    plan = _plan(scores, crm_ids, ledger, mode="upsert")

    verdict = audit(SyncPlan, plan)
    assert verdict.structural == ()
    assert verdict.failing == {}
    assert plan["contact_id"].to_list() == sorted(scores)
    assert set(plan.columns) - {"dt"} == set(SyncPlan.to_schema().columns)
    assert set(plan["dt"]) == {TUESDAY}


def test_a_day_without_scores_has_an_empty_plan_of_the_same_shape() -> None:
    plan = _plan({}, {"a": "1"})

    assert plan.is_empty()
    assert plan.schema == _plan({"a": 57}, {"a": "1"}).schema


def test_what_was_acknowledged_since_the_plan_is_no_longer_due() -> None:
    plan = _plan({"a": 57, "b": 5}, {"a": "1", "b": "2"})
    ledger = ledger_of(scores_of(TUESDAY, {"a": 57}), {"a": "1"})

    assert due_rows(plan, ledger)["contact_id"].to_list() == ["b"]
    assert settled_rows(plan, ledger)["contact_id"].to_list() == ["a"]


def test_what_a_newer_day_overtook_since_the_plan_is_no_longer_due() -> None:
    plan = _plan({"a": 57}, {"a": "1"})
    ledger = ledger_of(scores_of(WEDNESDAY, {"a": 30}), {"a": "1"})

    assert due_rows(plan, ledger).is_empty()
    assert settled_rows(plan, ledger).is_empty()


def test_what_was_unchanged_is_due_when_a_day_between_changed_it_since_the_plan() -> None:
    plan = _plan({"a": 57}, {"a": "1"}, ledger_of(scores_of(MONDAY, {"a": 57}), {"a": "1"}))
    between = ledger_of(scores_of(MONDAY, {"a": 30}), {"a": "1"})

    due = due_rows(plan, between)

    assert due.rows() == plan.rows()
    assert due.columns == plan.columns


def test_blocked_and_unknown_contacts_are_never_due() -> None:
    plan = _plan({"a": 57, "b": 5, "c": 9}, {"a": "1", "b": "1", "c": None})

    assert due_rows(plan, EMPTY_LEDGER).is_empty()
