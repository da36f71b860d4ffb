"""A receiver, and the ledgers of the CRM and of a further destination."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from de_assets.crm.destinations.webhook import Webhook
from de_assets.crm.ledger import Ledger
from de_assets.storage.objects import LocalStore
from de_assets_tests.crm.destinations.receiver import TOKEN, Receiver, receiving
from de_assets_tests.crm.destinations.sending import NAME
from de_assets_tests.crm.leads import TUESDAY


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def webhook(receiver: Receiver, pauses: list[float]) -> Iterator[Webhook]:
    destination = Webhook(NAME, receiver.url, TOKEN, TUESDAY, batch_size=4, sleep=pauses.append)
    yield destination
    destination.close()


@pytest.fixture
def lake(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")


@pytest.fixture
def crm_ledger(lake: LocalStore) -> Ledger:
    return Ledger(lake)


@pytest.fixture
def ledger(lake: LocalStore) -> Ledger:
    return Ledger(lake, destination=NAME)
