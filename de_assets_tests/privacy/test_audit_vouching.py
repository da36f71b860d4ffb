"""The audit log stays verifiable when its key is taken out of service."""

import pytest

from de_assets.errors import StorageError
from de_assets_tests.privacy.logs import ENTRIES, changed, filled, key, log_of
from de_assets_tests.privacy.rings import NEW, OLD, THIRD, keyring


def test_after_a_rotation_the_new_key_alone_verifies_the_whole_log(objects):
    filled(objects)
    both = log_of(objects, keyring(NEW, OLD))
    assert both.needs_vouching()

    vouched = both.vouch({"files": 2})

    assert vouched.details == {"files": 2, "entries": ENTRIES}
    assert not both.needs_vouching()
    alone = log_of(objects, keyring(NEW))
    alone.append("erase")
    assert alone.verify().is_intact
    assert not log_of(objects, keyring(OLD)).verify().is_intact


def test_after_two_rotations_the_newest_key_alone_verifies_the_whole_log(local_objects):
    filled(local_objects)
    log_of(local_objects, keyring(NEW, OLD)).vouch()
    log_of(local_objects, keyring(THIRD, NEW)).vouch()

    assert log_of(local_objects, keyring(THIRD)).verify().is_intact


@pytest.mark.parametrize("number", range(1, ENTRIES + 2))
def test_what_was_vouched_for_cannot_be_changed_either(local_objects, number):
    filled(local_objects)
    log_of(local_objects, keyring(NEW, OLD)).vouch()
    local_objects.write(key(number), changed(local_objects.read(key(number))[0], actor="mallory"))

    assert not log_of(local_objects, keyring(NEW)).verify().is_intact


def test_a_retired_key_writes_nothing_that_counts(local_objects):
    filled(local_objects)
    log_of(local_objects, keyring(NEW, OLD)).vouch()
    log_of(local_objects, keyring(OLD)).append("erase")

    assert log_of(local_objects, keyring(NEW)).verify().problems == (
        f"entry 7 is of the key {keyring(OLD).key_id}, which is not at hand",
    )
    # Whoever still has both may vouch again: a run that nobody stopped is no tampering.
    log_of(local_objects, keyring(NEW, OLD)).vouch()
    assert log_of(local_objects, keyring(NEW)).verify().is_intact


def test_a_vouch_of_a_stranger_vouches_for_nothing(local_objects):
    filled(local_objects)
    log_of(local_objects, keyring(THIRD, OLD)).vouch()

    assert len(log_of(local_objects, keyring(NEW)).verify().problems) == ENTRIES + 1


def test_nobody_vouches_for_a_broken_log(local_objects):
    filled(local_objects)
    local_objects.delete(key(2))

    with pytest.raises(StorageError, match="not intact: entry 2 is missing"):
        log_of(local_objects, keyring(NEW, OLD)).vouch()

    assert len(list(local_objects.list("audit/"))) == ENTRIES - 1
