"""What holds of S3 alone: pages, missing buckets, folder markers, odd addresses."""

import socket
from datetime import date

import polars as pl
import pytest

from de_assets.errors import StorageError
from de_assets.settings import S3Settings
from de_assets.storage.lake import Lake
from de_assets.storage.objects import S3Store, open_store
from de_assets.storage.s3 import S3Options


@pytest.fixture
def store(s3_lake_uri: str, s3_options: S3Options) -> S3Store:
    return S3Store(s3_lake_uri, s3_options)


def test_a_listing_goes_over_all_pages_in_order(store: S3Store):
    wanted = [f"journal/{number:04d}" for number in range(1_001)]
    for key in reversed(wanted):
        store.write(key, b"")

    listed = [info.key for info in store.list("journal/")]

    assert listed == wanted


def test_the_marker_of_an_empty_folder_is_no_object(store: S3Store, s3_options: S3Options):
    bucket = store.root.split("/")[2]
    for marker in ("prefix/", "prefix/folder/"):
        s3_options.client.put_object(Bucket=bucket, Key=marker, Body=b"")
    store.write("folder/a", b"1")

    assert [info.key for info in store.list()] == ["folder/a"]


def test_a_bucket_without_prefix_is_a_root_too(store: S3Store, s3_options: S3Options):
    bucket = store.root.split("/")[2]
    store.write("a", b"1")
    whole = S3Store(f"s3://{bucket}", s3_options)

    whole.write("top", b"2")

    assert [info.key for info in whole.list()] == ["prefix/a", "top"]
    assert whole.url("top") == f"s3://{bucket}/top"


@pytest.mark.parametrize(
    "operation",
    [
        lambda lake: list(lake.objects.list()),
        lambda lake: lake.objects.read("a"),
        lambda lake: lake.objects.write("a", b"1"),
        lambda lake: lake.objects.write("a", b"1", if_absent=True),
        lambda lake: lake.objects.delete("a"),
        lambda lake: lake.days("raw/events"),
        lambda lake: lake.scan("modeled/dim_contact"),
        lambda lake: lake.write("raw/events", pl.DataFrame({"a": [1]}), date(2024, 1, 1)),
    ],
)
def test_a_missing_bucket_is_named_with_the_fix(s3_options: S3Options, operation):
    lake = Lake("s3://nobody-made-this/prefix", s3_options)

    with pytest.raises(StorageError, match="nobody-made-this does not exist") as caught:
        operation(lake)

    assert "create the bucket" in caught.value.fix
    assert caught.value.where == "s3://nobody-made-this/prefix"


def test_a_missing_file_that_a_frame_reads_is_not_called_a_missing_bucket(
    s3_lake_uri: str, s3_options: S3Options
):
    lake = Lake(s3_lake_uri, s3_options)
    frame = pl.scan_parquet(f"{s3_lake_uri}/not-there.parquet", storage_options=s3_options.polars)

    with pytest.raises(FileNotFoundError, match=r"not-there\.parquet"):
        lake.write("modeled/dim_contact", frame)


def test_an_s3_that_does_not_answer_is_named_with_the_fix():
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        settings = S3Settings.model_validate(
            {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{reserved.getsockname()[1]}",
                "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": "a-secret",
            }
        )
        with pytest.raises(StorageError, match="cannot be reached") as error:
            open_store("s3://bucket/prefix", S3Options(settings)).read("key")
    assert "AWS_ENDPOINT_URL" in str(error.value)
    assert "a-secret" not in str(error.value)
