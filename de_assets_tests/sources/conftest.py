"""Landings, and an S3 server over HTTP that only the tested code can reach with its options."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from de_assets.settings import S3Settings
from de_assets.storage.s3 import S3Options
from de_assets_tests.sources.landing import Landing


@pytest.fixture(autouse=True)
def _no_aws_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):  # noqa: TID251  to empty it of what could help
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str) -> S3Options:
    return S3Options(
        S3Settings.model_validate(
            {
                "AWS_ENDPOINT_URL": s3_server,
                "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": "secret",
            }
        )
    )


@pytest.fixture
def bucket(s3: S3Options) -> Iterator[Any]:
    """An empty bucket named `drop`."""
    s3.client.create_bucket(Bucket="drop")
    yield "drop"
    for page in s3.client.get_paginator("list_objects_v2").paginate(Bucket="drop"):
        for item in page.get("Contents", []):
            s3.client.delete_object(Bucket="drop", Key=item["Key"])
    s3.client.delete_bucket(Bucket="drop")
