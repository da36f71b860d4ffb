"""What is the same row delivered again, against a count by hand."""

from collections import Counter, defaultdict

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from de_assets.transforms.deduplicate import IS_DUPLICATE, mark_outdated, mark_redelivered
from de_assets_tests.world import MONDAY, TUESDAY

SCHEMA = {"dt": pl.Date, "text": pl.String, "number": pl.Float64, "_source": pl.String}
ARRIVED = st.lists(
    st.tuples(
        st.sampled_from([MONDAY, TUESDAY]),
        st.sampled_from(["a", "b", None]),
        st.sampled_from([1.0, None]),
        st.sampled_from(["one", "two", "three"]),
    ),
    max_size=40,
)


def arrived(rows):
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row").with_row_index("_row")
    return frame.sample(fraction=1, shuffle=True, seed=1).lazy()


@settings(max_examples=150, deadline=None)
@given(ARRIVED)
def test_of_each_line_the_largest_count_of_any_one_file_stays(rows):
    expected = defaultdict(int)
    for (*line, _), count in Counter(rows).items():
        expected[tuple(line)] = max(expected[tuple(line)], count)

    marked = mark_redelivered(arrived(rows), ["text", "number"]).collect()

    kept = marked.filter(~pl.col(IS_DUPLICATE))
    assert Counter(kept.select("dt", "text", "number").iter_rows()) == expected
    assert sorted(marked["_row"].to_list()) == list(range(len(rows)))
    assert kept.select("dt", "text", "number", "line_number").is_unique().all()


@settings(max_examples=50, deadline=None)
@given(ARRIVED)
def test_the_lines_of_a_file_are_numbered_from_one(rows):
    marked = mark_redelivered(arrived(rows), ["text", "number"]).collect()

    for part in marked.partition_by("dt", "text", "number", "_source"):
        assert part.sort("_row")["line_number"].to_list() == list(range(1, part.height + 1))


@settings(max_examples=50, deadline=None)
@given(ARRIVED)
def test_delivering_a_file_again_under_another_name_changes_nothing(rows):
    again = [(*line, "another") for *line, source in rows if source == "one"]
    content = ["dt", "text", "number", "line_number"]

    once = mark_redelivered(arrived(rows), ["text", "number"]).collect()
    twice = mark_redelivered(arrived([*rows, *again]), ["text", "number"]).collect()

    kept, still_kept = (
        Counter(frame.filter(~pl.col(IS_DUPLICATE)).select(content).iter_rows())
        for frame in (once, twice)
    )
    assert kept == still_kept


@settings(max_examples=100, deadline=None)
@given(ARRIVED)
def test_of_each_key_and_day_the_last_row_stays_and_of_no_key_all(rows):
    last = {(day, key): place for place, (day, key, _, _) in enumerate(rows) if key}
    keyless = {place for place, (_, key, _, _) in enumerate(rows) if key is None}

    marked = mark_outdated(arrived(rows), ["text"]).collect()

    kept = set(marked.filter(~pl.col(IS_DUPLICATE))["_row"].to_list())
    assert kept == {*last.values(), *keyless}
    assert marked.height == len(rows)


def test_a_key_of_two_columns_is_missing_if_either_is():
    rows = [(MONDAY, "a", None, "one"), (MONDAY, "a", None, "one"), (MONDAY, "a", 1.0, "one")]

    marked = mark_outdated(arrived(rows), ["text", "number"]).collect()

    assert not marked[IS_DUPLICATE].any()
