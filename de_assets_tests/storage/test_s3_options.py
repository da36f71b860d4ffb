"""One set of options makes boto3 and Polars sign alike, whatever the environment holds."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import polars as pl
import pytest

from de_assets.errors import StorageError
from de_assets.settings import S3Settings
from de_assets.storage.objects import S3Store
from de_assets.storage.s3 import S3Options

GIVEN = {
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "given-key",
    "AWS_SECRET_ACCESS_KEY": "given-secret",
    "AWS_SESSION_TOKEN": "given-token",
}
MISLEADING = {
    "AWS_REGION": "ap-south-1",
    "AWS_DEFAULT_REGION": "ap-south-1",
    "AWS_ACCESS_KEY_ID": "environment-key",
    "AWS_SECRET_ACCESS_KEY": "environment-secret",
    "AWS_SESSION_TOKEN": "environment-token",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
    "AWS_ALLOW_HTTP": "false",
}


@dataclass
class Refusing:
    """An S3 that refuses every request and remembers who asked."""

    url: str = ""
    asked: list[tuple[str | None, str | None]] = field(default_factory=list)


@pytest.fixture
def refusing() -> Iterator[Refusing]:
    seen = Refusing()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            signed = re.search(
                r"Credential=([^/]+)/\d+/([^/]+)/", self.headers.get("Authorization", "")
            )
            seen.asked.append(
                (
                    f"{signed[1]} in {signed[2]}" if signed else None,
                    self.headers.get("x-amz-security-token"),
                )
            )
            body = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_PUT = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    seen.url = f"http://127.0.0.1:{server.server_port}"
    yield seen
    server.shutdown()
    thread.join()
    server.server_close()


def options(**given: str) -> S3Options:
    return S3Options(S3Settings.model_validate(given))


def test_boto3_and_polars_sign_with_the_given_credentials_and_no_others(
    refusing: Refusing, monkeypatch: pytest.MonkeyPatch
):
    for name, value in MISLEADING.items():
        monkeypatch.setenv(name, value)
    s3 = options(AWS_ENDPOINT_URL=refusing.url, **GIVEN)

    with pytest.raises(StorageError, match="AccessDenied"):
        S3Store("s3://bucket/prefix", s3).read("a")
    by_boto3 = list(refusing.asked)
    refusing.asked.clear()
    with pytest.raises(PermissionError):
        pl.scan_parquet("s3://bucket/a.parquet", storage_options=s3.polars, glob=False).collect()

    assert set(by_boto3) == {("given-key in eu-central-1", "given-token")}
    assert set(refusing.asked) == {("given-key in eu-central-1", "given-token")}


def test_a_refusal_of_s3_that_is_no_lost_condition_names_its_code_and_the_fix(refusing: Refusing):
    store = S3Store("s3://bucket/prefix", options(AWS_ENDPOINT_URL=refusing.url, **GIVEN))

    with pytest.raises(StorageError, match=r"(?s)AccessDenied.*renew the credentials"):
        store.write("a", b"1", if_absent=True)


def test_options_are_rendered_for_polars():
    s3 = options(AWS_ENDPOINT_URL="http://127.0.0.1:9000", **GIVEN)

    assert s3.polars == {
        "aws_region": "eu-central-1",
        "aws_endpoint_url": "http://127.0.0.1:9000",
        "aws_endpoint_url_s3": "http://127.0.0.1:9000",
        "aws_virtual_hosted_style_request": "false",
        "aws_allow_http": "true",
        "aws_access_key_id": "given-key",
        "aws_secret_access_key": "given-secret",
        "aws_session_token": "given-token",
    }


def test_http_is_allowed_only_to_an_endpoint_that_is_http():
    assert "aws_allow_http" not in options(AWS_ENDPOINT_URL="https://s3.example.com").polars


def test_without_credentials_the_chain_of_each_library_is_left_to_itself():
    s3 = options(AWS_REGION="eu-central-1")

    assert s3.polars == {"aws_region": "eu-central-1"}
    assert s3.resource.aws_access_key_id is None
    assert s3.resource.endpoint_url is None


def test_secrets_are_not_in_the_text_of_the_options():
    s3 = options(**GIVEN)

    assert "given" not in repr(s3) + str(vars(s3))
