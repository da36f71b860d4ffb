"""Servers for the tests of the mock CRM: one shared by a module, one fresh for a test."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Protocol

import pytest

from de_assets.crm.mock import running_crm
from de_assets_tests.crm.mock.api import SCORE_PROPERTIES, TOKEN, Api, Clock


class NewEmail(Protocol):
    """Returns an e-mail address that no other test uses."""

    def __call__(self) -> str: ...


_numbers = count()


@pytest.fixture
def new_email() -> NewEmail:
    return lambda: f"contact-{next(_numbers)}@example.com"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server shared by the tests of a module, each of which uses contacts of its own."""
    with running_crm(tmp_path_factory.mktemp("crm") / "crm.db", TOKEN) as crm:
        shared = Api(crm.base_url)
        shared.define(*SCORE_PROPERTIES)
        yield shared
        shared.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def empty_api(tmp_path: Path, clock: Clock) -> Iterator[Api]:
    """A server of one test, with a clock that stands still."""
    with running_crm(tmp_path / "crm.db", TOKEN, clock=clock) as crm:
        own = Api(crm.base_url)
        own.define(*SCORE_PROPERTIES)
        yield own
        own.close()
