"""A running CRM behind a layer of faults, and a client of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from de_assets.crm.client import CrmClient
from de_assets.crm.ledger import Ledger
from de_assets.storage.objects import LocalStore, ObjectStore, open_store
from de_assets.storage.s3 import S3Options
from de_assets_tests.crm.leads import Portal, running_portal


@pytest.fixture(scope="session")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with running_portal(tmp_path_factory.mktemp("crm") / "crm.db") as running:
        yield running


@pytest.fixture
def portal(_running: Portal) -> Portal:
    """A CRM without contacts; one server for all tests, since starting one takes longest."""
    _running.empty()
    return _running


@pytest.fixture
def new_portal(tmp_path: Path) -> Iterator[Portal]:
    """A CRM in which nothing was ever defined."""
    with running_portal(tmp_path / "crm.db") as running:
        yield running


@pytest.fixture
def client(portal: Portal) -> Iterator[CrmClient]:
    with portal.client() as own:
        yield own


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(LocalStore(tmp_path / "lake"))


@pytest.fixture(params=["directory", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "directory":
        return LocalStore(tmp_path)
    options: S3Options = request.getfixturevalue("s3_options")
    return open_store(request.getfixturevalue("s3_lake_uri"), options)
