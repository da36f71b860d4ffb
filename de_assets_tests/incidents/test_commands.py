"""`de-assets incidents`: list, take on, show."""

import json

import pytest
from click.testing import CliRunner

from de_assets.cli import main
from de_assets_tests.incidents.runs import failing, passing, run


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DE_ASSETS_LAKE", "lake")

    def invoke(*arguments):
        return CliRunner().invoke(main, ["incidents", *arguments])

    return invoke


@pytest.fixture
def ids(history):
    facts = {"text": "price_ge_0: 3", "owner": "team:x", "downstream": ("modeled/a",)}
    history.record([run("a", failing(1, 2, **facts), failing(check="schema"))], ["log"])
    history.record([run("b", passing(check="schema"), hours=1)], ["log"])
    return [incident.incident_id for incident in history.read().incidents]


def test_without_incidents_the_list_says_so(call):
    assert call().output == "No open incidents.\n"
    assert call("--all").output == "No incidents.\n"
    assert json.loads(call("--json").output) == []


def test_what_is_open_is_listed_with_days_and_rules(call, ids):
    (line,) = call().output.splitlines()
    assert line == (
        f"{ids[0]}  open         warn  2026-02-01 12:00  cleaned/order_lines validity "
        "2026-01-01..2026-01-02 (2 days fail): price_ge_0: 3"
    )


def test_all_lists_those_that_are_over_too(call, ids):
    assert [text.split()[:2] for text in call("--all").output.splitlines()] == [
        [ids[0], "open"],
        [ids[1], "resolved"],
    ]


def test_json_is_for_programs(call, ids):
    first, second = json.loads(call("--all", "--json").output)
    assert first["failing_days"] == ["2026-01-01", "2026-01-02"]
    assert first["opened_at"] == "2026-02-01T12:00:00+00:00"
    assert (second["state"], second["pending"]) == ("resolved", ["log"])


def test_somebody_takes_an_incident_on(call, ids, history):
    done = call("acknowledge", ids[0][:5], "--by", "ada")
    assert done.exit_code == 0, done.output
    assert "acknowledged by ada; what to do: docs/runbooks/" in done.output
    assert history.read().incidents[0].acknowledged_by == "ada"


def test_without_a_name_it_is_the_one_who_calls(call, ids, history):
    assert call("acknowledge", ids[0]).exit_code == 0
    assert history.read().incidents[0].acknowledged_by


def test_one_incident_is_shown_with_all_that_is_known(call, ids):
    text = call("show", ids[0]).output
    assert "failing_days:    2026-01-01, 2026-01-02\n" in text
    assert "downstream:      modeled/a\n" in text
    assert "resolved_at" not in text


def test_an_unknown_id_is_explained(call, ids):
    done = call("show", "zzz")
    assert done.exit_code == 2
    assert "no incidents have an id that begins with `zzz`" in done.output
    assert "Traceback" not in done.output
