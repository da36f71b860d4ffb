"""The one as-of join."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from de_assets.transforms.joins import join_latest_before

ROWS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 8)), max_size=20)


def latest(right, who, at):
    before = [(when, place) for place, (key, when) in enumerate(right) if key == who and when <= at]
    return max(before)[1] if before else None


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS)
def test_it_finds_what_a_search_by_hand_finds_in_any_order_of_rows(engine, left, right):
    schema = {"who": pl.String, "at": pl.Int64}
    ours = pl.LazyFrame(left, schema=schema, orient="row").with_row_index("row")
    theirs = pl.LazyFrame(right, schema=schema, orient="row").with_row_index("place")

    joined = join_latest_before(ours, theirs, on="at", by=["who"])

    found = dict(joined.select("row", "place").collect(engine=engine).iter_rows())
    assert found == {row: latest(right, who, at) for row, (who, at) in enumerate(left)}
