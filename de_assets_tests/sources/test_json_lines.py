"""JSON Lines: the text that stands in the file, line by line, or the reason why not."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from de_assets.contracts.source_tables import EVENTS
from de_assets_tests.sources.landing import Landing, ids

WHEN = '"occurred_at":"2011-05-02T09:00:00Z","event_type":"view"'

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)


def dropped(landing: Landing, *lines: str) -> pl.DataFrame:
    landing.drop("a.jsonl", "\n".join(lines))
    return landing.rows(table=EVENTS)


def value(landing: Landing, written: str) -> object:
    return dropped(landing, f'{{{WHEN},"contact_id":{written}}}')["contact_id"][0]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1.10", "1.10"),
        ("12345678901234567890", "12345678901234567890"),
        ("-1e+5", "-1e+5"),
        ("true", "true"),
        ("false", "false"),
        ("null", None),
        ('""', None),
        ('"001"', "001"),
        ('"\\u00e9 \\"q\\""', 'é "q"'),
        ('{"a": [1.50, null, {"b": "é\\n"}]}', '{"a":[1.50,null,{"b":"é\\n"}]}'),
        ("[]", "[]"),
        ("NaN", "NaN"),
    ],
)
def test_a_value_is_the_text_that_stands_in_the_file(landing, written, read):
    assert value(landing, written) == read


@given(cells=st.lists(TEXTS, min_size=1, max_size=5), is_ascii=st.booleans())
@settings(max_examples=100, deadline=None)
def test_what_pythons_json_module_writes_comes_back_equal(cells, is_ascii, tmp_path_factory):
    landing = Landing(tmp_path_factory.mktemp("json"))
    rows = [
        {"occurred_at": "2011-05-02", "event_type": "view", "contact_id": cell} for cell in cells
    ]
    lines = [json.dumps(row, ensure_ascii=is_ascii) for row in rows]

    assert ids(dropped(landing, *lines), "contact_id") == [cell or None for cell in cells]


def test_keys_may_differ_between_lines(landing):
    rows = dropped(
        landing,
        f'{{{WHEN},"contact_id":1}}',
        f'{{"channel":"email",{WHEN}}}',
        f'{{{WHEN},"other":{{"x":1}}}}',
    )

    assert ids(rows, "contact_id") == ["1", None, None]
    assert ids(rows, "channel") == [None, "email", None]
    assert ids(rows, "_extra") == [None, None, '{"other":"{\\"x\\":1}"}']


def test_a_column_may_have_another_of_its_names_on_each_line(landing):
    landing.drop("a.jsonl", f'{{{WHEN},"cid":1}}\n{{{WHEN},"CustomerId":2}}\n')

    rows = landing.rows(table=EVENTS, columns={"contact_id": ["cid", "customerid"]})

    assert ids(rows, "contact_id") == ["1", "2"]
    assert ids(rows, "_extra") == [None, None]


def test_of_two_names_of_one_column_on_a_line_the_other_is_kept_as_extra(landing):
    landing.drop("a.jsonl", f'{{{WHEN},"cid":1,"uid":2}}\n{{{WHEN},"cid":null,"uid":3}}\n')

    rows = landing.rows(table=EVENTS, columns={"contact_id": ["cid", "uid"]})

    assert ids(rows, "contact_id") == ["1", "3"]
    assert ids(rows, "_extra") == ['{"uid":"2"}', None]


def test_blank_lines_are_no_rows_and_line_endings_do_not_matter(landing):
    rows = dropped(landing, f"{{{WHEN}}}\r", "", "  ", f"{{{WHEN}}}", "")

    assert ids(rows, "_source_row") == [1, 2]


def test_the_index_knows_the_keys_in_the_order_in_which_they_came(landing):
    dropped(landing, f'{{{WHEN},"b":1}}', f'{{"a":1,{WHEN}}}')

    assert landing.only(table=EVENTS).columns == ("occurred_at", "event_type", "b", "a")


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_file_without_lines_is_a_delivery_without_rows(landing, content):
    landing.drop("a.jsonl", content)

    assert (landing.only(table=EVENTS).problem, landing.only(table=EVENTS).rows) == (None, 0)


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        ('{"occurred_at":"2011-05-02","event_ty', "line 2 is no JSON object: the file is cut"),
        (f"{{{WHEN}}} {{{WHEN}}}", "line 2 is no JSON object"),
        ("7", "line 2 is no JSON object"),
        (f"[{{{WHEN}}}]", "line 2 is a JSON array"),
        (f'{{{WHEN},"event_type":"cart"}}', "line 2 holds a key twice"),
        (f'{{{WHEN},"event_type" :"cart"}}', "line 2 holds a key twice"),
        (f'{{{WHEN},"x":{{"a":1,"a":2}}}}', "line 2 holds a key twice"),
        (f'{{{WHEN},"x":"\\ud800"}}', "line 2 holds half a character"),
        (f'{{{WHEN},"x":{"[" * 100_000}', "line 2 is no JSON object"),
    ],
)
def test_a_line_that_is_no_object_is_a_problem(landing, bad, what):
    landing.drop("a.jsonl", f"{{{WHEN}}}\n{bad}\n")

    assert what in landing.problem(table=EVENTS)


def test_a_json_document_over_several_lines_is_a_problem(landing):
    landing.drop("a.json", json.dumps([{"occurred_at": "2011-05-02"}], indent=1))

    assert "line 1 is no JSON object" in landing.problem(table=EVENTS)


def test_a_line_without_end_is_a_problem(landing, monkeypatch):
    monkeypatch.setattr("de_assets.sources.json_lines._LONGEST_LINE_BYTES", 100)
    landing.drop("a.jsonl", f'{{{WHEN},"x":"{"y" * 200}"}}')

    assert "a line is longer than" in landing.problem(table=EVENTS)


def test_many_lines_are_read_in_frames_and_numbered_through(landing, monkeypatch):
    monkeypatch.setattr("de_assets.sources.json_lines._ROWS_PER_FRAME", 4)

    rows = dropped(landing, *[f'{{{WHEN},"contact_id":{i}}}' for i in range(10)])

    assert ids(rows, "contact_id") == [str(i) for i in range(10)]
    assert ids(rows, "_source_row") == list(range(1, 11))


def test_lines_without_the_key_of_the_day_stand_on_the_first_day(landing, monkeypatch):
    monkeypatch.setattr("de_assets.sources.json_lines._ROWS_PER_FRAME", 1)
    rows = dropped(landing, '{"event_type":"view"}', f"{{{WHEN}}}")

    assert landing.only(table=EVENTS).rows_undated == 1
    assert [str(day) for day in ids(rows, "dt")] == ["2011-05-02"] * 2


def test_a_required_key_that_no_line_has_is_a_problem(landing):
    landing.drop("a.jsonl", '{"occurred_at":"2011-05-02"}\n')

    assert "no column for event_type" in landing.problem(table=EVENTS)
