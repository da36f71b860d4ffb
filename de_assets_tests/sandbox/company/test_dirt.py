import polars as pl
import pytest

from de_assets.sandbox.company.catalogue import catalogue_of

from .conftest import Delivered


def test_every_kind_of_planted_dirt_can_be_counted_in_the_files(delivered: Delivered):
    lines = delivered.order_lines
    planted = delivered.written.orders.planted
    item, price = pl.col("item"), pl.col("unit_price").cast(pl.Float64, strict=False)
    is_note = (pl.col("qty").cast(pl.Int64, strict=False) < 0) & (price == 0)
    found = lines.select(
        unreadable_quantity=pl.col("qty").cast(pl.Int64, strict=False).is_null().sum(),
        unreadable_price=price.is_null().sum(),
        unreadable_date=pl.col("ordered")
        .str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False)
        .is_null()
        .sum(),
        negative_price=(price < 0).sum(),
        zero_price=((price == 0) & ~is_note).sum(),
        without_description=item.is_null().sum(),
        untrimmed=(item != item.str.strip_chars()).sum(),
        lower_case_codes=pl.col("sku").str.contains("[a-z]").sum(),
    ).row(0, named=True)

    # A write-off with an unreadable quantity looks like a line given away: none in this company.
    assert found == {kind: planted[kind] for kind in found}
    assert all(count > 5 for count in planted.values())


@pytest.mark.parametrize(
    ("kind", "share"),
    [("untrimmed", 0.20), ("zero_price", 0.006), ("placeholder_description", 0.006)],
)
def test_dirt_is_as_frequent_as_asked_for(delivered: Delivered, kind: str, share: float):
    orders = delivered.written.orders

    assert orders.planted[kind] / orders.lines == pytest.approx(share, rel=0.25)


def test_unacceptable_lines_are_unacceptable_for_one_reason_each(delivered: Delivered):
    lines = delivered.order_lines.select(
        quantity=pl.col("qty").cast(pl.Int64, strict=False).is_null(),
        price=pl.col("unit_price").cast(pl.Float64, strict=False).fill_null(-1) < 0,
        moment=pl.col("ordered").str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False).is_null(),
    )

    reasons = lines.select(pl.sum_horizontal(pl.all())).to_series()
    assert reasons.max() == 1
    assert reasons.sum() == delivered.written.orders.unacceptable_lines


def test_exact_duplicates_stand_in_the_same_file(delivered: Delivered):
    lines = delivered.order_lines

    repeats = lines.height - lines.unique().height
    assert repeats == delivered.written.orders.duplicate_lines
    assert repeats / lines.height == pytest.approx(0.011, rel=0.2)


def test_some_files_write_contact_ids_as_floats_and_do_so_throughout(delivered: Delivered):
    by_file = (
        delivered.order_lines.drop_nulls("customer")
        .group_by("file")
        .agg(pl.col("customer").str.ends_with(".0").mean().alias("share"))
    )

    assert set(by_file["share"]) == {0.0, 1.0}
    assert by_file["share"].mean() == pytest.approx(0.15, abs=0.08)


def test_codes_have_other_names_and_case_and_services_appear(delivered: Delivered):
    lines = delivered.order_lines
    codes = set(lines["sku"].str.to_uppercase())

    assert {"POST", "DISCOUNT", "TEST001"} <= codes
    assert codes <= set(catalogue_of(delivered.company).codes)
    assert lines["sku"].n_unique() > len(codes)


def test_doubled_late_and_unreadable_events_are_as_many_as_said(delivered: Delivered):
    events, said = delivered.events, delivered.written.events
    happened = events["ts"].str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", strict=False)
    late = (happened.dt.date() < events["day"]) & (happened.dt.year() > 1970)
    late_or_unreadable = late.fill_null(value=False).sum()

    assert events.height - events.unique().height == said.duplicate_events > 5
    assert said.late_events - 5 <= late_or_unreadable <= said.late_events
    assert said.late_events / said.events == pytest.approx(0.005, rel=0.2)
    assert happened.is_null().sum() + events["type"].null_count() == pytest.approx(
        said.unreadable_events, abs=0
    )
    assert ((events["day"] - happened.dt.date()).dt.total_days() <= 1).all()
