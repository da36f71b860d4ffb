"""Standing in a CRM for a shop that published none."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from de_assets.crm.client import Contact
from de_assets.errors import SourcesError
from de_assets.sandbox.stand_in import create_contacts, is_on_this_machine, stand_in_contacts
from de_assets.settings import Settings
from de_assets.sources.catalog import SourceCatalog
from de_assets.sources.config import Sources
from de_assets.storage.objects import LocalStore
from de_assets.storage.s3 import S3Options
from de_assets_tests.crm.leads import Portal, by_key, running_portal
from de_assets_tests.crm.mock.api import TOKEN

HEADER = "order_id,product_id,quantity,ordered_at,unit_price,contact_id,country"


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    with running_portal(tmp_path / "crm.db") as running:
        yield running


def _catalog(directory: Path, url: str, *lines: str) -> SourceCatalog:
    """A shop with these order lines, given as day, contact and country."""
    landing = directory / "landing"
    landing.mkdir(exist_ok=True)
    rows = [
        f"A{number},P1,1,{day} 09:00:00,1.50,{contact},{country}"
        for number, (day, contact, country) in enumerate(line.split(",") for line in lines)
    ]
    (landing / "orders.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return _opened(directory, url, {"url": str(landing)})


def _opened(directory: Path, url: str, order_lines: dict[str, object] | None) -> SourceCatalog:
    sources = Sources.model_validate(
        {
            "calendar": {"start": date(2011, 1, 1), "end": date(2011, 12, 31)},
            "currency": "gbp",
            "order_lines": order_lines,
            "contacts": {"url": url},
        }
    )
    settings = Settings.model_validate({"CRM_ACCESS_TOKEN": TOKEN})
    return SourceCatalog(sources, settings, S3Options(settings.s3), LocalStore(directory / "lake"))


def _held(portal: Portal) -> dict[str | None, Contact]:
    with portal.client() as client:
        names = ["customer_id", "email", "firstname", "lastname", "country", "createdate"]
        contacts = list(client.list_contacts(names))
    held = by_key(contacts)
    assert len(held) == len(contacts)
    return held


def test_each_customer_of_the_orders_becomes_one_contact(tmp_path: Path, portal: Portal) -> None:
    catalog = _catalog(
        tmp_path,
        portal.base_url,
        "2011-05-02,17850,France",
        "2011-05-02,17850.0,France",
        "2011-12-30,17850,Spain",
        "2011-05-03, 12346 ,",
        "2011-05-03,,Italy",
    )
    seen: list[tuple[int, int]] = []

    created = stand_in_contacts(catalog, lambda done, total: seen.append((done, total)))

    held = _held(portal)
    assert created == 2
    assert seen == [(2, 2)]
    assert set(held) == {"17850", "12346"}
    assert held["17850"].properties["email"] == "customer-17850@example.com"
    assert held["17850"].properties["country"] == "France"
    assert held["17850"].properties["lastname"] == "17850"
    assert held["12346"].properties["country"] is None


def test_standing_in_again_changes_nothing(tmp_path: Path, portal: Portal) -> None:
    catalog = _catalog(tmp_path, portal.base_url, "2011-05-02,17850,France")
    stand_in_contacts(catalog)
    before = _held(portal)
    portal.layer.calls.clear()

    assert stand_in_contacts(catalog) == 0
    assert portal.layer.writes == []
    assert _held(portal) == before


def test_only_customers_that_the_crm_lacks_are_added(tmp_path: Path, portal: Portal) -> None:
    stand_in_contacts(_catalog(tmp_path, portal.base_url, "2011-05-02,AB,France"))
    (tmp_path / "later").mkdir()
    later = _catalog(tmp_path / "later", portal.base_url, "2011-05-02,AB,X", "2011-05-03,ab,X")

    assert stand_in_contacts(later) == 1

    held = _held(portal)
    assert held["AB"].properties["country"] == "France"
    assert held["AB"].properties["email"] == "customer-ab@example.com"
    assert held["ab"].properties["email"] != "customer-ab@example.com"


def test_ids_that_make_no_address_or_the_same_one_get_addresses_all_the_same(
    tmp_path: Path, portal: Portal
) -> None:
    ids = ["Abc", "aBC", "two words", "me@home", "x" * 70, "..", "Müller", "a..b", "plain.name_1"]
    lines = [f"2011-05-02,{contact},France" for contact in ids]

    created = stand_in_contacts(_catalog(tmp_path, portal.base_url, *lines))

    held = _held(portal)
    emails = [contact.properties["email"] or "" for contact in held.values()]
    assert created == len(ids)
    assert set(held) == set(ids)
    assert len(set(emails)) == len(ids)
    assert held["plain.name_1"].properties["email"] == "customer-plain.name_1@example.com"
    for email in emails:
        local, _, domain = email.partition("@")
        assert domain == "example.com"
        assert local.isascii()
        assert len(local) <= 64
        assert all(
            part and part.replace("-", "").replace("_", "").isalnum() for part in local.split(".")
        )


def test_more_customers_than_a_batch_holds_arrive_whole(tmp_path: Path, portal: Portal) -> None:
    lines = [f"2011-0{1 + n % 9}-02,{10_000 + n},France" for n in range(130)]

    assert stand_in_contacts(_catalog(tmp_path, portal.base_url, *lines)) == 130
    assert len(_held(portal)) == 130


def test_a_shop_without_order_lines_stands_in_nobody(tmp_path: Path, portal: Portal) -> None:
    (tmp_path / "landing").mkdir()
    empty = _opened(tmp_path, portal.base_url, {"url": str(tmp_path / "landing")})

    assert stand_in_contacts(empty) == 0
    with pytest.raises(SourcesError, match="no order lines"):
        stand_in_contacts(_opened(tmp_path, portal.base_url, None))


@pytest.mark.parametrize(
    "url",
    [
        "https://api.hubapi.com",
        "http://10.0.0.7:8090",
        "http://127.0.0.1.example.com",
        "http://0.0.0.0",
    ],
)
def test_a_crm_that_is_not_on_this_machine_is_refused_before_anything_is_sent(
    tmp_path: Path, url: str
) -> None:
    catalog = _catalog(tmp_path, url, "2011-05-02,17850,France")

    with pytest.raises(SourcesError, match="nothing was written") as caught:
        stand_in_contacts(catalog)

    assert "stand_in_from" in caught.value.fix
    assert not is_on_this_machine(url)


@pytest.mark.parametrize(
    "url",
    ["http://localhost:8090", "http://127.0.0.1:8090", "http://127.8.9.1", "http://[::1]:8090"],
)
def test_loopback_addresses_are_this_machine(url: str) -> None:
    assert is_on_this_machine(url)


def test_no_address_is_not_this_machine() -> None:
    assert not is_on_this_machine("")


def test_a_contact_keeps_its_date_of_creation(portal: Portal) -> None:
    contact = {"contact_id": "a", "created_at": datetime(2010, 1, 2, 3, 4, 5, tzinfo=UTC)}

    with portal.client() as client:
        portal.fill(client, [])
        created = create_contacts(client, [contact])

    assert created == 1
    assert _held(portal)["a"].properties["createdate"] == "2010-01-02T03:04:05.000Z"


def test_a_contact_that_the_crm_refuses_is_told_by_its_code_and_not_by_its_values(
    portal: Portal,
) -> None:
    contact = {"contact_id": "a", "email": "no address at all"}

    with portal.client() as client:
        portal.fill(client, [])
        with pytest.raises(SourcesError, match="INVALID_EMAIL") as caught:
            create_contacts(client, [contact])

    assert "no address at all" not in str(caught.value)
