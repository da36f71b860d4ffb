"""The data dictionary says what the contracts say, and the file in the documents is that."""

import re
from pathlib import Path
from types import MappingProxyType

import polars as pl
import pytest
from click.testing import CliRunner

from de_assets.cli import main
from de_assets.contracts.audit import rules
from de_assets.contracts.base import Contract, TableInfo, Terms, column, columns, row_rule
from de_assets.contracts.dictionary import data_dictionary, describe
from de_assets.contracts.tables import TABLES

IN_THE_DOCUMENTS = Path(__file__).parents[2] / "docs/data-dictionary.md"
INFO = TableInfo("cleaned/parcels", "Parcels", "one parcel", unique_by=("parcel_id",))


class Parcels(Contract):
    """A table with terms of its own."""

    parcel_id: pl.String = column("Its number", read="code", source="nr", retention_days=30)
    weight_kg: pl.Float64 = column(
        "Weight | net",
        nullable=True,
        pii="quasi",
        ge=0,
        le=30,
        terms={"ge": Terms("warn", 0.01), "le": Terms("error", 0.0), "finite": Terms("warn")},
    )

    class Config:
        """The table."""

        metadata = MappingProxyType({"table": INFO})

    has_weight = row_rule(
        "has_weight", "It weighs something.", pl.col("weight_kg") > 0, Terms("warn", 0.5)
    )


def chapter(key):
    return data_dictionary().split(f"\n## {key}\n")[1].split("\n## ")[0]


def test_the_dictionary_in_the_documents_is_fresh():
    assert IN_THE_DOCUMENTS.read_text() == data_dictionary(), "run `make dictionary`"


@pytest.mark.parametrize("key", TABLES)
def test_every_table_and_column_is_described(key):
    text = chapter(key)

    for info in columns(TABLES[key]):
        (row,) = re.findall(rf"^\| `{info.name}` \|.*$", text, re.MULTILINE)
        assert info.title in row
        assert f"| `{info.pii}` |" in row
        assert ("| may be |" in row) is info.is_nullable
    for rule in rules(TABLES[key]):
        if rule.dimension == "consistency":
            assert f"- `{rule.name}`" in text


def test_the_contents_lead_to_every_table():
    text = data_dictionary()

    links = dict(re.findall(r"^\| \[([a-z_/]+)\]\(#([a-z_]+)\)", text, re.MULTILINE))

    assert list(links) == list(TABLES) == re.findall(r"^## ([a-z]+/[a-z_]+)$", text, re.MULTILINE)
    assert all(anchor == key.replace("/", "") for key, anchor in links.items())


def test_a_table_is_described_with_its_terms_and_without_what_goes_without_saying():
    assert (
        describe(Parcels)
        == """\
## cleaned/parcels

Parcels.

- **One row is:** one parcel
- **Owner:** team:data-platform
- **Partitions:** none
- **Key:** `parcel_id`
- **Kept:** for ever; `parcel_id` 30 days
- **When a person is erased:** the rows of the person are deleted
- **Withheld:** a partition of which more than 50 % break the contract

| Column | Type | Meaning | Class | Empty | Rules | Read as |
|---|---|---|---|---|---|---|
| `parcel_id` | String | Its number | `none` | never |  | code, in upper case, of `nr` |
| `weight_kg` | Float64 | Weight \\| net | `quasi` | may be | `finite` (warn), \
`greater_than_or_equal_to(0)` (warn, up to 1 %), `less_than_or_equal_to(30)` (error, none \
tolerated) |  |

Rules between the columns of a row:

- `has_weight` (warn, up to 50 %): It weighs something. (`weight_kg`)
"""
    )


def test_no_column_of_a_table_in_the_dictionary_is_empty_from_top_to_bottom():
    for key in TABLES:
        rows = [line.split(" | ") for line in chapter(key).splitlines() if line.startswith("| `")]
        for cells in zip(*rows, strict=True):
            assert any(cell.strip(" |") for cell in cells), key


def test_the_command_writes_the_dictionary_or_prints_it(tmp_path):
    path = tmp_path / "new/dictionary.md"

    written = CliRunner().invoke(main, ["dictionary", str(path)])
    printed = CliRunner().invoke(main, ["dictionary"])

    assert written.exit_code == printed.exit_code == 0
    assert path.read_text() == printed.output == data_dictionary()
