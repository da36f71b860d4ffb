"""What every folder's tests may ask for: a clean environment, an S3 server, a Dagster instance."""

import os
from collections.abc import Iterator
from itertools import count

import dagster as dg
import pytest
from hypothesis import settings

from de_assets.settings import S3Settings
from de_assets.storage.s3 import S3Options

# The same examples on every run and machine, and no verdict by the clock.
settings.register_profile("project", derandomize=True, deadline=None)
settings.load_profile("project")

STRIPPED = ("AWS_", "DE_ASSETS_", "CRM_")
_numbers = count()


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """Only what a test passes in can carry credentials or settings."""
    with pytest.MonkeyPatch.context() as environment:
        for name in list(os.environ):  # noqa: TID251  to take from it
            if name.startswith(STRIPPED):
                environment.delenv(name)
        # Without credentials boto3 would ask a machine on the network for them.
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Settings]:
    """A real S3 over HTTP on a free port; the settings that reach it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield S3Settings.model_validate(
        {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test-key",
            "AWS_SECRET_ACCESS_KEY": "test-secret",
        }
    )
    server.stop()


@pytest.fixture(scope="session")
def s3_options(s3_server: S3Settings) -> S3Options:
    """The options of that server, for `Lake`, `open_store` and direct calls of its client."""
    return S3Options(s3_server)


@pytest.fixture
def s3_lake_uri(s3_options: S3Options) -> str:
    """A prefix in a bucket that no other test uses."""
    bucket = f"lake-{next(_numbers)}"
    s3_options.client.create_bucket(Bucket=bucket)
    return f"s3://{bucket}/prefix"


@pytest.fixture(scope="session")
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's records in memory."""
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral
