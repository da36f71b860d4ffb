"""Parquet keeps its types, is pruned to the days that are asked for, and is whole or a problem."""

import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from de_assets.errors import UnreadableDeliveryError
from de_assets_tests.sources.landing import MONDAY, TUESDAY, WEDNESDAY, Landing, csv_of, ids, line


def orders(days: list[object], **more: object) -> pl.DataFrame:
    size = len(days)
    base = {
        "order_id": [f"A{i}" for i in range(size)],
        "product_id": ["P"] * size,
        "quantity": [1] * size,
        "ordered_at": days,
        "unit_price": [1.5] * size,
    }
    return pl.DataFrame(base | more)


def at(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour)  # noqa: DTZ001  naive on purpose


def dropped(landing: Landing, frame: pl.DataFrame, **options: object) -> None:
    frame.write_parquet(landing.path / "orders.parquet", **options)


def test_types_are_kept(landing):
    dropped(landing, orders([at(MONDAY)], contact_id=[17850.0]))

    rows = landing.source().read([MONDAY])

    assert [rows.schema[c] for c in ("quantity", "ordered_at", "unit_price", "contact_id")] == [
        pl.Int64,
        pl.Datetime("us"),
        pl.Float64,
        pl.Float64,
    ]
    assert rows.schema["country"] == pl.String
    assert rows["country"].null_count() == 1


@pytest.mark.parametrize(
    "days",
    [
        [MONDAY, TUESDAY, WEDNESDAY],
        [at(MONDAY), at(TUESDAY), at(WEDNESDAY)],
        [f"{d} 09:00:00" for d in (MONDAY, TUESDAY, WEDNESDAY)],
        [at(d).replace(tzinfo=UTC) for d in (MONDAY, TUESDAY, WEDNESDAY)],
        [int(at(d).replace(tzinfo=UTC).timestamp()) for d in (MONDAY, TUESDAY, WEDNESDAY)],
    ],
    ids=["date", "datetime", "text", "utc", "epoch"],
)
def test_the_day_column_may_be_of_any_kind(landing, days):
    dropped(landing, orders(days))

    rows = landing.source().read([TUESDAY])

    assert rows.select("order_id", "dt", "_source_row").rows() == [("A1", TUESDAY, 2)]
    assert landing.only().rows_by_day == {MONDAY: 1, TUESDAY: 1, WEDNESDAY: 1}


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_a_moment_with_time_zone_belongs_to_its_day_in_utc(landing, unit):
    late = pl.Series([at(MONDAY, 23), at(TUESDAY, 3)], dtype=pl.Datetime(unit))
    dropped(landing, orders(late.dt.replace_time_zone("America/New_York")))  # UTC-4

    assert landing.only().rows_by_day == {TUESDAY: 2}
    assert ids(landing.source().read([TUESDAY])) == ["A0", "A1"]
    assert landing.source().read([MONDAY]).is_empty()


def microseconds(day: date) -> bytes:
    moment = at(day).replace(tzinfo=UTC)
    return (int(moment.timestamp()) * 1_000_000).to_bytes(8, "little")


def test_only_the_row_groups_of_the_days_are_read(landing):
    days = [at(MONDAY + timedelta(days=i // 100)) for i in range(300)]
    path = landing.path / "orders.parquet"
    orders(days).write_parquet(path, row_group_size=100, compression="uncompressed")
    source = landing.source()
    source.index()
    # In the third row group, but not in the footer's statistics, Wednesday becomes Tuesday.
    whole = path.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    moved = whole[:footer].replace(microseconds(WEDNESDAY), microseconds(TUESDAY))
    assert moved != whole[:footer]
    status = path.stat()
    path.write_bytes(moved + whole[footer:])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert ids(source.read([TUESDAY])) == [f"A{i}" for i in range(100, 200)]


def test_damage_that_the_index_did_not_see_stops_the_reading_of_its_day(landing):
    days = [at(MONDAY + timedelta(days=i // 100)) for i in range(300)]
    path = landing.path / "orders.parquet"
    frame = orders(days, description=["x" * 40 + str(i) for i in range(300)])
    frame.write_parquet(path, row_group_size=100, compression="uncompressed")
    source = landing.source()
    source.index()
    status = path.stat()
    path.write_bytes(path.read_bytes().replace(b"x" * 40 + b"250", b"\xff" * 43))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert len(source.read([TUESDAY])) == 100
    with pytest.raises(UnreadableDeliveryError, match="damaged"):
        source.read([WEDNESDAY])


@pytest.mark.parametrize("keep", [0, 4, 11, 0.5, -1, -9])
def test_a_parquet_file_cut_short_is_a_problem(landing, keep):
    dropped(landing, orders([at(MONDAY)] * 100))
    whole = (landing.path / "orders.parquet").read_bytes()
    size = int(len(whole) * keep) if isinstance(keep, float) else keep % len(whole) if keep else 0
    landing.drop("orders.parquet", whole[:size])

    assert "cut short or damaged, or is no Parquet" in landing.problem()


def test_a_parquet_file_damaged_in_its_day_column_is_a_problem(landing):
    dropped(landing, orders([at(MONDAY)] * 100), compression="uncompressed")
    whole = bytearray((landing.path / "orders.parquet").read_bytes())
    whole[4:-200] = b"\xff" * len(whole[4:-200])
    landing.drop("orders.parquet", bytes(whole))

    assert "damaged" in landing.problem()


def test_a_parquet_file_without_rows_is_a_delivery_without_rows(landing):
    dropped(landing, orders([at(MONDAY)]).clear())

    assert (landing.only().problem, landing.only().rows) == (None, 0)
    assert landing.source().read([MONDAY]).is_empty()


def test_undated_rows_of_a_parquet_file_stand_on_its_first_day(landing):
    dropped(landing, orders([None, at(TUESDAY), at(WEDNESDAY)]))

    entry = landing.only()

    assert (entry.rows_by_day, entry.rows_undated) == ({TUESDAY: 2, WEDNESDAY: 1}, 1)
    assert ids(landing.source().read([TUESDAY])) == ["A0", "A1"]
    assert ids(landing.source().read([WEDNESDAY])) == ["A2"]


def test_names_on_the_path_are_not_patterns_and_no_columns(landing):
    path = landing.path / "dt=2020-01-01" / "a [1]*.parquet"
    path.parent.mkdir()
    orders([at(MONDAY)]).write_parquet(path)

    rows = landing.rows()

    assert ids(rows, "dt") == [MONDAY]
    assert ids(rows, "_source") == ["dt=2020-01-01/a [1]*.parquet"]


def test_categories_bytes_and_nested_values_become_text(landing):
    dropped(
        landing,
        orders(
            [at(MONDAY), at(MONDAY)],
            description=pl.Series(["lamp", None], dtype=pl.Categorical),
            contact_id=pl.Series([b"c1", b"\xff\xfe"]),
            country=[{"code": "GB", "n": [1]}, None],
        ),
    )

    rows = landing.rows()

    assert rows.select("description", "contact_id", "country").rows() == [
        ("lamp", "c1", '{"code":"GB","n":[1]}'),
        (None, "fffe", None),
    ]


def test_other_columns_are_kept_as_json_with_their_types(landing):
    dropped(
        landing,
        orders(
            [at(MONDAY), at(MONDAY)],
            n=[1, None],
            day=[MONDAY, None],
            price=pl.Series([Decimal("1.50"), None], dtype=pl.Decimal(10, 2)),
            flags=[[True, False], None],
            raw=[b"\xff", None],
            nothing=pl.Series([None, None], dtype=pl.Null),
            **{'quo"te': ['"\n', None]},
        ),
    )

    extra = ids(landing.rows(), "_extra")

    assert extra == [
        '{"n":1,"day":"2011-05-02","price":"1.50","flags":[true,false],"raw":"ff","quo\\"te":"\\"\\n"}',
        None,
    ]


def test_a_column_becomes_text_where_deliveries_disagree(landing):
    dropped(landing, orders([at(MONDAY)], contact_id=[17850.0], country=["GB"]))
    landing.drop("a.csv", csv_of(line("B1", MONDAY, "17850"), header=(
        "order_id,product_id,quantity,ordered_at,unit_price,contact_id"
    )))  # fmt: skip
    landing.drop("b.csv", csv_of(line("B2", TUESDAY)))

    rows = landing.source().read([MONDAY])

    assert rows.select("order_id", "contact_id", "unit_price", "ordered_at").rows() == [
        ("B1", "17850", "1.50", "2011-05-02 09:00:00"),
        ("A0", "17850.0", "1.5", "2011-05-02 09:00:00.000000"),
    ]


def test_a_column_that_one_delivery_lacks_keeps_the_type_of_the_other(landing):
    dropped(landing, orders([at(MONDAY)], contact_id=[17850.0]))
    orders([at(MONDAY)]).write_parquet(landing.path / "b.parquet")

    rows = landing.rows()

    assert rows.schema["contact_id"] == pl.Float64
    assert ids(rows, "contact_id") == [None, 17850.0]


def test_moments_with_and_without_time_zone_meet_as_text_in_utc(landing):
    east = pl.Series([at(MONDAY)]).dt.replace_time_zone("Europe/Athens")  # UTC+3
    dropped(landing, orders(east))
    orders([at(MONDAY)]).write_parquet(landing.path / "a.parquet")

    assert ids(landing.rows(), "ordered_at") == [
        "2011-05-02 09:00:00.000000",
        "2011-05-02 06:00:00.000000",
    ]


def test_alternatives_of_different_types_meet_as_text(landing):
    dropped(landing, orders([at(MONDAY), at(MONDAY)], cid=[1, None], uid=["x", "y"]))

    rows = landing.rows(columns={"contact_id": ["cid", "uid"]})

    assert ids(rows, "contact_id") == ["1", "y"]
    assert ids(rows, "_extra") == ['{"uid":"x"}', None]


def test_a_missing_column_is_a_problem(landing):
    dropped(landing, orders([at(MONDAY)]).drop("unit_price"))

    assert "no column for unit_price" in landing.problem()


def test_a_day_column_of_no_such_kind_is_a_problem(landing):
    dropped(landing, orders([1.5]))

    assert "not one of 1 rows has a readable date" in landing.problem()
