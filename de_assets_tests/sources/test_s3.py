"""Deliveries on S3, over HTTP, with nothing in the environment that could help."""

from datetime import timedelta

import polars as pl
import pytest
from botocore.exceptions import ClientError

from de_assets.errors import SourcesError, StorageError, UnreadableDeliveryError
from de_assets.storage.objects import S3Store
from de_assets_tests.sources.landing import (
    MONDAY,
    TUESDAY,
    Landing,
    csv_of,
    gz_of,
    ids,
    line,
    three_days,
    zst_of,
)
from de_assets_tests.sources.test_parquet import at, orders

URL = "s3://drop/orders/"


@pytest.fixture
def put(s3, bucket):
    def upload(key: str, content: bytes | str) -> str:
        body = content.encode() if isinstance(content, str) else content
        answer = s3.client.put_object(Bucket=bucket, Key=key, Body=body)
        return answer["ETag"].strip('"')

    return upload


@pytest.fixture
def source(landing: Landing, s3):
    return lambda url=URL, **options: landing.source(url=url, s3=s3, **options)


def parquet(frame: pl.DataFrame, tmp_path, **options) -> bytes:
    frame.write_parquet(tmp_path / "x.parquet", **options)
    return (tmp_path / "x.parquet").read_bytes()


def test_every_format_is_read_from_s3(put, source, tmp_path):
    put("orders/a.csv", csv_of(line("A1")))
    put("orders/b.csv.gz", gz_of(csv_of(line("B1")).encode()))
    put("orders/c.csv.zst", zst_of(csv_of(line("C1")).encode()))
    put(
        "orders/d.jsonl",
        '{"order_id":"D1","product_id":"P","quantity":1,"ordered_at":"2011-05-02","unit_price":2}',
    )
    put("orders/e.parquet", parquet(orders([at(MONDAY)]), tmp_path))
    put("elsewhere/z.csv", csv_of(line("Z1")))

    rows = source().read([MONDAY])

    assert ids(rows) == ["A1", "B1", "C1", "D1", "A0"]
    assert ids(rows, "_source") == ["a.csv", "b.csv.gz", "c.csv.zst", "d.jsonl", "e.parquet"]


def test_the_batch_is_the_start_of_the_etag(put, source):
    etag = put("orders/a.csv", csv_of(line("A1")))

    assert ids(source().read([MONDAY]), "_batch") == [etag[:16]]
    assert source().index()[0].digest == etag


@pytest.mark.parametrize(
    "key", ["a b.csv", "a+b&c=d.csv", "a%20b.csv", "größe#1?.csv", "dt=2011-05-02/[x].csv"]
)
@pytest.mark.parametrize("whole_bytes", [0, 10**6])
def test_names_with_special_characters_are_read(
    put, source, tmp_path, monkeypatch, key, whole_bytes
):
    monkeypatch.setattr("de_assets.sources.parquet._WHOLE_BYTES", whole_bytes)
    put(f"orders/{key}", csv_of(line("A1")))
    put(f"orders/{key.replace('.csv', '.parquet')}", parquet(orders([at(MONDAY)]), tmp_path))

    assert sorted(ids(source().read([MONDAY]))) == ["A0", "A1"]


def test_one_object_a_prefix_and_a_glob(put, source):
    for key in ("a.csv", "b.csv", "2011/c.csv", "_d.csv", "e.xlsx"):
        put(f"orders/{key}", three_days())
    put("orders/folder/", b"")

    def keys(url):
        return [delivery.key for delivery in source(url).deliveries()]

    assert keys("s3://drop/orders/a.csv") == ["a.csv"]
    assert keys("s3://drop/orders") == ["2011/c.csv", "a.csv", "b.csv"]
    assert keys("s3://drop") == ["orders/2011/c.csv", "orders/a.csv", "orders/b.csv"]
    assert keys("s3://drop/orders/*.csv") == ["a.csv", "b.csv"]
    assert keys("s3://drop/orders/**/[bc].csv") == ["2011/c.csv", "b.csv"]
    assert [each.key for each in source().ignored()] == ["_d.csv", "e.xlsx"]


def test_a_prefix_that_is_called_like_a_file_is_a_directory(put, source):
    put("orders.csv/part-0.csv", three_days())

    assert [delivery.key for delivery in source("s3://drop/orders.csv").deliveries()] == [
        "part-0.csv"
    ]


def test_a_prefix_without_objects_is_empty(bucket, source):
    assert source().index() == []


def test_an_object_that_does_not_exist_is_an_error_with_a_fix(bucket, source):
    with pytest.raises(SourcesError, match=r"there is no object s3://drop/a\.csv") as error:
        source("s3://drop/a.csv").index()

    assert "correct url" in error.value.fix


def test_an_object_of_an_unknown_kind_is_an_error(put, source):
    put("a.xlsx", b"x")

    with pytest.raises(SourcesError, match="not a kind of file"):
        source("s3://drop/a.xlsx").index()


def test_a_bucket_that_does_not_exist_is_an_error(s3, source):
    with pytest.raises(StorageError, match="the bucket nowhere does not exist"):
        source("s3://nowhere/orders/").index()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", gz_of(three_days().encode())[:-5]),
        ("a.csv.zst", zst_of(three_days().encode())[:-5]),
        ("a.parquet", b"PAR1 and no footer"),
        ("a.csv", csv_of("A1,P")),
        ("a.jsonl", '{"order_id":'),
    ],
)
def test_an_object_that_is_cut_short_is_a_problem(put, source, name, content):
    put(f"orders/{name}", content)

    (entry,) = source().index()

    assert entry.problem
    assert source().read_all().is_empty()


def test_a_large_parquet_object_is_scanned_by_ranges_and_whole_or_a_problem(
    put, source, tmp_path, monkeypatch
):
    monkeypatch.setattr("de_assets.sources.parquet._WHOLE_BYTES", 100)
    days = [at(MONDAY + timedelta(days=i // 100)) for i in range(300)]
    content = parquet(orders(days), tmp_path, row_group_size=100)
    put("orders/a.parquet", content)
    put("orders/b.parquet", content[:-20])

    good, bad = source().index()

    assert good.rows == 300
    assert "cut short or damaged" in str(bad.problem)
    assert len(source().read([TUESDAY])) == 100


def test_an_object_is_read_once_and_again_when_it_is_overwritten(put, source, s3):
    asked = []
    s3.client.meta.events.register("before-call.s3.GetObject", lambda **_: asked.append(1))
    put("orders/a.csv", three_days())
    source().index()
    source().index()
    assert len(asked) == 1
    put("orders/a.csv", csv_of(line("B1")))

    (entry,) = source().index()

    assert (len(asked), entry.rows) == (2, 1)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_rows_of_an_object_that_changed_since_it_was_listed_are_not_returned(
    put, source, tmp_path, monkeypatch, name
):
    monkeypatch.setattr("de_assets.sources.parquet._WHOLE_BYTES", 0)
    versions = {
        "a.csv": (three_days(), csv_of(line("B1"))),
        "a.parquet": [parquet(orders([at(MONDAY)] * n), tmp_path) for n in (1, 2)],
    }
    put(f"orders/{name}", versions[name][0])
    orders_source = source()
    (entry,) = orders_source.index()
    put(f"orders/{name}", versions[name][1])

    with pytest.raises(UnreadableDeliveryError, match="changed or vanished"):
        list(orders_source._reader.rows(entry, [MONDAY]))


def test_an_object_that_vanishes_is_a_problem_of_the_moment(put, source, s3):
    put("orders/a.csv", three_days())
    orders_source = source()
    (delivery,) = orders_source.deliveries()
    s3.client.delete_object(Bucket="drop", Key="orders/a.csv")

    entry = orders_source._reader.examine(delivery)

    assert "changed or vanished" in str(entry.problem)


def test_another_refusal_of_s3_is_not_taken_for_a_property_of_the_file(put, source, s3):
    put("orders/a.csv", three_days())

    def refuse(**_):
        raise ClientError({"Error": {"Code": "SlowDown"}}, "GetObject")

    s3.client.meta.events.register("before-call.s3.GetObject", refuse)

    with pytest.raises(ClientError, match="SlowDown"):
        source().index()


def test_the_network_is_not_taken_for_a_property_of_a_parquet_object(
    put, source, tmp_path, monkeypatch
):
    monkeypatch.setattr("de_assets.sources.parquet._WHOLE_BYTES", 0)
    put("orders/a.parquet", parquet(orders([at(MONDAY)]), tmp_path))
    orders_source = source()
    nowhere = "http://127.0.0.1:1"
    polars_options = orders_source._reader._s3.polars
    polars_options.update(aws_endpoint_url=nowhere, aws_endpoint_url_s3=nowhere, max_retries=0)

    with pytest.raises((OSError, pl.exceptions.ComputeError)):
        orders_source.index()


def test_the_index_may_lie_on_s3_too(put, source, landing, s3):
    put("orders/a.csv", three_days())
    landing.state = S3Store("s3://drop/state", s3)

    assert source().index() == source().index()
    assert [info.key for info in landing.state.list()] == ["index/order_lines.json"]
