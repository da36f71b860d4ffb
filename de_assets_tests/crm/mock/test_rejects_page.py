"""The page of rejects: which inputs of batches were refused, by code, without their values."""

import re
from pathlib import Path

import pytest

from de_assets.crm.mock import rejects
from de_assets.crm.mock.errors import PropertyProblem, contact_exists, invalid_properties
from de_assets.crm.mock.rejects import MOST_KEPT, NOT_A_NAME, newest_rejects, reject_kinds
from de_assets.crm.mock.store import Store
from de_assets_tests.crm.mock.api import Api, Clock
from de_assets_tests.crm.mock.webpages import page, text_of

SECRET = "Ana Ruiz of Blue Wool"


def traced(contact_id: str, **properties: str) -> dict[str, object]:
    return {"id": contact_id, "objectWriteTraceId": contact_id, "properties": properties}


def test_where_nothing_was_refused_the_page_says_so(empty_api: Api) -> None:
    empty_api.batch("update", [traced(empty_api.create(firstname="Ana"), lead_score="5")])

    assert "Nothing was refused" in page(empty_api, "/rejects")


def test_refused_inputs_are_counted_by_code_and_property_with_their_time(
    empty_api: Api, clock: Clock
) -> None:
    ids = [empty_api.create(firstname="Ana") for _ in range(4)]
    answer = empty_api.batch(
        "update",
        [
            traced(ids[0], lead_grade=SECRET),
            traced(ids[1], lead_grade=SECRET),
            traced(ids[2], lead_score="5"),
            traced(ids[3], colour=SECRET),
        ],
    )
    clock.advance(86_400)
    empty_api.batch("update", [traced(ids[0], lead_grade="Z")])

    html = page(empty_api, "/rejects")

    assert answer.status_code == 207
    text = text_of(html)
    assert "INVALID_OPTION lead_grade 3 2011-11-30 12:00 UTC 2011-12-01 12:00 UTC Add the" in text
    assert "PROPERTY_DOESNT_EXIST colour 1 2011-11-30 12:00 UTC 2011-11-30 12:00 UTC" in text
    assert "2011-12-01 12:00 UTC batch update INVALID_OPTION lead_grade 1" in text
    assert "whole batch" not in text
    assert "Ana" not in html


def test_a_batch_that_is_refused_whole_counts_all_of_its_inputs(empty_api: Api) -> None:
    ids = [empty_api.create(firstname="Ana") for _ in range(3)]
    inputs = [{"id": each, "properties": {"lead_score": "5"}} for each in ids]
    inputs[1]["properties"] = {"lead_score": SECRET}

    answer = empty_api.batch("update", inputs)

    assert answer.status_code == 400
    text = text_of(page(empty_api, "/rejects"))
    assert "batch update whole batch refused INVALID_INTEGER lead_score 3" in text


def test_conflicts_missing_contacts_and_repeated_ids_are_rejects_too(empty_api: Api) -> None:
    empty_api.create(email="a@shop.example")
    second = empty_api.create(email="b@shop.example")
    empty_api.batch("update", [traced(second, email="a@shop.example"), traced("999999999")])
    empty_api.batch("update", [traced(second), traced(second)])

    text = text_of(page(empty_api, "/rejects"))

    for code in ("CONFLICT", "OBJECT_NOT_FOUND", "VALIDATION_ERROR"):
        assert re.search(rf"{code} \S [12] 2011-11-30 12:00 UTC", text)
    assert "shop.example" not in text
    assert "999999999" not in text


def test_one_code_is_shown_alone(empty_api: Api) -> None:
    contact_id = empty_api.create(firstname="Ana")
    empty_api.batch("update", [traced(contact_id, lead_grade="Z"), traced("999999999")])

    newest = text_of(page(empty_api, "/rejects", code="INVALID_OPTION")).partition("Newest of")[2]
    unknown = text_of(page(empty_api, "/rejects", code="NOTHING"))

    assert "INVALID_OPTION lead_grade" in newest
    assert "OBJECT_NOT_FOUND" not in newest
    assert "Newest Refused" in unknown


def test_the_name_of_an_unknown_property_is_kept_only_if_it_could_be_one(empty_api: Api) -> None:
    contact_id = empty_api.create(firstname="Ana")
    empty_api.batch("update", [traced(contact_id, **{SECRET: "x"})])

    text = text_of(page(empty_api, "/rejects"))

    assert f"PROPERTY_DOESNT_EXIST {NOT_A_NAME} 1" in text
    assert SECRET not in text


def test_only_the_newest_rejects_are_kept(tmp_path: Path) -> None:
    with Store(tmp_path / "crm.db") as store, store.writing() as tables:
        for moment in range(MOST_KEPT + 5):
            rejects.remember(tables, moment, "update", [contact_exists(1)])
        [kind] = reject_kinds(tables)
        newest = newest_rejects(tables)

    assert kind.inputs == MOST_KEPT
    assert kind.first_at == "1970-01-01T00:00:00.005Z"
    assert newest[0].at == "1970-01-01T00:00:01.004Z"
    assert len(newest) == rejects.MOST_SHOWN


@pytest.mark.parametrize("is_whole", [True, False])
def test_an_input_with_two_wrong_values_is_told_under_both(tmp_path: Path, is_whole: bool) -> None:
    problems = [PropertyProblem(name, "INVALID_DATE", SECRET) for name in ("day", "night")]
    refusal = invalid_properties(problems)
    with Store(tmp_path / "crm.db") as store, store.writing() as tables:
        if is_whole:
            rejects.remember_batch(tables, 0, "upsert", refusal, 7)
        else:
            rejects.remember(tables, 0, "upsert", [refusal])
        kinds = reject_kinds(tables)

    assert {kind.property_name for kind in kinds} == {"day", "night"}
    assert {kind.inputs for kind in kinds} == {7 if is_whole else 1}


def test_a_code_of_which_nothing_is_known_gives_no_advice(tmp_path: Path) -> None:
    refusal = invalid_properties([PropertyProblem("day", "NEW_CODE", "")])
    with Store(tmp_path / "crm.db") as store, store.writing() as tables:
        rejects.remember(tables, 0, "upsert", [refusal])
        [kind] = reject_kinds(tables)

    assert kind.what_to_do == ""
