"""A history in a directory and on S3, a webhook that listens, small assets and their sensor."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from de_assets.incidents.history import IncidentHistory
from de_assets.settings import S3Settings
from de_assets.storage.objects import LocalStore, ObjectStore, open_store
from de_assets.storage.s3 import S3Options
from de_assets_tests.incidents.receiver import Receiver, receiving
from de_assets_tests.incidents.small import Small
from de_assets_tests.incidents.tower import Tower

NO_AWS = S3Settings.model_validate({})


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "local":
        return open_store(tmp_path / "lake", S3Options(NO_AWS))
    uri = request.getfixturevalue("s3_lake_uri")
    return open_store(uri, request.getfixturevalue("s3_options"))


@pytest.fixture
def local_store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")


@pytest.fixture
def history(local_store: LocalStore) -> IncidentHistory:
    return IncidentHistory(local_store)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as listening:
        yield listening


@pytest.fixture
def small():
    with dg.DagsterInstance.ephemeral() as instance:
        yield Small(instance)


@pytest.fixture
def tower(small, history, receiver):
    return Tower(small, history, receiver.url)
