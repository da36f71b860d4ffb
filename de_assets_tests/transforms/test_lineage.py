"""What each output column asks its inputs for, and whether that is all that can change it."""

import os
import subprocess
import sys
from datetime import date

import polars as pl
import pytest

from de_assets.transforms.lineage import ColumnLineage, InputColumn, LineageError, trace
from de_assets_tests.lineage_oracle import Rows, observed

LEFT = {"key": pl.String(), "on": pl.Date(), "x": pl.Float64(), "y": pl.Float64()}
RIGHT = {"key": pl.String(), "on": pl.Date(), "z": pl.Float64()}
INPUTS = {"left": LEFT, "right": RIGHT}


def joined(left, right):
    return left.join(right, on="key").select("x", "z").sort("x", "z")


def looked_up(left, right):
    first = right.unique("key", keep="first", maintain_order=True)
    return left.join(first, on="key", how="left", maintain_order="left").select("x", "z")


def matched_backwards(left, right):
    matched = left.sort("on").join_asof(
        right.sort("on", "key"), on="on", by="key", check_sortedness=False
    )
    return matched.select("on", "z")


def present(left, right):
    return left.join(right, on="key", how="semi").select("x")


def absent(left, right):
    return left.join(right.filter(pl.col("z") > 1), on="key", how="anti").select("x")


def stacked(left, right):
    return pl.concat([left.select("key", v="x"), right.select("key", v="z")])


def distinct(left, right):
    return left.select("key", "x").unique(maintain_order=True)


def grouped(left, right):
    return left.group_by("key").agg(total=pl.col("x").sum(), rows=pl.len()).sort("key")


def windowed(left, right):
    return left.select("y", share=pl.col("x") / pl.col("x").sum().over("key"))


def exploded(left, right):
    return left.select("x", part=pl.concat_list("y", "x")).explode("part")


def structured(left, right):
    return left.select(pair=pl.struct("x", "y")).select(pl.col("pair").struct.field("x"))


def batched(left, right):
    added = pl.struct("x", "y").map_batches(
        lambda pairs: pairs.struct.field("x") + pairs.struct.field("y"), return_dtype=pl.Float64
    )
    return left.select("key", added=added)


def framed(left, right):
    return left.map_batches(lambda frame: frame.select("x"), schema={"x": pl.Float64})


def ordered(left, right):
    return left.sort("y", maintain_order=True).select("x")


def filtered(left, right):
    return left.filter(pl.col("y") > 1, pl.col("key") != "b").select("x")


def crossed(left, right):
    return left.join(right.select(most=pl.col("z").max()), how="cross").select("x", "most")


def paired(left, right):
    return left.join(right, how="cross", maintain_order="left_right").select("x", "z")


TRANSFORMS = (
    joined, looked_up, matched_backwards, present, absent, stacked, distinct, grouped, windowed,
    exploded, structured, batched, framed, ordered, filtered, crossed, paired,
)  # fmt: skip
# Asked for all the same, by the optimiser's rules; why it changes nothing:
NEVER_SEEN = {
    joined: {"x": {"right.z"}},  # it only orders rows that are equal in x
    looked_up: {"x": {"left.key", "right.key"}},  # each key finds one row at most
    matched_backwards: {"on": {"left.key", "right.key", "right.on"}},  # so does an as-of join
    exploded: {"x": {"left.y"}},  # the lists are equally long
    structured: {"x": {"left.y"}},  # a struct is made whole
    batched: {"added": {"left.key"}},  # a function may return other rows than it got
    framed: {"x": {"left.key", "left.on", "left.y"}},  # nobody can see into a function
    crossed: {"x": {"right.z"}},  # a maximum is one row, whatever of
}


def needed(transform, inputs=INPUTS):
    return {
        name: {".".join(place) for place in found.needed}
        for name, found in trace(transform, inputs).items()
    }


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda transform: transform.__name__)
def test_whatever_changes_a_column_is_in_its_lineage_and_nothing_else_is(transform):
    lineage = trace(transform, INPUTS)
    rows = {name: Rows(schema) for name, schema in INPUTS.items()}
    claims = {
        place: [{name} for name, found in lineage.items() if place in found.needed]
        for found in lineage.values()
        for place in found.needed
    }

    seen = observed(transform, rows, claims)

    for name, found in lineage.items():
        assert seen[name] <= found.needed, name
    unseen = {
        name: {".".join(place) for place in found.needed - seen[name]}
        for name, found in lineage.items()
        if found.needed - seen[name]
    }
    assert unseen == NEVER_SEEN.get(transform, {})


def test_what_decides_the_rows_is_told_apart_from_the_values():
    lineage = trace(filtered, INPUTS)["x"]

    assert lineage == ColumnLineage(
        values=frozenset({InputColumn("left", "x")}),
        rows=frozenset({InputColumn("left", "y"), InputColumn("left", "key")}),
    )


def test_a_column_that_asks_only_for_what_decides_the_rows_has_that_as_its_values():
    lineage = trace(lambda left: left.filter(pl.col("y") > 1).select("y"), {"left": LEFT})["y"]

    assert lineage.values == lineage.rows == {InputColumn("left", "y")}


def test_the_column_that_polars_happens_to_count_by_does_not_decide_the_rows():
    lineage = trace(lambda left: left.select("x", "y"), {"left": LEFT})

    assert [found.rows for found in lineage.values()] == [frozenset(), frozenset()]


def test_a_transform_that_collects_on_its_way_may_depend_on_everything():
    def peeking(left, right):
        first = right.select(pl.col("z").max()).collect().item()
        return left.select("x") if first is None else left.select(x="y")

    assert needed(peeking) == {"x": {f"{t}.{c}" for t, schema in INPUTS.items() for c in schema}}


def test_a_function_over_whole_frames_asks_for_all_their_columns():
    assert needed(framed) == {"x": {"left.key", "left.on", "left.x", "left.y"}}


def test_a_transform_by_day_is_given_a_day():
    def until(left, day):
        assert isinstance(day, date)
        return left.filter(pl.col("on") <= day).select("x")

    assert needed(until, {"left": LEFT}) == {"x": {"left.x", "left.on"}}


def test_a_transform_that_fails_without_rows_is_told_with_the_fix_and_the_cause():
    def hopeful(left):
        return left.select(pl.col("nothing"))

    with pytest.raises(LineageError, match="ColumnNotFoundError") as told:
        trace(hopeful, {"left": LEFT})
    assert "make the transform return none" in told.value.fix
    assert isinstance(told.value.__cause__, pl.exceptions.ColumnNotFoundError)


def test_polars_is_not_heard_to_warn_of_the_interface_that_this_uses():
    code = (
        "import polars as pl; from de_assets.transforms.lineage import trace; "
        "print(len(trace(lambda t: t.select('a'), {'t': {'a': pl.Int64()}})))"
    )
    environ = {**os.environ, "POLARS_WARN_UNSTABLE": "1"}  # noqa: TID251
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env=environ,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("1", "")
