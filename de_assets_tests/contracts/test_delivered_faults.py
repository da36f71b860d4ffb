"""Broken text in a delivery: read, audited and quarantined under the rule that it breaks."""

from collections import Counter
from itertools import product
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from de_assets.contracts.audit import rules
from de_assets.contracts.base import columns
from de_assets_tests.contracts.faults import cell_faults
from de_assets_tests.deliveries import (
    CLEANINGS,
    MONDAY,
    TUESDAY,
    as_raw,
    cleaned_from,
    good_rows,
)

MISSING = (None, "", "  ", "NULL", " NULL ")
UNREADABLE = {
    "number": ("many", "1.2.3", "NaN", "inf", "-inf", "1e999", "0x10", "--3", "1 2", "\u0664x"),
    "moment": ("yesterday", "2026-13-45", "2026-02-30 10:00:00", "25:61", "0", "2026-01-05T99"),
}
IDENTIFIED_BY = {"products": "product_id", "contacts": "contact_id", "events": "event_id"}
CONTRADICTIONS = {
    "order_lines": {
        "cancellation_is_not_a_sale": [
            {"order_id": "C1", "quantity": "1"},
            {"order_id": "c1", "quantity": "0.5"},
            {"order_id": " C536365 ", "quantity": "1000000"},
        ]
    },
    "events": {
        "somebody_did_it": [
            dict.fromkeys(("contact_id", "visitor_id", "session_id"), text) for text in MISSING
        ]
    },
}


def text_faults(name):
    """Every rule that a delivery can break: its name, its dimension, and texts that break it."""
    contract = CLEANINGS[name].contract
    infos = {info.name: info for info in columns(contract)}
    for fault in cell_faults(contract):
        info = infos[fault.rule.column]
        if info.read is None or fault.rule.name.endswith(".finite"):
            continue  # we make these columns; NaN and infinity are unreadable text
        if fault.is_unread:
            texts = UNREADABLE[info.read]
        elif fault.value is None:
            texts = MISSING
        else:
            texts = (repr(fault.value),)
        yield from ((fault.rule, {info.source: text}) for text in texts)
    by_name = {rule.name: rule for rule in rules(contract)}
    for rule, changes in CONTRADICTIONS.get(name, {}).items():
        yield from ((by_name[rule], change) for change in changes)


@pytest.mark.parametrize("name", CLEANINGS)
def test_every_fault_of_a_delivery_is_quarantined_under_its_rule_and_no_good_row_is(name, tmp_path):
    faults = list(text_faults(name))
    rows = good_rows(name, MONDAY, Random(1), 6 * len(faults) + 30)  # noqa: S311
    if name in IDENTIFIED_BY:  # so that none is a later version of another
        key = IDENTIFIED_BY[name]
        rows = [row | {key: f"k{place}"} for place, row in enumerate(rows)]
    spoiled = {2 * place: fault for place, fault in enumerate(faults)}
    rows = [row | spoiled[place][1] if place in spoiled else row for place, row in enumerate(rows)]

    outcome = cleaned_from(name, tmp_path, as_raw(name, rows, MONDAY), [MONDAY])

    reasons = dict(outcome.quarantined.select(pl.col("_source_row") - 1, "reasons").iter_rows())
    missed = [
        (rule.name, change)
        for place, (rule, change) in spoiled.items()
        if rule.name not in reasons.get(place, ())
    ]
    assert missed == []
    assert set(reasons) == set(spoiled)
    (report,) = outcome.reports.values()
    assert report.problem == ""
    assert report.rows_in == len(rows) == report.rows + report.duplicates + report.quarantined
    assert outcome.cleaned.height == report.rows
    by_dimension = dict(Counter(rule.dimension for rule, _ in faults))
    print(f"{name}: {len(faults)} faults caught: {by_dimension}")  # noqa: T201  pytest -s


def test_every_rule_is_broken_by_a_delivery_but_those_of_what_we_make_ourselves():
    """Derived columns and keys: `line_number` counts from 1, duplicates of a key are resolved."""
    for name, cleaning in CLEANINGS.items():
        made = {info.name for info in columns(cleaning.contract) if info.read is None}
        expected = {
            rule.name
            for rule in rules(cleaning.contract)
            if rule.dimension in ("completeness", "validity", "consistency")
            and rule.column not in made
            and not rule.name.endswith(".finite")
        }
        assert {rule.name for rule, _ in text_faults(name)} == expected


FAULTS = {name: list(text_faults(name)) for name in CLEANINGS}


@st.composite
def deliveries(draw):
    """Good, broken, keyless and repeated rows in some files of two days, in any order."""
    name = draw(st.sampled_from(list(CLEANINGS)))
    random = draw(st.randoms(use_true_random=False))
    good = good_rows(name, MONDAY, random, random.randint(0, 16))
    files = []
    for number, (day, source) in enumerate(product((MONDAY, TUESDAY), ("a.csv", "b.csv"))):
        delivered = []
        for row in good[number::4]:
            moved = {key: text and text.replace(str(MONDAY), str(day)) for key, text in row.items()}
            kind = random.choice(("good", "good", "broken", "twice"))
            if kind == "broken":
                moved |= random.choice(FAULTS[name])[1]
            delivered += [moved] * (2 if kind == "twice" else 1)
        if files and random.randint(0, 1):  # a file that is delivered again, in part
            delivered += files[-1][1][: random.randint(0, 3)]
        files.append(((day, source), delivered))
    return name, files


@settings(max_examples=50)
@given(deliveries())
def test_no_row_is_lost_or_made_on_any_day_whatever_is_delivered(tmp_path_factory, made):
    name, files = made
    raw = pl.concat([as_raw(name, rows, day, source=file) for (day, file), rows in files])

    outcome = cleaned_from(name, tmp_path_factory.mktemp("lake"), raw, [MONDAY, TUESDAY])

    place = ["_source", "_source_row", *(["dt"] if "dt" in outcome.quarantined.columns else [])]
    for day, report in outcome.reports.items():
        delivered = raw.filter(pl.col("dt") == day) if day else raw
        assert report.rows_in == delivered.height
        assert report.rows_in == report.rows + report.quarantined + report.duplicates
    rows_in = sum(report.rows_in for report in outcome.reports.values())
    duplicates = sum(report.duplicates for report in outcome.reports.values())
    assert rows_in == raw.height
    assert outcome.cleaned.height + outcome.quarantined.height + duplicates == rows_in
    if "dt" in place:
        assert outcome.quarantined.select(place).is_unique().all()
    assert outcome.quarantined["reasons"].list.len().min() in (None, *range(1, 20))
