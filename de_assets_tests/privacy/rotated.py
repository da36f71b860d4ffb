"""Lakes before and after a rotation, and how to tell that it went well."""

from polars.testing import assert_frame_equal

from de_assets.contracts.source_tables import CONTACTS
from de_assets.privacy.audit_log import AuditLog
from de_assets.privacy.identity import SubjectKeys, decrypt_rows
from de_assets.privacy.rotation import Rotation, rotate_keys
from de_assets.storage.lake import Lake
from de_assets_tests.privacy.contacts_shop import TOKEN_TABLES, ContactsShop, content
from de_assets_tests.privacy.rings import NEW, OLD, keyring

IDENTITY = "identity/contacts"


def rotated(lake: Lake, current: str = NEW, previous: str = OLD) -> Rotation:
    ring = keyring(current, previous)
    return rotate_keys(lake, ring, AuditLog(lake.objects, ring, actor="anna"))


def emails(lake: Lake, ring) -> list[str | None]:
    keys = SubjectKeys(lake.objects, ring).read()
    return decrypt_rows(content(lake, IDENTITY), keys, IDENTITY, CONTACTS.direct_identifiers)[
        "email"
    ].to_list()


def is_as_if_always_new(lake: Lake, under_new: ContactsShop) -> bool:
    for key in TOKEN_TABLES:
        assert_frame_equal(content(lake, key), under_new.table(key))
    assert emails(lake, keyring(NEW))[0] == "Ada@Example.com"
    assert AuditLog(lake.objects, keyring(NEW)).verify().is_intact
    return True


def forget_what_identifies_on(lake: Lake, day: str) -> None:
    """As retention does: the tokens of that day are nobody's, but for contacts seen later."""
    for key in ("raw/contacts", IDENTITY):
        lake.objects.delete(f"{key}/dt={day}/part-0.parquet")
