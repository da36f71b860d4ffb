"""Profiles: counts that tell days apart, and tell nothing of a person."""

from datetime import date

import polars as pl
import pytest

from de_assets.checks.profile import (
    MOST_LABELS,
    SCHEMA,
    Watched,
    profile_of_arrival,
    profile_of_rows,
    profile_of_values,
)
from de_assets.contracts.base import columns
from de_assets.contracts.cleaned import CleanedEvents, CleanedOrderLines
from de_assets.contracts.tables import TABLES

DAY, NEXT_DAY = date(2025, 3, 3), date(2025, 3, 4)


def counts(profile: pl.DataFrame, measure: str, column: str = "", day: date = DAY) -> list[int]:
    found = profile.filter(dt=day, column=column, measure=measure)
    return found.sort("bin", "label")["value"].to_list()


def values(column: str, *items, dtype=None) -> pl.DataFrame:
    return pl.DataFrame({column: pl.Series(items, dtype=dtype)}).with_columns(dt=pl.lit(DAY))


def test_numbers_a_seventh_apart_stand_in_different_bins_and_equal_ones_in_one():
    profile = profile_of_values(
        Watched(numbers=("price",)), values("price", 1.0, 1.0, 1.16, -1.0, 0.0, None, float("nan"))
    )

    assert counts(profile, "number", "price") == [1, 1, 2, 1]
    assert counts(profile, "nulls", "price") == [2]


def test_numbers_of_any_size_have_a_bin():
    profile = profile_of_values(
        Watched(numbers=("n",)), values("n", 1e-300, 1e300, -1e300, float("inf"))
    )

    assert sum(counts(profile, "number", "n")) == 4


def test_the_most_frequent_labels_are_named_and_the_rest_are_counted_together():
    labels = [f"label {n:03}" for n in range(MOST_LABELS + 30)]

    profile = profile_of_values(Watched(labels=("kind",)), values("kind", *labels, "label 079"))

    assert len(counts(profile, "category", "kind")) >= MOST_LABELS
    assert "label 079" in profile["label"].to_list()
    named, others = counts(profile, "category", "kind"), counts(profile, "others", "kind")
    assert sum(named) + sum(others) == len(labels) + 1
    assert len(others) == 1


def test_booleans_are_labels():
    profile = profile_of_values(Watched(labels=("is_so",)), values("is_so", True, False, True))

    assert counts(profile, "category", "is_so") == [1, 2]


def test_of_an_identifying_column_no_value_is_kept():
    watched = Watched.of(CleanedOrderLines)
    frame = pl.DataFrame(
        {
            "order_id": ["o1", "o1"],
            "line_number": [1, 2],
            "product_id": ["p1", "p1"],
            "description": ["canary text", "canary text"],
            "quantity": [1.0, 2.0],
            "unit_price": [1.0, 1.0],
            "ordered_at": [DAY, DAY],
            "contact_id": ["canary-4711", None],
            "country": ["canaryland", "canaryland"],
            "is_cancellation": [False, False],
            "dt": [DAY, DAY],
        }
    )

    profile = profile_of_values(watched, frame)

    assert profile.schema == SCHEMA
    assert "canary" not in profile.write_csv()
    assert counts(profile, "nulls", "contact_id") == [1]
    assert counts(profile, "grouped", "contact_id") == [1]


@pytest.mark.parametrize("contract", TABLES.values(), ids=TABLES)
def test_no_table_asks_for_the_values_of_an_identifying_column(contract):
    identifying = {info.name for info in columns(contract) if info.pii != "none"}
    watched = Watched.of(contract)

    assert not identifying & {*watched.numbers, *watched.labels}


def test_what_is_watched_follows_from_the_declaration():
    events = Watched.of(CleanedEvents)

    assert events.labels == ("event_type", "channel")
    assert "contact_id" in events.nullable
    assert ("channel", "session_id") in events.follows


@pytest.mark.parametrize("dtype", [pl.Float64, pl.String])
def test_a_column_that_follows_another_agrees_within_its_groups(dtype):
    frame = pl.DataFrame({"dt": DAY, "g": ["a", "a", "a", "b", "b", None], "v": [1, 1, 9, 5, 5, 7]})

    profile = profile_of_values(
        Watched(follows=(("v", "g"),)), frame.with_columns(pl.col("v").cast(dtype))
    )

    assert counts(profile, "grouped", "v") == [3]
    assert counts(profile, "agreeing", "v") == [2]


def test_numbers_within_a_fifth_of_the_median_agree():
    frame = pl.DataFrame({"dt": DAY, "g": "a", "v": [10.0, 11.9, 8.1, 12.1, 7.9, 10.0]})

    profile = profile_of_values(Watched(follows=(("v", "g"),)), frame)

    assert counts(profile, "agreeing", "v") == [3]


def test_days_profiled_one_by_one_are_the_same_as_all_at_once():
    frame = pl.DataFrame(
        {"dt": [DAY, DAY, NEXT_DAY], "price": [1.0, None, 3.0], "kind": ["a", "b", "a"]}
    )
    watched = Watched(numbers=("price",), labels=("kind",), follows=(("price", "kind"),))

    at_once = profile_of_values(watched, frame)
    one_by_one = [profile_of_values(watched, frame.filter(dt=day)) for day in (DAY, NEXT_DAY)]

    order = list(SCHEMA)
    assert pl.concat(one_by_one).sort(order).equals(at_once.sort(order))


def test_a_day_without_rows_is_counted_as_such():
    profile = profile_of_rows(pl.DataFrame({"dt": [DAY, DAY]}), [DAY, NEXT_DAY])

    assert counts(profile, "rows") == [2]
    assert counts(profile, "rows", day=NEXT_DAY) == [0]


def arrived(*rows: tuple, moment: str = "2025-03-03 09:00") -> pl.DataFrame:
    frame = pl.DataFrame(
        rows, schema={"_source": pl.String, "id": pl.String, "price": pl.String}, orient="row"
    )
    return frame.with_columns(dt=pl.lit(DAY), at=pl.lit(moment))


def duplicates(frame: pl.DataFrame) -> int:
    profile = profile_of_arrival(frame, ("id", "price", "at"), "at", ())
    return sum(counts(profile, "duplicates"))


def test_rows_that_a_second_file_brings_again_are_duplicates():
    frame = arrived(("f1", "a", "2.50"), ("f1", "b", "1"), ("f2", "b", "1.0"), ("f2", "c", "1"))

    assert duplicates(frame) == 1


def test_like_rows_of_one_file_are_what_the_source_says():
    assert duplicates(arrived(("f1", "a", "1"), ("f1", "a", "1"))) == 0
    assert duplicates(arrived(("f1", "a", "1"), ("f1", "a", "1"), ("f2", "b", "1"))) == 0


def test_lists_of_a_typed_file_do_not_hinder_the_count():
    frame = arrived(("f1", "a", "1"), ("f2", "a", "1")).with_columns(id=pl.lit([1, 2]))

    assert duplicates(frame) == 1


@pytest.mark.parametrize(
    ("texts", "formats", "second"),
    [
        (["2025-03-03 09:00", "2025-03-03 17:30:05", "no date"], (), 17 * 3600 + 30 * 60 + 5),
        (["03/03/2025 09:00 AM", "03/03/2025 01:00 PM"], (), 13 * 3600),
        (["3.3.2025 11:59", "3.3.2025 9:00"], ("%d.%m.%Y %H:%M",), 11 * 3600 + 59 * 60),
    ],
)
def test_the_last_event_of_a_day_is_found_in_any_format(texts, formats, second):
    frame = pl.DataFrame({"dt": DAY, "_source": "f", "at": texts})

    profile = profile_of_arrival(frame, ("at",), "at", formats)

    assert counts(profile, "last_second") == [second]


def test_typed_moments_need_no_format():
    frame = pl.DataFrame({"dt": [DAY], "_source": "f"}).with_columns(
        at=pl.lit(DAY).cast(pl.Datetime("us")) + pl.duration(hours=12)
    )

    assert counts(profile_of_arrival(frame, ("at",), "at", ()), "last_second") == [43_200]


def test_a_day_without_a_readable_moment_has_no_last_event():
    frame = pl.DataFrame({"dt": DAY, "_source": "f", "at": [None, "soon"]})

    assert counts(profile_of_arrival(frame, ("at",), "at", ()), "last_second") == []
