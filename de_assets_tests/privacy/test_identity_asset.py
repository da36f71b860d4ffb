"""The identity table holds who the contacts are, for nobody but their keys."""

import polars as pl
import pytest

from de_assets.contracts.source_tables import CONTACTS
from de_assets.privacy.identity import SubjectKeys, decrypt_rows
from de_assets_tests.privacy.contacts_shop import DAYS, FIRST, ContactsShop

KEY = "identity/contacts"


@pytest.fixture(scope="module")
def shop(tmp_path_factory, instance) -> ContactsShop:
    return ContactsShop(tmp_path_factory.mktemp("shop"), instance).ingest_all()


def plain(shop: ContactsShop) -> pl.DataFrame:
    keys = SubjectKeys(shop.lake.objects, shop.keyring).read()
    return decrypt_rows(shop.table(KEY), keys, KEY, CONTACTS.direct_identifiers)


def test_the_identity_table_has_the_latest_version_of_each_contact_and_day(shop):
    rows = plain(shop).select("contact_id", "email", "last_name", "phone", "company", "dt")

    assert [(*row[:-1], str(row[-1])) for row in rows.rows()] == [
        ("101", "Ada@Example.com", "Byron", "+49 30 901820", None, "2026-01-21"),
        ("102", "bob@example.com", None, "+49 30 901821", "Bob & Co", "2026-01-21"),
        ("103", "cyd@example.com", None, None, None, "2026-01-21"),
        ("101", "ada@example.com", "Lovelace", "+4930901820", None, "2026-01-22"),
        ("104", "dan@example.com", None, "+49 30 901824", None, "2026-01-22"),
    ]


def test_it_keeps_the_version_that_the_cleaning_keeps(shop):
    held = plain(shop).select(
        "contact_id",
        "dt",
        token=pl.col("email").map_elements(shop.keyring.token, return_dtype=pl.String),
    )
    cleaned = shop.table("cleaned/contacts").select("contact_id", "dt", "email_token")

    both = cleaned.join(held, on=["contact_id", "dt"])

    assert both.height == cleaned.height == 4
    assert both["token"].to_list() == both["email_token"].to_list()


def test_nothing_of_it_can_be_read_without_the_keys(shop):
    root = shop.lake.objects.root
    values = ("byron", "lovelace", "example.com", "901820")

    for info in shop.lake.objects.list("identity/"):
        content = shop.lake.objects.read(info.key)[0]
        text = content.lower()
        if info.key.startswith(KEY):
            text = str(pl.read_parquet(f"{root}/{info.key}").rows()).lower().encode()
        assert not [value for value in values if value.encode() in text], info.key


def test_rows_that_name_nobody_are_left_out_and_counted(tmp_path, instance):
    shop = ContactsShop(tmp_path, instance)

    result = shop.ingest("2026-01-21", *FIRST)

    metadata = next(
        event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key.to_user_string() == KEY
    )
    assert metadata["rows_without_a_contact"].value == 1
    assert metadata["rows"].value == 3


def test_materializing_again_makes_the_same_bytes(shop, tmp_path):
    before = {i.key: shop.lake.objects.read(i.key)[0] for i in shop.lake.objects.list(KEY)}

    for day, lines in DAYS.items():
        assert shop.ingest(day, *lines).success

    after = {i.key: shop.lake.objects.read(i.key)[0] for i in shop.lake.objects.list(KEY)}
    assert after == before


def test_a_day_without_contacts_is_an_empty_partition(tmp_path, instance):
    shop = ContactsShop(tmp_path, instance)

    assert shop.ingest("2026-01-21").success

    assert shop.table(KEY).height == 0
