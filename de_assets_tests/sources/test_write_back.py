"""The section `write_back` of the sources file, and what docs/write-back.md says of it."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from de_assets.crm.mapping import FITTING_TYPES, MAPPING
from de_assets.sources.config import load_sources
from de_assets.sources.write_back import WriteBack
from de_assets_tests.sources.test_config import HEAD, refused

TESTS = Path(__file__).parents[1]
TEXT = (TESTS.parent / "docs" / "write-back.md").read_text()


def test_the_section_has_these_defaults() -> None:
    section = WriteBack()

    assert (section.enabled, section.mode, section.create_properties) == (True, "update_only", True)
    assert section.nulls == {}
    assert section.breaker.model_dump() == {
        "changed_share": 0.8,
        "score_shift_points": 10.0,
        "cleared_share": 0.1,
        "creates": 1000,
        "model_age_days": 180,
        "rejected_share": 0.5,
    }


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ("{mode: replace}", "write_back.mode: Input should be 'update_only', 'upsert' or 'mirror'"),
        ("{enable: false}", "write_back.enable: unknown key; did you mean enabled?"),
        ("{nulls: {lead_score: leave}}", "'lead_score' is no property that can be without a value"),
        (
            "{nulls: {lead_score_reasons: keep}}",
            "write_back.nulls.lead_score_reasons: Input should be 'clear' or 'leave'",
        ),
        (
            "{breaker: {changed_share: 80}}",
            "write_back.breaker.changed_share: Input should be less than or equal to 1",
        ),
        (
            "{breaker: {change_share: 0.8}}",
            "write_back.breaker.change_share: unknown key; did you mean changed_share?",
        ),
        ("{breaker: {creates: -1}}", "write_back.breaker.creates: Input should be greater than or"),
    ],
)
def test_a_wrong_key_or_value_of_the_section_is_named(
    tmp_path: Path, section: str, sentence: str
) -> None:
    assert sentence in refused(tmp_path, HEAD + f"write_back: {section}").what


def test_a_null_policy_is_taken_from_the_sources_file(tmp_path: Path) -> None:
    path = tmp_path / "sources.yaml"
    path.write_text(HEAD + "write_back: {nulls: {lead_score_reasons: leave}}\n")

    assert load_sources(path).write_back.nulls == {"lead_score_reasons": "leave"}


def test_every_default_in_the_document_is_the_default() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)

    written = WriteBack.model_validate(yaml.safe_load(block)["write_back"])

    assert written.model_dump(exclude={"nulls"}) == WriteBack().model_dump(exclude={"nulls"})
    assert written.nulls == {
        each.name: each.on_null for each in MAPPING if each.name in written.nulls
    }
    for name, value in written.breaker.model_dump().items():
        assert f"| `{name}` | {value:g} |" in TEXT


def test_the_document_lists_every_property_that_is_sent() -> None:
    for each in MAPPING:
        (row,) = re.findall(rf"^\| `{each.name}` \| (.*) \|$", TEXT, re.MULTILINE)
        kind, source, is_meaningful = row.split(" | ")
        assert {"text": "string"}.get(kind.split(",")[0], kind.split(",")[0]) == each.kind
        assert each.kind in FITTING_TYPES[each.kind]
        assert source.split(";")[0] == (f"`{each.column}`" if each.column else source)
        assert (is_meaningful == "yes") == each.is_meaningful


def test_every_promise_in_the_document_is_held_by_a_test_that_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    known = {
        node.name
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert len(named) > 30
    assert named <= known
