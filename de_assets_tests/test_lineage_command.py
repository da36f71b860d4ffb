"""What `de-assets lineage` prints, as a person at a terminal reads it."""

import json
import re

import pytest
from click.testing import CliRunner

from de_assets.cli import main

SOURCES = {
    "calendar": {"start": "2026-01-01", "end": "2026-01-31"},
    "currency": "eur",
    "order_lines": {"url": "landing", "cancellation": {"order_id_prefix": "C"}},
}


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Ask `de-assets lineage` in a folder with a sources file, before anything was read."""
    (tmp_path / "sources.yaml").write_text(json.dumps(SOURCES))
    monkeypatch.chdir(tmp_path)

    def ask(*arguments):
        return CliRunner().invoke(main, ["lineage", "--sources", "sources.yaml", *arguments])

    return ask


def test_a_column_is_shown_with_what_it_is_made_of_and_what_reads_it(asked):
    said = asked("cleaned/order_lines.quantity")

    assert said.exit_code == 0, said.output
    made, read = said.output.split("read by")
    assert "cleaned/order_lines.quantity [none]: Units; negative where they came back" in made
    assert "made of 1 column of 1 table\n  raw/order_lines: quantity\n" in made
    assert re.search(r"rows decided by: raw/order_lines: .*contact_id \[quasi\]", made, re.DOTALL)
    assert "\n  modeled/fct_order_line: " in read
    assert "\n      features/contact_features: " in read
    assert re.search(r"model/lead_model, as features: .*orders_365d", read, re.DOTALL)
    assert re.search(r"the CRM, as values that are sent: .*lead_score_trend", read, re.DOTALL)


def test_every_table_stands_once_in_a_tree(asked):
    read = asked("cleaned/order_lines.quantity").output.split("read by")[1].split("reaches")[0]

    assert len(re.findall(r"^ +features/training_set: ", read, re.MULTILINE)) == 1
    assert len(re.findall(r"^ +crm/sync_plan: ", read, re.MULTILINE)) == 1


def test_lineage_follows_what_the_sources_file_says(asked):
    said = asked("cleaned/order_lines.is_cancellation")

    assert "made of 1 column of 1 table\n  raw/order_lines: order_id\n" in said.output


def test_what_nothing_reads_and_what_arrives_from_outside_is_told_to_be_so(asked):
    assert "read by nothing\n" in asked("modeled/dim_product.category").output
    assert "made of: nothing here; it arrives from outside" in asked("raw/contacts.email").output
    assert "[unknown]: a state that is no table of the lake" in asked("ledger.fingerprint").output
    assert "the day of the partition" in asked("cleaned/order_lines.dt").output


def test_a_column_that_ends_in_a_decision_reaches_the_crm_by_itself(asked):
    said = asked("crm/sync_plan.action")

    assert "the CRM, as what decides who is sent: action" in said.output


def test_a_name_alone_lists_the_tables_that_have_it(asked):
    said = asked("quantity")

    assert said.output.splitlines() == [
        "raw/order_lines.quantity [none]",
        "cleaned/order_lines.quantity [none]",
        "quarantine/order_lines.quantity [none]",
        "modeled/fct_order_line.quantity [none]",
    ]


def test_a_table_alone_shows_all_of_its_columns_in_short(asked):
    said = asked("cleaned/contacts")

    lines = said.output.splitlines()
    assert lines[0] == "cleaned/contacts: Contacts changed that day, identifiers as tokens"
    assert re.fullmatch(
        r"  email_token \[quasi\]: from raw/contacts.email; rows by \d columns; read by 0", lines[3]
    )


@pytest.mark.parametrize(
    ("asked_for", "hint"),
    [
        ("cleaned/order_lines.quantit", "did you mean cleaned/order_lines.quantity"),
        ("cleaned/order_line", "did you mean cleaned/order_lines"),
        ("quantitty", "did you mean quantity"),
        ("?", "give a column as stage/entity.column"),
    ],
)
def test_an_unknown_name_is_told_with_similar_ones_and_exit_status_2(asked, asked_for, hint):
    said = asked(asked_for)

    assert said.exit_code == 2
    assert f"has a column {asked_for!r}" in said.output
    assert hint in said.output


def test_a_sources_file_that_is_not_there_is_told_with_exit_status_2(asked):
    said = asked("--sources", "none.yaml", "quantity")

    assert said.exit_code == 2
    assert "none.yaml" in said.output
