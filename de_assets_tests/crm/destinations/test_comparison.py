"""The comparison in docs/reverse-etl.md: each claim of ours names what shows it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reverse-etl.md").read_text(encoding="utf-8")
COLUMNS = [
    "feature",
    "Hightouch",
    "Fivetran Activations",
    "RudderStack",
    "Multiwoven",
    "Grouparoo",
    "ingestr",
    "this project",
]


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] not in ("feature", "---")]


def test_every_table_has_the_same_products():
    heads = re.findall(r"^\| feature .*$", PAGE, re.MULTILINE)

    assert {tuple(cell.strip() for cell in head.strip("|").split("|")) for head in heads} == {
        tuple(COLUMNS)
    }
    assert all(len(row) == len(COLUMNS) and all(row) for row in rows())


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_each_cell_of_ours_names_a_file_that_is_there(row):
    named = re.findall(r"`([^`]+)`", row[-1])

    assert named, row[0]
    for name in named:
        assert (ROOT / name).is_file(), name


def test_a_claim_that_we_have_something_is_shown_by_a_test_unless_it_is_a_setting():
    shown = {row[0]: re.findall(r"`([^`]+)`", row[-1])[0] for row in rows()}

    assert [name for name, file in shown.items() if "test_" not in file] == [
        "one writer at a time",
        "audit tables",
        "can be tried without an account of the CRM",
    ]


def test_each_number_is_a_source_and_each_source_has_an_address():
    sources = dict(re.findall(r"^(\d+)\. (.*(?:\n +.*)*)", PAGE, re.MULTILINE))

    cited = {number for row in rows() for number in re.findall(r"\[(\d+)\]", " ".join(row))}

    assert cited <= set(sources)
    assert all("https://" in text for text in sources.values())
