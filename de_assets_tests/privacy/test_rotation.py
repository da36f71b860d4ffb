"""After a rotation everything is as if the new key had been there from the start."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from de_assets.contracts.source_tables import CONTACTS
from de_assets.errors import SettingsError
from de_assets.privacy.audit_log import AuditLog
from de_assets.privacy.identity import SubjectKeys
from de_assets.privacy.stored_keys import stored_key
from de_assets.privacy.token_map import token_columns
from de_assets.settings import Settings
from de_assets.storage.s3 import S3Options
from de_assets_tests.privacy.contacts_shop import DAYS, ContactsShop, content
from de_assets_tests.privacy.rings import NEW, OLD, THIRD, keyring
from de_assets_tests.privacy.rotated import forget_what_identifies_on, is_as_if_always_new, rotated

NO_S3 = S3Options(Settings.from_env({}).s3)
IDENTITY = "identity/contacts"


def test_tokens_are_declared_where_they_are_made_and_found_there():
    assert token_columns()["cleaned/contacts"] == ("email_token", "phone_token")
    assert token_columns()["quarantine/contacts"] == CONTACTS.direct_identifiers
    assert not any(key.startswith(("raw/", "identity/")) for key in token_columns())


def test_after_a_rotation_all_is_as_if_the_new_key_had_always_been_there(lake, under_new):
    before = stored_key(lake.objects, keyring(OLD), "tombstones")

    done = rotated(lake)

    assert is_as_if_always_new(lake, under_new)
    assert stored_key(lake.objects, keyring(NEW), "tombstones") == before
    # Two days of cleaned, and one that has rows in quarantine.
    assert (done.subject_keys, done.stored_keys, done.files) == (4, 1, 3)
    assert done.orphaned_tokens == 0


def test_after_a_rotation_the_old_key_opens_nothing(lake):
    rotated(lake)

    for read in (
        lambda: SubjectKeys(lake.objects, keyring(OLD)).read(),
        lambda: stored_key(lake.objects, keyring(OLD), "tombstones"),
    ):
        with pytest.raises(SettingsError, match=keyring(NEW).key_id):
            read()
    tokens = {keyring(OLD).token(one) for one in ("ada@example.com", "4930901820")}
    assert not tokens & set(content(lake, "cleaned/contacts")["email_token"])


def test_ingesting_after_a_rotation_goes_on_where_it_was(lake, under_new, tmp_path, instance):
    rotated(lake)
    shop = ContactsShop(tmp_path / "shop", instance, NEW, lake=lake.objects.root)

    for day, lines in DAYS.items():
        assert shop.ingest(day, *lines).success

    assert is_as_if_always_new(lake, under_new)


def test_a_second_rotation_of_the_same_keys_changes_no_file(lake):
    rotated(lake)
    before = {i.key: i.version for i in lake.objects.list() if not i.key.startswith("audit/")}

    again = rotated(lake)

    after = {i.key: i.version for i in lake.objects.list() if not i.key.startswith("audit/")}
    assert after == before
    assert (again.subject_keys, again.stored_keys, again.files, again.tokens) == (0, 0, 0, 0)


def test_rotating_once_more_and_back_is_possible(lake, under_new):
    rotated(lake, THIRD, OLD)
    rotated(lake, OLD, THIRD)
    rotated(lake, NEW, OLD)

    assert is_as_if_always_new(lake, under_new)


def test_a_token_whose_value_nobody_holds_stays_linkable_and_is_of_neither_key(lake, under_new):
    forget_what_identifies_on(lake, "2026-01-21")
    before = content(lake, "cleaned/contacts")

    done = rotated(lake)

    after = content(lake, "cleaned/contacts")
    # Ada is known from the second day; of Bob, Cyd and the one without a number nobody holds the
    # address any more, nor Bob's telephone or the first names of the two in quarantine.
    assert done.orphaned_tokens == 6
    known = under_new.table("cleaned/contacts")
    is_bob = pl.col("contact_id") == "102"
    assert_frame_equal(after.filter(~is_bob), known.filter(~is_bob))
    bobs = [frame.filter(is_bob)["email_token"].item() for frame in (before, after, known)]
    assert len(set(bobs)) == 3
    assert len(bobs[1]) == len(bobs[0])


def test_the_identity_table_knows_what_raw_no_longer_holds(lake, under_new):
    for day in DAYS:
        lake.objects.delete(f"raw/contacts/dt={day}/part-0.parquet")

    done = rotated(lake)

    assert_frame_equal(content(lake, "cleaned/contacts"), under_new.table("cleaned/contacts"))
    # But for the row in quarantine that named no contact: an address and a first name.
    assert done.orphaned_tokens == 2


def test_a_rotation_stands_in_the_audit_log_with_its_counts(lake):
    done = rotated(lake)

    found = AuditLog(lake.objects, keyring(NEW)).verify()
    assert [entry.action for entry in found.entries] == ["erase", "rotate_keys", "vouch"]
    assert found.entries[-1].actor == "anna"
    assert found.entries[-1].details["files"] == done.files
    assert found.head == done.head


def test_on_a_versioned_bucket_no_older_version_is_of_the_old_key(
    tmp_path, instance, under_new, s3_server, s3_options, s3_lake_uri
):
    bucket = s3_lake_uri.removeprefix("s3://").partition("/")[0]
    s3_options.client.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    shop = ContactsShop(tmp_path / "shop", instance, lake=s3_lake_uri, s3=s3_server).ingest_all()

    done = rotated(shop.lake)

    assert is_as_if_always_new(shop.lake, under_new)
    assert done.purged_versions >= done.files
    versions = s3_options.client.list_object_versions(Bucket=bucket)["Versions"]
    kept = [each["Key"] for each in versions if not each["IsLatest"]]
    assert not [key for key in kept if "/_keys/" in key or "cleaned/" in key]
