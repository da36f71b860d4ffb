"""Each rule of each table is broken in every way there is, and the audit names that rule.

What is broken before it is read, as text of a delivery, is in `test_delivered_faults.py`.
"""

from collections import Counter
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from de_assets.contracts.audit import audit, rules
from de_assets.contracts.base import columns
from de_assets.contracts.tables import TABLES
from de_assets_tests.contract_rows import frames, seeded
from de_assets_tests.contracts.every_rule import EveryRule
from de_assets_tests.contracts.faults import cell_faults, contradictions, copies, shapes, spoiled

ALL = {**TABLES, "tests/every_rule": EveryRule}
LEAST_FAULTS = 200
ROWS = 5


def misjudged_cells(contract, frame, faults, places: Sequence[int]):
    """Faults, one in each of these rows, that an audit misses, or blames on what is not at fault.

    A value that breaks several rules of its column breaks each of them; rules of other columns and
    rows without a fault must not be named, but by a row rule of that row.
    """
    verdict = audit(contract, spoiled(frame, faults, places))
    of_row = dict(zip(places, faults, strict=True))
    found = {name: set(mask.arg_true().to_list()) for name, mask in verdict.failing.items()}
    wrong = list(verdict.structural)
    wrong += [
        f"{fault.rule.name}, {fault.way}: missed"
        for place, fault in of_row.items()
        if place not in found.get(fault.rule.name, ())
    ]
    for rule in verdict.rules:
        for place in found.get(rule.name, ()):
            fault = of_row.get(place)
            if fault is None or rule.column not in (None, fault.rule.column):
                wrong.append(f"{rule.name}: blamed without reason")
    reasons = verdict.reasons()
    wrong += [
        f"{fault.rule.name}, {fault.way}: no reason of its row"
        for place, fault in of_row.items()
        if fault.rule.name not in reasons[place]
    ]
    if set(verdict.rejected().arg_true().to_list()) != set(places):
        wrong.append("other rows are rejected than were spoiled")
    return wrong


def misjudged_rows(contract, rule, frame, rows):
    """What is wrong with the verdict on a frame of which these rows alone break a rule."""
    verdict = audit(contract, frame)
    found = {name: mask.arg_true().to_list() for name, mask in verdict.failing.items()}
    strays = {name for name, places in found.items() if not set(places) <= set(rows)}
    if found.get(rule.name) != rows or strays or verdict.rejected().arg_true().to_list() != rows:
        return [f"{rule.name}: {found} instead of {rows}"]
    return []


def misjudgements(contract):
    """Every fault of a contract, as its dimension, its rule and what is wrong with the verdict."""
    frame = seeded(contract, 8 * ROWS)
    places = range(0, frame.height, 2)  # every other row is left as it is, to see it left alone
    faults = cell_faults(contract)
    for first in range(0, len(faults), len(places)):
        some = faults[first : first + len(places)]
        wrong = misjudged_cells(contract, frame, some, places[: len(some)])
        for fault in some:
            about_it = [each for each in wrong if each.startswith(fault.rule.name)]
            yield fault.rule.dimension, fault.rule.name, about_it
        yield "cells", "", wrong
    few = frame.head(ROWS)
    for way, misshapen in shapes(contract, few):
        is_seen = bool(audit(contract, misshapen).structural)
        yield "schema", "columns", [] if is_seen else [f"columns: {way}"]
    for rule in rules(contract):
        if rule.dimension == "consistency":
            for place in range(ROWS):
                one = contradictions(contract, rule, few[place : place + 1])
                broken = pl.concat([few[:place], one, few[place + 1 :]])
                yield rule.dimension, rule.name, misjudged_rows(contract, rule, broken, [place])
        elif rule.dimension == "uniqueness":
            for _, copied, rows in copies(rule, few):
                yield rule.dimension, rule.name, misjudged_rows(contract, rule, copied, rows)


@pytest.mark.slow
def test_every_fault_of_every_rule_of_every_table_is_caught_by_that_rule():
    caught, tried, wrong = Counter(), set(), {}
    for key, contract in TABLES.items():
        for dimension, rule, said in misjudgements(contract):
            if rule:
                tried.add((key, rule))
                caught[dimension] += not said
            wrong |= {(key, rule): said} if said else {}

    print(f"{caught.total()} faults caught: {dict(caught)}")  # noqa: T201  shown by pytest -s
    assert wrong == {}
    assert tried == {(key, rule.name) for key in TABLES for rule in rules(TABLES[key])}
    assert caught.total() >= LEAST_FAULTS


def test_a_rule_of_every_kind_that_may_be_declared_is_caught_too():
    judged = list(misjudgements(EveryRule))

    assert [said for _, _, said in judged if said] == []
    assert {rule for _, rule, _ in judged} == {"", *(rule.name for rule in rules(EveryRule))}


@pytest.mark.parametrize("key", ALL)
@settings(max_examples=25)
@given(data=st.data())
def test_no_row_that_keeps_its_contract_is_blamed(key, data):
    contract = ALL[key]
    frame = data.draw(frames(contract))

    verdict = audit(contract, frame)

    assert (verdict.failing, verdict.structural) == ({}, ())
    assert not verdict.rejected().any()


FAULTY = {key: cell_faults(contract) for key, contract in ALL.items()}


@settings(max_examples=200)
@given(st.data())
def test_any_fault_in_any_row_of_any_valid_frame_is_caught(data):
    key = data.draw(st.sampled_from(list(ALL)))
    frame = data.draw(frames(ALL[key]))
    fault = data.draw(st.sampled_from(FAULTY[key]))
    place = data.draw(st.integers(0, frame.height - 1))

    assert misjudged_cells(ALL[key], frame, [fault], [place]) == []


def test_what_is_generated_uses_all_that_a_declaration_allows():
    for key, contract in ALL.items():
        frame = seeded(contract, 60)
        nullable = {info.name for info in columns(contract) if info.is_nullable}
        assert {each.name for each in frame if each.null_count()} == nullable, key
        values = frame.select(pl.all().n_unique()).row(0, named=True)
        assert min(values.values()) > 1, key
