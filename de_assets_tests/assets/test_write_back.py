"""The assets of the write-back: a plan that is judged, held, shown, and sent as one asks for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from de_assets.crm.breaker import STOP
from de_assets.crm.client import Change, CrmClient
from de_assets.crm.mock import running_crm
from de_assets.crm.score_properties import contact_key_definition, definitions
from de_assets_tests.assets.desk import CONTACTS, FIRST, PLAN, SECOND, TOKEN, WRITEBACK, Desk
from de_assets_tests.crm.leads import scores_of


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with (
        running_crm(tmp_path / "crm.db", TOKEN) as crm,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        with CrmClient(crm.base_url, TOKEN) as client:
            client.create_property(contact_key_definition())
            client.upsert([Change(key, None, {}) for key in CONTACTS], "customer_id")
        yield Desk(tmp_path, crm.base_url, instance)


def metadata(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dict[str, Any]:
    (found,) = [
        event.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == key
    ]
    return {
        name: [dict(record.data) for record in value.records]
        if isinstance(value, dg.TableMetadataValue)
        else value.value
        for name, value in found.metadata.items()
    }


def breaker(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (found,) = [
        each for each in result.get_asset_check_evaluations() if each.check_name == "breaker"
    ]
    return found


def all_at(score: int) -> dict[str, int]:
    return dict.fromkeys(CONTACTS, score)


def test_a_plan_is_sent_and_tells_what_it_does_without_naming_anybody(desk: Desk) -> None:
    desk.score(FIRST, all_at(40) | {"stranger": 7})

    result = desk.run(FIRST)

    assert result.success
    assert breaker(result).passed
    assert desk.held() == dict.fromkeys(CONTACTS, "40")
    told = metadata(result, PLAN)
    assert (told["action_update"], told["action_skip"]) == (60, 1)
    rows = told["examples"]
    assert rows[0] == {
        "action": "update",
        "reason": "first score",
        "contacts": 60,
        "lead_score": "none → 40",
        "lead_grade": "none → C",
    }
    assert not any(key in str(rows) for key in (*CONTACTS, "stranger"))


def test_a_plan_beyond_the_limits_is_written_and_not_sent(desk: Desk) -> None:
    desk.score(FIRST, all_at(40))
    desk.score(SECOND, all_at(95))
    desk.run(FIRST)

    result = desk.run(SECOND)

    assert not result.success
    assert not breaker(result).passed
    assert {each.step_key for each in result.all_events if each.is_step_start} == {"crm__sync_plan"}
    table = breaker(result).metadata["beyond_limits"]
    assert isinstance(table, dg.TableMetadataValue)
    assert {record.data["limit"] for record in table.records} == {
        "changed_share",
        "score_shift_points",
    }
    assert set(desk.table("crm/sync_plan", SECOND)["action"]) == {"update"}
    assert desk.held() == dict.fromkeys(CONTACTS, "40")


def test_a_held_plan_is_not_sent_by_a_write_back_on_its_own_either(desk: Desk) -> None:
    desk.score(FIRST, all_at(40))
    desk.score(SECOND, all_at(95))
    desk.run(FIRST)
    desk.run(SECOND)

    result = desk.run(SECOND, WRITEBACK)

    assert not result.success
    assert "the breaker holds its plan: 100% of 60 contacts" in str(
        [event.event_specific_data for event in result.all_events if event.is_step_failure]
    )
    assert SECOND not in desk.lake.days("crm/writeback")
    assert desk.held() == dict.fromkeys(CONTACTS, "40")


def test_a_released_plan_is_sent_and_the_check_is_a_warning(desk: Desk) -> None:
    desk.score(FIRST, all_at(40))
    desk.score(SECOND, all_at(95))
    desk.run(FIRST)
    desk.run(SECOND)

    result = desk.run(SECOND, release_breaker=True)

    assert result.success
    assert breaker(result).severity == dg.AssetCheckSeverity.WARN
    assert not breaker(result).passed
    assert desk.held() == dict.fromkeys(CONTACTS, "95")


def test_a_mended_plan_is_sent(desk: Desk) -> None:
    desk.score(FIRST, all_at(40))
    desk.score(SECOND, all_at(95))
    desk.run(FIRST)
    desk.run(SECOND)

    desk.score(SECOND, all_at(42))
    result = desk.run(SECOND)

    assert result.success
    assert desk.held() == dict.fromkeys(CONTACTS, "42")


def test_limits_are_those_of_the_sources_file(desk: Desk) -> None:
    desk.declare(breaker={"changed_share": 1, "score_shift_points": 60})
    desk.score(FIRST, all_at(40))
    desk.score(SECOND, all_at(95))
    desk.run(FIRST)

    assert desk.run(SECOND).success


def test_scores_that_break_their_contract_are_not_sent_though_they_lie_in_the_lake(
    desk: Desk,
) -> None:
    frame = scores_of(FIRST, all_at(40)).with_columns(grade=pl.lit("Z")).collect()
    desk.lake.write("predictions/lead_scores", frame, FIRST)

    result = desk.run(FIRST)

    assert "contract" in str(breaker(result).metadata["beyond_limits"])
    assert desk.held() == {}


def test_a_dry_run_sends_nothing_and_says_how_much_it_would(desk: Desk) -> None:
    desk.score(FIRST, all_at(40))

    result = desk.run(FIRST, dry_run=True)

    assert result.success
    told = metadata(result, WRITEBACK)
    assert (told["dry_run"], told["would_send"]) == (True, 60)
    assert [row["contacts"] for row in told["examples"]] == [60]
    assert desk.held() == {}
    assert not any(desk.lake.objects.list("crm/_ledger/"))


def test_a_dry_run_leaves_the_receipts_of_the_day_as_they_are(desk: Desk) -> None:
    desk.score(FIRST, all_at(40))
    desk.run(FIRST)
    before = desk.table("crm/writeback", FIRST)

    result = desk.run(FIRST, WRITEBACK, dry_run=True)

    assert metadata(result, WRITEBACK)["would_send"] == 0
    assert desk.table("crm/writeback", FIRST).equals(before)
    assert before.height == 60


def test_a_full_resync_sends_again_what_the_crm_lost(desk: Desk) -> None:
    desk.score(FIRST, all_at(40))
    desk.run(FIRST)
    with desk.client() as client:
        lost = client.list_contacts(["customer_id"])
        client.update([Change(c.crm_id, c.crm_id, {"lead_score": ""}) for c in lost])
    assert desk.run(FIRST).success
    assert desk.held() == {}

    result = desk.run(FIRST, full_resync=True)

    assert result.success
    assert desk.held() == dict.fromkeys(CONTACTS, "40")


def test_a_disabled_write_back_makes_the_plan_and_sends_nothing(desk: Desk) -> None:
    desk.declare(enabled=False)
    desk.score(FIRST, all_at(40))

    result = desk.run(FIRST)

    assert result.success
    assert desk.table("crm/sync_plan", FIRST).height == 60
    assert desk.table("crm/writeback", FIRST).is_empty()
    assert desk.held() == {}


def test_a_stop_sign_in_the_lake_keeps_a_write_back_from_beginning(desk: Desk) -> None:
    desk.score(FIRST, all_at(40))
    desk.lake.objects.write(STOP, b"")

    stopped = desk.run(FIRST)
    with desk.client() as client:
        defined = client.property_names()
    desk.lake.objects.delete(STOP)
    resumed = desk.run(FIRST)

    assert not stopped.success
    assert "lead_score" not in defined
    assert resumed.success
    assert desk.held() == dict.fromkeys(CONTACTS, "40")


def test_properties_that_do_not_fit_stop_the_first_write_with_their_names(desk: Desk) -> None:
    with desk.client() as client:
        client.create_property({**definitions()[1], "options": definitions()[1]["options"][1:]})
    desk.score(FIRST, all_at(40))

    result = desk.run(FIRST)

    failures = str([each.event_specific_data for each in result.all_events if each.is_step_failure])
    assert "lead_grade: OPTION_MISSING: add the options A to it" in failures
    assert desk.held() == {}


def test_missing_properties_are_not_defined_where_that_is_not_wanted(desk: Desk) -> None:
    desk.declare(create_properties=False)
    desk.score(FIRST, all_at(40))

    result = desk.run(FIRST)

    failures = str([each.event_specific_data for each in result.all_events if each.is_step_failure])
    assert "lead_score: PROPERTY_MISSING: define it (type number)" in failures
    with desk.client() as client:
        assert "lead_score" not in client.property_names()


def test_mirror_mode_clears_who_has_no_score_any_more(desk: Desk) -> None:
    desk.declare(mode="mirror")
    desk.score(FIRST, all_at(40))
    desk.score(SECOND, dict.fromkeys(CONTACTS[3:], 40))
    desk.run(FIRST)

    result = desk.run(SECOND)

    assert result.success
    assert metadata(result, PLAN)["action_clear"] == 3
    assert desk.held() == dict.fromkeys(CONTACTS[3:], "40")


def test_one_held_day_of_a_range_leaves_the_others_to_be_sent(desk: Desk) -> None:
    desk.score(FIRST, all_at(40))
    desk.run(FIRST)
    desk.score(FIRST, all_at(42))
    desk.score(SECOND, all_at(95))
    desk.run(FIRST, PLAN, last=SECOND)

    result = desk.run(FIRST, WRITEBACK, last=SECOND)

    assert not result.success
    assert desk.held() == dict.fromkeys(CONTACTS, "42")


def test_an_asset_has_six_checks_at_most(desk: Desk) -> None:
    checks = list(desk.defs.resolve_asset_graph().asset_check_keys)
    for asset in (PLAN, WRITEBACK):
        assert 0 < sum(key.asset_key == asset for key in checks) <= 6
