"""A rotation that is killed, overtaken or given the wrong key does no harm."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from de_assets.errors import SettingsError, StorageError
from de_assets.privacy.audit_log import AuditLog
from de_assets.privacy.identity import SubjectKeys
from de_assets.privacy.keys import Keyring, MasterKey
from de_assets.privacy.rotation import rotate_keys
from de_assets.storage.lake import Lake
from de_assets.storage.objects import LocalStore
from de_assets.storage.versions import PurgeRefusedError
from de_assets_tests.privacy.contacts_shop import TOKEN_TABLES, content
from de_assets_tests.privacy.rings import NEW, OLD, THIRD, keyring
from de_assets_tests.privacy.rotated import forget_what_identifies_on, is_as_if_always_new, rotated
from de_assets_tests.privacy.stores import Dying, KilledError


@pytest.mark.parametrize("writes", range(8))
def test_a_rotation_that_was_killed_anywhere_is_completed_by_the_next(lake, s3_options, writes):
    forget_what_identifies_on(lake, "2026-01-21")
    reference = Path(lake.objects.root).with_name("reference")
    shutil.copytree(lake.objects.root, reference)
    rotated(Lake(str(reference), s3_options))
    whole = lake.objects
    lake.objects = Dying(Path(whole.root), writes)

    with pytest.raises(KilledError):
        rotated(lake)
    lake.objects = whole
    rotated(lake)

    for key in TOKEN_TABLES:
        assert_frame_equal(content(lake, key), content(Lake(str(reference), s3_options), key))
    assert AuditLog(lake.objects, keyring(NEW)).verify().is_intact
    assert SubjectKeys(lake.objects, keyring(NEW)).read()


@pytest.mark.parametrize(
    ("previous", "fix"),
    [(None, "set it to the old key"), (THIRD, "the key that this lake was written with")],
)
def test_a_wrong_key_before_changes_nothing(lake, previous, fix):
    before = {info.key: info.version for info in lake.objects.list()}
    ring = keyring(NEW, previous)

    with pytest.raises(SettingsError, match=fix):
        rotate_keys(lake, ring, AuditLog(lake.objects, ring))

    assert {info.key: info.version for info in lake.objects.list()} == before


def test_the_key_in_use_cannot_be_the_key_before(lake):
    ring = Keyring(MasterKey(lambda: OLD), MasterKey(lambda: OLD))

    with pytest.raises(SettingsError, match="is the key in use"):
        rotate_keys(lake, ring, AuditLog(lake.objects, ring))


def test_an_empty_lake_is_rotated_too(tmp_path, s3_options):
    done = rotated(Lake(str(tmp_path / "empty"), s3_options))

    assert (done.subject_keys, done.files, done.tokens) == (0, 0, 0)


class Busy(LocalStore):
    """A store in which a run writes a table just before its tokens are replaced: its first row."""

    def __init__(self, root: Path, times: int) -> None:
        super().__init__(root)
        self.left = times

    def write(self, key, data, **conditions):
        if key.startswith("cleaned/") and self.left:
            self.left -= 1
            path = self.url(key)
            pl.read_parquet(path, hive_partitioning=False).head(1).write_parquet(
                path, metadata={"run": str(self.left)}
            )
        return super().write(key, data, **conditions)


def test_a_file_that_a_run_wrote_meanwhile_is_looked_at_again(lake, under_new):
    lake.objects = Busy(Path(lake.objects.root), 2)

    rotated(lake)

    first_rows = under_new.table("cleaned/contacts").group_by("dt", maintain_order=True).head(1)
    found = content(lake, "cleaned/contacts")
    assert_frame_equal(found, first_rows.select(found.columns))


def test_a_file_that_a_run_wrote_under_the_new_key_is_left_alone(lake, under_new):
    day = lake.days("cleaned/contacts")[0]
    written, _ = under_new.lake.objects.read(f"cleaned/contacts/dt={day}/part-0.parquet")
    lake.objects.write(f"cleaned/contacts/dt={day}/part-0.parquet", written)

    done = rotated(lake)

    assert is_as_if_always_new(lake, under_new)
    assert done.orphaned_tokens == 0
    assert lake.objects.read(f"cleaned/contacts/dt={day}/part-0.parquet")[0] == written


def test_runs_that_keep_writing_are_to_be_stopped(lake):
    lake.objects = Busy(Path(lake.objects.root), 100)

    with pytest.raises(StorageError, match="stop schedules, sensors and runs"):
        rotated(lake)


class Keeping(LocalStore):
    """A store that keeps older versions whatever it is told."""

    def purge(self, prefix="", **conditions):  # noqa: ARG002  the protocol's
        raise PurgeRefusedError("old versions cannot be removed (AccessDenied)")


def test_where_older_versions_cannot_be_removed_all_else_is_done_and_it_says_so(lake, under_new):
    lake.objects = Keeping(Path(lake.objects.root))

    with pytest.raises(PurgeRefusedError, match="old versions cannot be removed"):
        rotated(lake)

    assert is_as_if_always_new(lake, under_new)
    assert AuditLog(lake.objects, keyring(NEW)).verify().entries[-1].action == "vouch"


def test_a_file_of_an_earlier_contract_may_lack_a_column(lake, under_new):
    key = "cleaned/contacts"
    for day in lake.days(key):
        path = lake.url(key, day)
        pl.read_parquet(path, hive_partitioning=False).drop("phone_token").write_parquet(path)

    rotated(lake)

    assert_frame_equal(content(lake, key), under_new.table(key).drop("phone_token"))
