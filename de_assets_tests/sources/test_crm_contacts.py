"""Contacts as they come out of the CRM: the rows of raw/contacts, whatever we wrote there."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl
import pytest

from de_assets.contracts.audit import audit
from de_assets.contracts.raw import RAW
from de_assets.crm.client import Change, CrmClient
from de_assets.crm.ledger import Ledger
from de_assets.crm.plan import make_plan
from de_assets.crm.push import ensure_properties, push
from de_assets.crm.score_properties import CONTACT_KEY, definitions
from de_assets.sources.crm_contacts import PROPERTIES, all_contacts, changed_contacts
from de_assets.storage.objects import LocalStore
from de_assets_tests.crm.leads import Portal, contacts_of, running_portal, scores_of

MONDAY, TUESDAY, WEDNESDAY = date(2011, 5, 2), date(2011, 5, 3), date(2011, 5, 4)
ADA = {
    "email": "ada@example.com",
    "firstname": "Ada",
    "lastname": "Lovelace",
    "phone": "+44 1",
    "company": "Engines",
    "country": "United Kingdom",
    "lifecyclestage": "customer",
}


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    with running_portal(tmp_path / "crm.db") as running:
        _set_clock(running, MONDAY)
        yield running


@pytest.fixture
def client(portal: Portal) -> Iterator[CrmClient]:
    with portal.client() as own:
        ensure_properties(own)
        yield own


def _set_clock(portal: Portal, day: date, at: time = time(9)) -> None:
    portal.clock.now = datetime.combine(day, at, UTC)


def _add(client: CrmClient, key: str, **properties: str) -> str:
    return client.upsert([Change(key, None, properties)], CONTACT_KEY).acknowledged[key]


def _add_without_our_key(client: CrmClient, email: str) -> str:
    return client.upsert([Change(email, None, {})], "email").acknowledged[email]


def _as_published(frame: pl.DataFrame) -> pl.DataFrame:
    """With the moment of reading, which the raw asset adds."""
    return frame.with_columns(_ingested_at=pl.lit(MONDAY).cast(pl.Datetime("us")))


def test_the_rows_are_those_of_raw_contacts(client: CrmClient) -> None:
    _add(client, "a", **ADA)

    for frame in (all_contacts(client, MONDAY, {}), changed_contacts(client, [MONDAY], {})):
        expected = set(RAW["contacts"].to_schema().columns) - {"_ingested_at"} | {"dt"}
        assert set(frame.columns) == expected
        published = _as_published(frame).select(*RAW["contacts"].to_schema().columns, "dt")
        verdict = audit(RAW["contacts"], published)
        assert verdict.structural == ()
        assert verdict.failing == {}


def test_a_contact_arrives_as_the_crm_wrote_it(client: CrmClient) -> None:
    crm_id = _add(client, "a", **ADA)

    (row,) = all_contacts(client, TUESDAY, {}).iter_rows(named=True)

    assert row == {
        "contact_id": "a",
        "crm_id": crm_id,
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "phone": "+44 1",
        "company": "Engines",
        "country": "United Kingdom",
        "channel": None,
        "lifecycle_stage": "customer",
        "created_at": "2011-05-02T09:00:00.000Z",
        "modified_at": "2011-05-02T09:00:00.000Z",
        "_extra": None,
        "_source": "crm",
        "_source_row": 1,
        "_batch": "crm 2011-05-03",
        "dt": TUESDAY,
    }


def test_contacts_without_our_key_are_known_by_the_crms(client: CrmClient) -> None:
    without = _add_without_our_key(client, "new@example.com")
    client.create_property(
        {
            "name": "shop_number",
            "label": "Shop number",
            "groupName": "contactinformation",
            "type": "string",
            "fieldType": "text",
        }
    )
    blank = _add(client, "b", shop_number=" ")
    _add(client, "c", shop_number="17")

    keyed = all_contacts(client, MONDAY, {})["contact_id"].to_list()
    mapped = all_contacts(client, MONDAY, {"contact_id": "shop_number"})["contact_id"].to_list()

    assert keyed == [f"crm-{without}", "b", "c"]
    assert mapped == [f"crm-{without}", f"crm-{blank}", "17"]


def test_each_day_has_the_contacts_that_changed_on_it(portal: Portal, client: CrmClient) -> None:
    for day, at, key in (
        (MONDAY, time(23, 59, 59, 999_000), "late on monday"),
        (TUESDAY, time(0), "at midnight"),
        (TUESDAY, time(12), "at noon"),
        (WEDNESDAY, time(0), "on wednesday"),
    ):
        _set_clock(portal, day, at)
        _add(client, key)

    frame = changed_contacts(client, [MONDAY, TUESDAY], {})

    assert frame.select("dt", "contact_id", "_source_row").rows() == [
        (MONDAY, "late on monday", 1),
        (TUESDAY, "at midnight", 1),
        (TUESDAY, "at noon", 2),
    ]


def test_days_without_changes_have_no_rows_but_the_same_columns(client: CrmClient) -> None:
    _add(client, "a")

    nothing = changed_contacts(client, [WEDNESDAY], {})
    no_days = changed_contacts(client, [], {})

    assert nothing.is_empty()
    assert no_days.is_empty()
    assert nothing.schema == no_days.schema == all_contacts(client, MONDAY, {}).schema


def test_a_full_sweep_has_everybody_whenever_they_changed(
    portal: Portal, client: CrmClient
) -> None:
    _add(client, "a")
    _set_clock(portal, TUESDAY)
    _add(client, "b")

    frame = all_contacts(client, WEDNESDAY, {})

    assert frame["contact_id"].to_list() == ["a", "b"]
    assert set(frame["dt"]) == {WEDNESDAY}


def test_our_own_write_back_changes_nothing_but_when_a_contact_was_modified(
    portal: Portal, client: CrmClient, tmp_path: Path
) -> None:
    crm_id = _add(client, "a", **ADA)
    before = all_contacts(client, MONDAY, {})
    ledger = Ledger(LocalStore(tmp_path / "lake"))
    plan = make_plan(
        scores_of(MONDAY, {"a": 57}),
        contacts_of({"a": crm_id}),
        ledger.read().lazy(),
        "update_only",
    )
    portal.clock.now += timedelta(hours=1)
    push(client, plan.collect(), ledger, "run-0001")

    after = all_contacts(client, MONDAY, {})

    assert after.drop("modified_at").equals(before.drop("modified_at"))
    assert after["modified_at"].to_list() != before["modified_at"].to_list()


def test_score_properties_are_never_asked_for(portal: Portal, client: CrmClient) -> None:
    _add(client, "a")
    portal.layer.calls.clear()

    changed_contacts(client, [MONDAY], {})
    all_contacts(client, MONDAY, {})

    searched, listed = portal.layer.calls
    assert searched.body["properties"] == list(PROPERTIES.values())
    for definition in definitions():
        assert definition["name"] not in searched.body["properties"]
        assert definition["name"] not in listed.query


def test_the_sources_file_may_name_other_properties(client: CrmClient) -> None:
    _add(client, "a", firstname="Ada", lastname="Lovelace")

    (row,) = all_contacts(client, MONDAY, {"company": "lastname"}).iter_rows(named=True)

    assert (row["company"], row["last_name"], row["first_name"]) == ("Lovelace", "Lovelace", "Ada")
