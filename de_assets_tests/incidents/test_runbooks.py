"""Every check that can fail has a runbook, and what the runbooks name exists."""

import re
from pathlib import Path

import click
import pytest

from de_assets.cli import main
from de_assets.definitions import build_defs
from de_assets.incidents.findings import STEP
from de_assets.incidents.observe import runbook
from de_assets.incidents.runbooks import INDEX, index
from de_assets.settings import Settings

PROJECT = Path(__file__).parents[2]
RUNBOOKS = PROJECT / "docs/runbooks"
DOCUMENTS = [*sorted(RUNBOOKS.glob("*.md")), PROJECT / "docs/incidents.md"]
PARTS = ("Severity", "What it means", "How to look", "Usual causes", "What to do", "How it ends")


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    lake = tmp_path_factory.mktemp("lake")
    sources = PROJECT / "data/sources/sandbox.yaml"
    return build_defs(Settings(lake=str(lake), sources=str(sources))).resolve_asset_graph()


def test_every_check_of_every_asset_has_a_runbook(graph):
    checks = {key.name for key in graph.asset_check_keys} | {STEP}
    missing = sorted(check for check in checks if not (PROJECT / runbook(check)).is_file())
    assert not missing, "write docs/runbooks/<check>.md"


def test_a_runbook_of_a_check_is_about_one_that_exists_and_answers_every_question(graph):
    checks = {key.name for key in graph.asset_check_keys} | {STEP}
    for path in RUNBOOKS.glob("*.md"):
        text = path.read_text()
        if text.startswith("# `"):
            assert path.stem in checks
            assert text.startswith(f"# `{path.stem}`: ")
            assert [part for part in PARTS if f"**{part}.**" not in text] == [], path.name


def test_the_index_lists_every_runbook():
    assert (RUNBOOKS / INDEX).read_text() == index(RUNBOOKS), (
        "run `python -m de_assets.incidents.runbooks docs/runbooks`"
    )


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_resolves(path):
    links = re.findall(r"\]\(([^)#]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).is_file()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_files_assets_and_jobs_that_are_named_exist(path, graph):
    text = path.read_text()
    for words in re.findall(r"de-assets ([a-z -]+)", text):
        command = main
        for word in re.split(" --|  ", words)[0].split():
            if not isinstance(command, click.Group) or word.startswith("-"):
                break
            assert word in command.commands, f"de-assets {words}"
            command = command.commands[word]
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    stages = {key.split("/")[0] for key in keys}
    for name in re.findall(r"`([a-z_]+/[a-z_]+)`", text):
        assert name in keys or name.split("/")[0] not in stages, name
    for name in re.findall(r"`(de_assets\w*/[\w/.]+)`", text):
        assert (PROJECT / name).exists(), name
    assert set(re.findall(r"--job (\w+)", text)) <= {"ingest", "train", "score_and_write_back"}
