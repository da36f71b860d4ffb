"""Mirror mode, null policies, the full resync, and what is told of a plan without names."""

from collections.abc import Mapping

import polars as pl
import pytest

from de_assets.contracts.audit import audit
from de_assets.contracts.crm import SyncPlan
from de_assets.crm import ledger as ledgers
from de_assets.crm.client import CrmClient
from de_assets.crm.ledger import Ledger
from de_assets.crm.mapping import MAPPING, MappedProperty, mapping_with
from de_assets.crm.plan import Mode, count_actions, due_rows, make_plan
from de_assets.crm.push import push
from de_assets.crm.reconcile import reconcile
from de_assets.crm.score_properties import MEANINGFUL, SENT, values
from de_assets.transforms.lineage import InputColumn, trace
from de_assets_tests.crm.leads import (
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    Portal,
    Ticks,
    contacts_of,
    held_scores,
    scores_of,
)
from de_assets_tests.crm.test_plan import ledger_of

CRM_IDS = {"a": "1", "b": "2", "c": "3"}


def _decided(plan: pl.DataFrame) -> dict[str, tuple[str, str]]:
    return {
        contact: (action, reason)
        for contact, action, reason in plan.select("contact_id", "action", "reason").rows()
    }


def _plan(
    scores: pl.LazyFrame,
    ledger: pl.DataFrame,
    *,
    mode: Mode = "mirror",
    crm_ids: Mapping[str, str | None] = CRM_IDS,
    mapping: tuple[MappedProperty, ...] = MAPPING,
) -> pl.DataFrame:
    return make_plan(scores, contacts_of(crm_ids), ledger.lazy(), mode, mapping).collect()


@pytest.mark.parametrize("mode", ["update_only", "upsert"])
def test_a_contact_without_a_score_any_more_is_cleared_in_mode_mirror_only(mode: Mode) -> None:
    ledger = ledger_of(scores_of(MONDAY, {"a": 57, "b": 5}), CRM_IDS)
    scores = scores_of(TUESDAY, {"a": 57})

    mirrored, other = _plan(scores, ledger), _plan(scores, ledger, mode=mode)

    assert _decided(mirrored) == {
        "a": ("skip", "nothing has changed"),
        "b": ("clear", "no score any more"),
    }
    assert set(_decided(other)) == {"a"}


def test_what_is_cleared_is_empty_but_for_the_day_and_shows_what_was_there() -> None:
    ledger = ledger_of(scores_of(MONDAY, {"a": 57, "b": 5}), CRM_IDS)

    plan = _plan(scores_of(TUESDAY, {"a": 57}), ledger)

    (row,) = plan.filter(action="clear").iter_rows(named=True)
    assert [row[name] for name in SENT] == ["", "", "", "", "", "2011-11-29"]
    assert (row["old_lead_score"], row["old_lead_grade"]) == ("5", "D")
    assert audit(SyncPlan, plan).failing == {}
    assert set(plan["dt"]) == {TUESDAY}


def test_a_day_without_any_score_clears_nobody() -> None:
    ledger = ledger_of(scores_of(MONDAY, {"a": 57, "b": 5}), CRM_IDS)

    assert _plan(scores_of(TUESDAY, {}), ledger).is_empty()


def test_a_contact_that_has_a_newer_score_or_left_the_crm_is_not_cleared() -> None:
    ledger = pl.concat(
        [
            ledger_of(scores_of(WEDNESDAY, {"b": 57}), CRM_IDS),
            ledger_of(scores_of(MONDAY, {"c": 57}), CRM_IDS),
        ]
    )

    plan = _plan(scores_of(TUESDAY, {"a": 57}), ledger, crm_ids={**CRM_IDS, "c": None})

    assert _decided(plan) == {
        "a": ("update", "first score"),
        "b": ("blocked", "the CRM holds a newer score"),
        "c": ("skip", "without a score, and not in the CRM"),
    }


def test_a_record_that_two_contacts_share_is_not_cleared_for_one_of_them() -> None:
    ledger = ledger_of(scores_of(MONDAY, {"b": 57}), CRM_IDS)

    plan = _plan(scores_of(TUESDAY, {"a": 57}), ledger, crm_ids={"a": "1", "b": "1"})

    assert {action for action, _ in _decided(plan).values()} == {"blocked"}


def test_mirror_creates_nobody_and_touches_nobody_who_was_never_scored() -> None:
    ledger = pl.DataFrame(schema=ledgers.SCHEMA)

    plan = _plan(scores_of(TUESDAY, {"new": 57}), ledger)

    assert _decided(plan) == {"new": ("skip", "not in the CRM, and write_back.mode is mirror")}


def test_the_crm_holds_no_score_of_who_has_none_and_everything_else_of_the_contact_stays(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a", "b"])
    now = Ticks()

    def write_back(scores: pl.LazyFrame) -> pl.DataFrame:
        plan = _plan(scores, ledger.read(), crm_ids=crm_ids)
        return push(client, plan, ledger, "run-0001", now=now)

    write_back(scores_of(MONDAY, {"a": 57, "b": 5}))
    receipts = write_back(scores_of(TUESDAY, {"a": 57}))

    assert receipts.select("contact_id", "state").rows() == [("b", "acknowledged")]
    held = held_scores(client)
    assert set(held) == {"a", "b"}  # our key is still there
    assert all(not held["b"][name] for name in MEANINGFUL)
    assert held["a"]["lead_score"] == "57"
    assert reconcile(client, ledger.read(), TUESDAY).is_empty()
    assert write_back(scores_of(WEDNESDAY, {"a": 57})).is_empty()
    assert write_back(scores_of(TUESDAY, {"b": 80})).is_empty()  # Wednesday said none
    assert write_back(scores_of(WEDNESDAY, {"a": 57, "b": 90}))["contact_id"].to_list() == ["b"]


def test_a_missing_value_clears_or_leaves_the_property_by_its_policy() -> None:
    ledger = ledger_of(scores_of(MONDAY, {"a": 57}), CRM_IDS)
    scores = scores_of(TUESDAY, {"a": 60, "b": 5}, reasons=None)
    leave = mapping_with({"lead_score_reasons": "leave"})

    cleared = _plan(scores, ledger)
    left = _plan(scores, ledger, mapping=leave)

    assert cleared["lead_score_reasons"].to_list() == ["", ""]
    assert left["lead_score_reasons"].to_list() == ["bought last week", ""]


def test_a_value_that_is_missing_and_left_is_no_change() -> None:
    ledger = ledger_of(scores_of(MONDAY, {"a": 57}), CRM_IDS)
    scores = scores_of(TUESDAY, {"a": 57}, reasons=None)

    left = _plan(scores, ledger, mapping=mapping_with({"lead_score_reasons": "leave"}))

    assert _decided(left) == {"a": ("skip", "nothing has changed")}
    assert _decided(_plan(scores, ledger)) == {"a": ("update", "the score has changed")}


def test_a_number_is_rounded_before_it_is_compared() -> None:
    scores = scores_of(MONDAY, {"a": 57}).with_columns(pl.col("score").cast(pl.Float64) + 0.2)

    sent = values(scores).collect()

    assert sent["lead_score"].to_list() == ["57"]
    assert sent["fingerprint"][0].startswith("57 | ")


def test_a_full_resync_sends_what_is_acknowledged_and_nothing_that_is_blocked_or_unknown() -> None:
    ledger = pl.concat(
        [
            ledger_of(scores_of(MONDAY, {"a": 57}), CRM_IDS),
            ledger_of(scores_of(WEDNESDAY, {"b": 57}), CRM_IDS),
        ]
    )
    crm_ids = {**CRM_IDS, "d": "9", "e": "9", "f": None}
    scores = scores_of(TUESDAY, dict.fromkeys("abcdef", 57))
    plan = _plan(scores, ledger, mode="update_only", crm_ids=crm_ids)

    assert due_rows(plan, ledger)["contact_id"].to_list() == ["c"]
    assert due_rows(plan, ledger, full_resync=True)["contact_id"].to_list() == ["a", "c"]


def test_a_full_resync_never_goes_over_what_became_newer_since_the_plan() -> None:
    plan = _plan(scores_of(TUESDAY, {"a": 57}), pl.DataFrame(schema=ledgers.SCHEMA))
    newer = ledger_of(scores_of(WEDNESDAY, {"a": 30}), CRM_IDS)

    assert due_rows(plan, newer, full_resync=True).is_empty()


def test_an_emptied_crm_holds_every_score_again_after_a_full_resync(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a", "b"])
    scores = scores_of(MONDAY, {"a": 57, "b": 5})
    plan = _plan(scores, ledger.read(), crm_ids=crm_ids)
    push(client, plan, ledger, "run-0001", now=Ticks())
    again = portal.fill(client, ["a", "b"])
    assert push(client, plan, ledger, "run-0002", now=Ticks()).height == 2  # of before
    assert portal.layer.writes == []

    receipts = push(client, plan, ledger, "run-0003", now=Ticks(), full_resync=True)

    assert again == crm_ids
    assert receipts["state"].to_list() == ["acknowledged", "acknowledged"]
    assert len(portal.layer.writes) == 1


def test_the_examples_count_each_reason_and_name_no_contact() -> None:
    ledger = ledger_of(scores_of(MONDAY, {"a": 57, "b": 5, "c": 20}), CRM_IDS)
    plan = _plan(scores_of(TUESDAY, {"a": 60, "b": 95, "new": 1}), ledger)

    told = count_actions(plan)

    assert told.columns == ["action", "reason", "contacts", "lead_score", "lead_grade"]
    assert told.rows() == [
        ("update", "the score has changed", 2, "5 → 95", "D → A"),
        ("clear", "no score any more", 1, "20 → none", "D → none"),
        ("skip", "not in the CRM, and write_back.mode is mirror", 1, "none → 1", "none → D"),
    ]


def test_the_lineage_of_the_plan_knows_the_ledger_where_a_policy_keeps_its_values() -> None:
    inputs = {
        "scores": scores_of(MONDAY, {}).collect_schema(),
        "contacts": contacts_of({}).collect_schema(),
        "ledger": ledgers.SCHEMA,
    }

    def made(mapping: tuple[MappedProperty, ...]) -> frozenset[InputColumn]:
        found = trace(
            lambda scores, contacts, ledger: make_plan(scores, contacts, ledger, "mirror", mapping),
            inputs,
        )
        return found["lead_score_reasons"].needed

    kept = InputColumn("ledger", "lead_score_reasons")

    assert kept in made(mapping_with({"lead_score_reasons": "leave"}))
    assert kept not in made(MAPPING)
    assert InputColumn("scores", "reasons") in made(MAPPING)
