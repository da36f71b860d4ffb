"""The lineage of every table of the project, judged by changing its inputs at random."""

import pytest

from de_assets.assets.lineage import table_schema
from de_assets_tests.assets.judged_lineage import DERIVATIONS, GRAPH, judged

LARGEST_INEXACT_SHARE = 0.05
# The audit of a row is one call that is handed all of its columns; these have no rule to break.
UNRULED = {
    "quarantine/products": {"name", "category"},
    "quarantine/contacts": {
        "channel", "company", "country", "crm_id", "email", "first_name", "last_name",
        "lifecycle_stage", "phone",
    },
}  # fmt: skip
INEXACT = {
    (table, name): frozenset(("raw", column) for column in unruled)
    for table, unruled in UNRULED.items()
    for name in ("reasons", "rows")
}


def judgement(key):
    known = {
        (name, place)
        for (table, name), places in INEXACT.items()
        if table == key
        for place in places
    }
    return judged(key, frozenset(known))


@pytest.mark.slow
@pytest.mark.parametrize("key", DERIVATIONS)
def test_whatever_changes_a_column_of_a_table_is_in_its_lineage(key):
    assert judgement(key).unclaimed == {}


@pytest.mark.slow
def test_hardly_a_column_asks_for_more_than_can_change_it_and_those_that_do_are_known():
    inexact = {}
    for key in DERIVATIONS:
        found = judgement(key)
        inexact |= {(key, name): places for name, places in found.unseen.items()}
        inexact |= {(key, "rows"): found.unseen_rows} if found.unseen_rows else {}
    # The rows of a table are judged once, as one thing more that has a lineage.
    judged_things = len(GRAPH.sources) + len(DERIVATIONS)
    for (table, name), places in inexact.items():
        print(f"inexact: {table} {name}: {', '.join(sorted(column for _, column in places))}")  # noqa: T201
    print(f"exact: {judged_things - len(inexact)} of {judged_things}")  # noqa: T201

    assert inexact == INEXACT
    assert len(inexact) / judged_things <= LARGEST_INEXACT_SHARE


def test_every_column_of_every_derived_table_has_a_lineage():
    assert {column.table for column in GRAPH.sources} == set(DERIVATIONS)
    for key in DERIVATIONS:
        assert [c.name for c in GRAPH.sources if c.table == key] == list(table_schema(key))
