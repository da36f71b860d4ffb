"""What is sent, and how a CRM is told apart that cannot take it."""

from collections.abc import Mapping
from typing import Any

import pytest

from de_assets.contracts.base import polars_schema
from de_assets.contracts.features import LeadScores
from de_assets.crm.client import CrmClient
from de_assets.crm.mapping import (
    CONTACT_KEY,
    MAPPING,
    MappingError,
    check_mapping,
    find_mismatches,
    mapping_with,
)
from de_assets.crm.push import ensure_properties
from de_assets.crm.score_properties import contact_key_definition, definitions
from de_assets_tests.crm.leads import Portal

GRADE = next(each for each in MAPPING if each.name == "lead_grade")


def _held(**changed: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The definitions that fit, with other facts for some of them, by name."""
    return [
        {**each, **changed.get(each["name"], {})}
        for each in (contact_key_definition(), *definitions())
    ]


def _found(*held: Mapping[str, Any], needs_key: bool = True) -> list[tuple[str, str]]:
    return [(each.property_name, each.code) for each in find_mismatches(held, needs_key=needs_key)]


def test_every_column_that_is_sent_is_one_of_the_scores() -> None:
    assert {each.column for each in MAPPING if each.column} <= set(polars_schema(LeadScores))


def test_a_crm_with_our_definitions_fits() -> None:
    assert _found(*_held()) == []


@pytest.mark.parametrize(
    ("name", "facts", "code"),
    [
        ("lead_score", {"type": "enumeration", "options": []}, "WRONG_TYPE"),
        ("lead_scored_at", {"type": "number"}, "WRONG_TYPE"),
        ("lead_score_reasons", {"type": "number"}, "WRONG_TYPE"),
        ("lead_grade", {"options": GRADE.definition()["options"][1:]}, "OPTION_MISSING"),
        ("lead_score_trend", {"options": []}, "OPTION_MISSING"),
        ("lead_score", {"modificationMetadata": {"readOnlyValue": True}}, "READ_ONLY"),
        ("lead_score", {"calculated": True}, "READ_ONLY"),
        ("lead_grade", {"archived": True}, "PROPERTY_ARCHIVED"),
        (CONTACT_KEY, {"hasUniqueValue": False}, "NOT_UNIQUE"),
    ],
)
def test_a_property_that_cannot_take_our_values_is_a_mismatch_by_name(
    name: str, facts: Mapping[str, Any], code: str
) -> None:
    assert _found(*_held(**{name: facts})) == [(name, code)]


@pytest.mark.parametrize("name", ["lead_score", "lead_score_run_id", CONTACT_KEY])
def test_a_property_that_is_not_defined_is_a_mismatch(name: str) -> None:
    held = [each for each in _held() if each["name"] != name]

    assert _found(*held) == [(name, "PROPERTY_MISSING")]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("lead_score", "string"), ("lead_grade", "string"), ("lead_scored_at", "datetime")],
)
def test_a_property_of_another_type_that_takes_our_values_fits(name: str, kind: str) -> None:
    assert _found(*_held(**{name: {"type": kind, "options": []}})) == []


def test_a_crm_in_which_nobody_is_created_needs_no_unique_key() -> None:
    held = [each for each in _held() if each["name"] != CONTACT_KEY]

    assert _found(*held, needs_key=False) == []


def test_the_error_lists_every_mismatch_with_what_to_do_about_it() -> None:
    held = _held(lead_grade={"options": []}, lead_score={"type": "date"})

    with pytest.raises(MappingError) as caught:
        check_mapping(held, needs_key=True)

    text = str(caught.value)
    assert "lead_score: WRONG_TYPE: it is of type date, and number is sent: rename" in text
    assert "lead_grade: OPTION_MISSING: add the options A, B, C, D to it" in text
    assert [each.property_name for each in caught.value.mismatches] == ["lead_score", "lead_grade"]


def test_a_crm_that_never_saw_us_lacks_everything_until_it_is_asked_for(
    new_portal: Portal,
) -> None:
    with new_portal.client() as client:
        with pytest.raises(MappingError) as caught:
            check_mapping(client.property_definitions(), needs_key=True)
        ensure_properties(client)
        check_mapping(client.property_definitions(), needs_key=True)

    assert {each.code for each in caught.value.mismatches} == {"PROPERTY_MISSING"}
    assert len(caught.value.mismatches) == len(MAPPING) + 1


def test_what_the_crm_answers_of_its_own_properties_is_understood(client: CrmClient) -> None:
    ensure_properties(client)
    held = {str(each["name"]): each for each in client.property_definitions()}

    renamed = {**held["lastmodifieddate"], "name": "lead_scored_at"}  # the CRM's own, read-only

    others = [each for name, each in held.items() if name != "lead_scored_at"]
    assert _found(*others, renamed) == [("lead_scored_at", "READ_ONLY")]


def test_null_policies_are_replaced_by_name() -> None:
    changed = {each.name: each.on_null for each in mapping_with({"lead_score_reasons": "leave"})}

    assert changed.pop("lead_score_reasons") == "leave"
    assert set(changed.values()) == {"clear"}
