"""Facts about the libraries we stand on that our code relies on, or works around.

If one of these fails after an upgrade, the place that the test names may have to change, or may
become simpler.
"""

import pandera.polars as pa
import polars as pl
import pytest

SCHEMA = pa.DataFrameSchema(
    {"n": pa.Column(pl.Int64, pa.Check.ge(0)), "t": pa.Column(pl.String, nullable=False)}
)
BAD = pl.DataFrame({"n": [1, -1, 2], "t": ["a", "b", None]})


def test_pandera_checks_only_the_schema_of_a_lazy_frame():
    """Hence `contracts/audit.py` takes collected frames."""
    passed = SCHEMA.validate(BAD.lazy(), lazy=True).collect()

    assert passed.equals(BAD)


def test_pandera_hands_out_a_mask_for_each_rule_that_a_collected_frame_breaks():
    """`contracts/audit.py` reads these masks."""
    with pytest.raises(pa.errors.SchemaErrors) as caught:
        SCHEMA.validate(BAD, lazy=True)

    masks = {
        error.schema.name: error.check_output.to_series().to_list()
        for error in caught.value.schema_errors
    }
    assert masks == {"n": [True, False, True], "t": [True, True, False]}


def test_pandera_has_no_mask_for_a_wrong_type():
    """`contracts/audit.py` takes such an error as one of the frame as a whole."""
    with pytest.raises(pa.errors.SchemaErrors) as caught:
        SCHEMA.validate(BAD.with_columns(pl.col("n").cast(pl.String)), lazy=True)

    assert None in [error.check_output for error in caught.value.schema_errors]


def test_pandera_quotes_values_in_its_exception():
    """Hence the exception never leaves `contracts/audit.py`."""
    with pytest.raises(pa.errors.SchemaErrors) as caught:
        SCHEMA.validate(BAD.with_columns(n=-987_654), lazy=True)

    assert "-987654" in str(caught.value)


def test_an_as_of_join_believes_that_its_input_is_sorted():
    """Hence `transforms/joins.py` sorts both sides first."""
    left = pl.LazyFrame({"k": ["a"] * 3, "at": [3, 1, 2]})
    right = pl.LazyFrame({"k": ["a"] * 3, "at": [3, 1, 2], "v": [3, 1, 2]})

    unsorted = left.join_asof(right, on="at", by="k", check_sortedness=False).collect()

    assert unsorted.sort("at")["v"].to_list() != [1, 2, 3]


def test_a_sort_inside_a_sum_is_optimised_away():
    """Hence `transforms/typing.py:exact_sum` adds decimals instead of sorted floats."""
    frame = pl.LazyFrame({"k": ["a", "a"], "x": [2.0, 1.0]})

    plan = frame.group_by("k").agg(pl.col("x").sort().sum()).explain()

    assert "sort" not in plan.lower()
