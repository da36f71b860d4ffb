"""A directory and S3 keep the same promises: every test runs over both stores."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from de_assets.errors import PreconditionFailedError
from de_assets.storage.objects import ObjectStore, open_store

WRITERS = 8
ODD_KEYS = ["a b/c d.json", "straße/ünï.json", "50%/a%20b.json", "a+b/c=d.json", "a#b/c?d.json"]


def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [info.key for info in store.list(prefix)]


def test_what_is_written_is_read_back(store: ObjectStore):
    etag = store.write("models/a.json", b"content")

    assert store.read("models/a.json") == (b"content", etag)


def test_a_write_replaces_the_whole_object(store: ObjectStore):
    first = store.write("a", b"a long first version")

    second = store.write("a", b"short")

    assert store.read("a") == (b"short", second)
    assert first != second


def test_an_empty_object_is_an_object(store: ObjectStore):
    etag = store.write("a", b"")

    assert store.read("a") == (b"", etag)
    assert keys(store) == ["a"]


@pytest.mark.parametrize("key", ["nothing", "folder", "folder/a/below"])
def test_a_missing_object_is_a_file_not_found(store: ObjectStore, key: str):
    store.write("folder/a", b"1")

    with pytest.raises(FileNotFoundError, match=key):
        store.read(key)


def test_a_deleted_object_is_gone_and_deleting_it_again_is_no_error(store: ObjectStore):
    store.write("a", b"1")

    store.delete("a")
    store.delete("a")

    assert keys(store) == []


def test_objects_are_listed_by_ascending_key_wherever_they_are(store: ObjectStore):
    unordered = ["b", "a/z", "a/b/c", "a-b", "Z", "é", "a.json", "a/B"]
    for key in unordered:
        store.write(key, b"1")

    assert keys(store) == sorted(unordered)


def test_an_empty_store_lists_nothing(store: ObjectStore):
    assert keys(store) == []
    assert keys(store, "any/prefix/") == []


def test_a_prefix_ends_anywhere_in_a_name(store: ObjectStore):
    for key in ["raw/orders/a", "raw/orders_old/b", "raw/orders.json", "raw/other/c", "rawer/d"]:
        store.write(key, b"1")

    assert keys(store, "raw/orders") == ["raw/orders.json", "raw/orders/a", "raw/orders_old/b"]
    assert keys(store, "raw/orders/") == ["raw/orders/a"]
    assert keys(store, "raw/o") == [
        "raw/orders.json",
        "raw/orders/a",
        "raw/orders_old/b",
        "raw/other/c",
    ]
    assert keys(store, "raw") == [*keys(store, "raw/"), "rawer/d"]
    assert keys(store, "raw/orders/a/") == []


def test_a_store_sees_only_what_is_below_its_root(store: ObjectStore, lake_uri: str, options):
    store.write("inner/a", b"1")
    store.write("inner-not/b", b"2")

    inner = open_store(f"{lake_uri}/inner", options)

    assert keys(inner) == ["a"]
    assert inner.read("a")[0] == b"1"


@pytest.mark.parametrize("key", ODD_KEYS)
def test_blanks_umlauts_and_percent_signs_stand_for_themselves(store: ObjectStore, key: str):
    store.write(key, key.encode())

    assert keys(store) == [key]
    assert store.read(key)[0] == key.encode()
    assert store.url(key).endswith(key)
    store.delete(key)
    assert keys(store) == []


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_root_of_any_name_is_no_other_root(lake_uri: str, options, key: str):
    store = open_store(f"{lake_uri}/{key}", options)

    store.write("a", b"1")

    assert keys(open_store(lake_uri, options)) == [f"{key}/a"]


def test_size_and_version_tell_that_an_object_was_overwritten(store: ObjectStore):
    store.write("a", b"first")
    (before,) = store.list()

    store.write("a", b"second")
    (after,) = store.list()

    assert (before.size_bytes, after.size_bytes) == (5, 6)
    assert before.version != after.version
    assert after.modified_at >= before.modified_at
    assert after.modified_at.utcoffset() is not None


def test_an_object_that_must_be_absent_is_written_once(store: ObjectStore):
    store.write("a", b"first", if_absent=True)

    with pytest.raises(PreconditionFailedError, match="another writer was faster"):
        store.write("a", b"second", if_absent=True)

    assert store.read("a")[0] == b"first"


def test_an_object_that_must_match_is_replaced_only_if_it_does(store: ObjectStore):
    seen = store.write("a", b"first")
    store.write("a", b"second", if_match=seen)

    with pytest.raises(PreconditionFailedError):
        store.write("a", b"third", if_match=seen)

    assert store.read("a")[0] == b"second"


def test_an_object_that_must_match_and_is_gone_is_not_written(store: ObjectStore):
    seen = store.write("a", b"first")
    store.delete("a")

    with pytest.raises(PreconditionFailedError):
        store.write("a", b"second", if_match=seen)

    assert keys(store) == []


@pytest.mark.parametrize("condition", ["if_absent", "if_match"])
def test_one_of_eight_racing_writers_wins(store: ObjectStore, condition: str):
    seen = store.write("a", b"before") if condition == "if_match" else None
    start = Barrier(WRITERS)

    def write(writer: int) -> bytes | None:
        content = f"writer {writer}".encode()
        start.wait()
        try:
            if seen is None:
                store.write("a", content, if_absent=True)
            else:
                store.write("a", content, if_match=seen)
        except PreconditionFailedError:
            return None
        return content

    with ThreadPoolExecutor(WRITERS) as pool:
        winners = [content for content in pool.map(write, range(WRITERS)) if content]

    assert len(winners) == 1
    assert store.read("a")[0] == winners[0]


def test_readers_see_one_whole_version_while_writers_replace_it(store: ObjectStore):
    versions = {bytes([letter]) * 50_000 for letter in b"abcd"}
    store.write("a", b"a" * 50_000)

    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(store.write, "a", version) for version in sorted(versions) * 3]
        reads = [pool.submit(store.read, "a") for _ in range(24)]

    assert all(write.exception() is None for write in writes)
    assert {read.result()[0] for read in reads} <= versions
