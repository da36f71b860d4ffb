"""What was overwritten, deleted or never finished is gone after a purge, and nothing else is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from de_assets.settings import S3Settings
from de_assets.storage.objects import LocalStore, S3Store
from de_assets.storage.replacing import LOCK, UNFINISHED
from de_assets.storage.s3 import S3Options
from de_assets.storage.versions import PurgeRefusedError


@pytest.fixture
def store(s3_lake_uri: str, s3_options: S3Options) -> S3Store:
    return S3Store(s3_lake_uri, s3_options)


@pytest.fixture
def versioned(store: S3Store, s3_options: S3Options) -> S3Store:
    s3_options.client.put_bucket_versioning(
        Bucket=_bucket(store), VersioningConfiguration={"Status": "Enabled"}
    )
    return store


def _bucket(store: S3Store) -> str:
    return store.root.split("/")[2]


def _kept(store: S3Store, s3: S3Options) -> list[tuple[str, bytes | None]]:
    """Every version and marker of the bucket with its content, markers with None."""
    answer = s3.client.list_object_versions(Bucket=_bucket(store))
    found: list[tuple[str, bytes | None]] = [
        (entry["Key"], None) for entry in answer.get("DeleteMarkers", [])
    ]
    for entry in answer.get("Versions", []):
        got = s3.client.get_object(
            Bucket=_bucket(store), Key=entry["Key"], VersionId=entry["VersionId"]
        )
        found.append((entry["Key"], got["Body"].read()))
    return sorted(found, key=repr)


def test_of_a_versioned_bucket_only_what_is_current_is_left(
    versioned: S3Store, s3_options: S3Options
):
    versioned.write("raw/a", b"old")
    versioned.write("raw/a", b"new")
    versioned.write("raw/b", b"deleted")
    versioned.delete("raw/b")
    versioned.write("raw/c", b"never changed")

    removed = versioned.purge("raw/")

    assert removed == 3
    assert _kept(versioned, s3_options) == [
        ("prefix/raw/a", b"new"),
        ("prefix/raw/c", b"never changed"),
    ]


def test_other_prefixes_keep_their_old_versions(versioned: S3Store, s3_options: S3Options):
    for text in (b"1", b"2"):
        versioned.write("raw/a", text)
        versioned.write("raw2/a", text)
    s3_options.client.put_object(Bucket=_bucket(versioned), Key="raw/a", Body=b"of others")
    s3_options.client.put_object(Bucket=_bucket(versioned), Key="raw/a", Body=b"of others, new")

    versioned.purge("raw/")

    assert [key for key, _ in _kept(versioned, s3_options)] == [
        "prefix/raw/a",
        "prefix/raw2/a",
        "prefix/raw2/a",
        "raw/a",
        "raw/a",
    ]


def test_a_deleted_object_does_not_come_back_with_its_marker(
    versioned: S3Store, s3_options: S3Options
):
    for number in range(1_100):  # more than one request can remove
        versioned.write("journal", str(number).encode())
    versioned.delete("journal")

    assert versioned.purge() == 1_101
    assert _kept(versioned, s3_options) == []
    assert versioned.purge() == 0


def test_a_bucket_without_versioning_keeps_its_objects(store: S3Store, s3_options: S3Options):
    store.write("raw/a", b"1")

    assert store.purge("raw/") == 0
    assert _kept(store, s3_options) == [("prefix/raw/a", b"1")]


def test_unfinished_uploads_are_aborted_below_the_prefix_alone(
    store: S3Store, s3_options: S3Options
):
    for key in ("prefix/raw/a", "prefix/models/a"):
        begun = s3_options.client.create_multipart_upload(Bucket=_bucket(store), Key=key)
        s3_options.client.upload_part(
            Bucket=_bucket(store),
            Key=key,
            PartNumber=1,
            UploadId=begun["UploadId"],
            Body=b"half of it",
        )

    assert store.purge("raw/") == 1
    left = s3_options.client.list_multipart_uploads(Bucket=_bucket(store))["Uploads"]
    assert [upload["Key"] for upload in left] == ["prefix/models/a"]


def test_uploads_that_may_be_those_of_living_writers_can_be_spared(
    store: S3Store, s3_options: S3Options
):
    s3_options.client.create_multipart_upload(Bucket=_bucket(store), Key="prefix/raw/a")

    # The server dates every upload to 2010.
    assert store.purge("raw/", uploads_before=datetime(2010, 1, 1, tzinfo=UTC)) == 0
    assert store.purge("raw/", uploads_before=datetime(2011, 1, 1, tzinfo=UTC)) == 1


def test_a_directory_loses_what_killed_writers_left_and_keeps_what_living_ones_write(
    tmp_path: Path,
):
    store = LocalStore(tmp_path)
    store.write("raw/a", b"1")
    (tmp_path / UNFINISHED / "99-of-a-dead-writer").write_bytes(b"jane@example.org")

    with store.replacing("raw/b") as temporary:
        temporary.write_bytes(b"2")
        (tmp_path / UNFINISHED / "98-of-another").write_bytes(b"jane@example.org")
        removed = store.purge("raw/")
        assert temporary.exists()

    assert removed == 1
    assert os.listdir(tmp_path / UNFINISHED) == [LOCK]  # noqa: PTH208  names are all we want
    assert store.read("raw/b")[0] == b"2"


def test_a_directory_that_is_not_there_has_nothing_to_purge(tmp_path: Path):
    assert LocalStore(tmp_path / "none").purge() == 0
    assert not (tmp_path / "none").exists()


DENIED = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
ONE_OLD_VERSION = (
    b"<ListVersionsResult><IsTruncated>false</IsTruncated><Version><Key>prefix/raw/a</Key>"
    b"<VersionId>v1</VersionId><IsLatest>false</IsLatest></Version></ListVersionsResult>"
)
NOT_DELETED = (
    b"<DeleteResult><Error><Key>prefix/raw/a</Key><VersionId>v1</VersionId>"
    b"<Code>AccessDenied</Code><Message>locked</Message></Error></DeleteResult>"
)


@contextmanager
def _answering(*, get: tuple[int, bytes], post: tuple[int, bytes]) -> Iterator[S3Store]:
    """A store of a server that gives the same two answers to everybody."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(*get)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(*post)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    settings = S3Settings.model_validate(
        {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
    )
    try:
        yield S3Store("s3://bucket/prefix", S3Options(settings))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("get", "post"),
    [((403, DENIED), (403, DENIED)), ((200, ONE_OLD_VERSION), (200, NOT_DELETED))],
    ids=["the list is refused", "one version is locked"],
)
def test_a_purge_that_is_not_allowed_says_what_the_role_needs(
    get: tuple[int, bytes], post: tuple[int, bytes]
):
    refused = pytest.raises(PurgeRefusedError, match=r"(?s)AccessDenied.*DeleteObjectVersion")
    with _answering(get=get, post=post) as store, refused:
        store.purge("raw/")
