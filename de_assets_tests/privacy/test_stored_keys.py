"""Random keys that outlive a rotation."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from de_assets.errors import SettingsError, StorageError
from de_assets.privacy.stored_keys import rewrap_stored_keys, stored_key, wrapping_key_ids
from de_assets_tests.privacy.rings import NEW, OLD, keyring


def test_a_stored_key_is_made_once_and_each_name_has_its_own(objects):
    first = stored_key(objects, keyring(), "tombstones")

    assert stored_key(objects, keyring(), "tombstones") == first
    assert stored_key(objects, keyring(), "others") != first
    assert len(first) == 32


def test_those_who_ask_first_at_once_get_the_same_key(objects):
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: stored_key(objects, keyring(), "tombstones"), range(8)))

    assert len(found) == 1


def test_a_stored_key_does_not_stand_there_as_it_is(local_objects):
    key = stored_key(local_objects, keyring(), "tombstones")

    content = local_objects.read("identity/_keys/tombstones.json")[0]

    assert key.hex().encode() not in content
    assert keyring().key_id.encode() in content


def test_stored_keys_are_wrapped_again_and_stay_the_same(objects):
    before = [stored_key(objects, keyring(OLD), name) for name in ("a", "b")]
    assert wrapping_key_ids(objects) == {keyring(OLD).key_id}
    with pytest.raises(SettingsError, match=keyring(OLD).key_id):
        stored_key(objects, keyring(NEW), "a")

    assert rewrap_stored_keys(objects, keyring(NEW, OLD)) == 2

    assert [stored_key(objects, keyring(NEW), name) for name in ("a", "b")] == before
    assert wrapping_key_ids(objects) == {keyring(NEW).key_id}
    assert rewrap_stored_keys(objects, keyring(NEW, OLD)) == 0


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"key_id": "x", "wrapped_key": "abc"}', b"\xff"]
)
def test_a_damaged_stored_key_says_where_it_is(local_objects, content):
    local_objects.write("identity/_keys/tombstones.json", content)

    with pytest.raises(StorageError, match=r"identity/_keys/tombstones\.json"):
        stored_key(local_objects, keyring(), "tombstones")


def test_a_stored_key_under_another_name_does_not_open(local_objects):
    stored_key(local_objects, keyring(), "a")
    local_objects.write("identity/_keys/b.json", local_objects.read("identity/_keys/a.json")[0])

    with pytest.raises(StorageError, match="does not open"):
        stored_key(local_objects, keyring(), "b")
