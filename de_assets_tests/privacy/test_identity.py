"""Each person has a key; without it nothing of the identity table can be read."""

import base64
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from de_assets.errors import PreconditionFailedError, SettingsError, StorageError
from de_assets.privacy.identity import (
    SUBJECT_KEYS,
    SubjectKey,
    SubjectKeys,
    decrypt_rows,
    encrypt_rows,
)
from de_assets_tests.privacy.rings import NEW, OLD, keyring
from de_assets_tests.privacy.stores import Occupied

TABLE = "identity/contacts"
COLUMNS = ("email", "phone")
PEOPLE = pl.DataFrame(
    {
        "contact_id": ["101", "102", "103"],
        "email": ["anna@example.com", "bert@example.com", None],
        "phone": ["+49 30 1234567", None, None],
    },
    schema_overrides=dict.fromkeys(COLUMNS, pl.String),
)
IDS = PEOPLE["contact_id"].to_list()


def keys_of(objects, ring=None) -> SubjectKeys:
    return SubjectKeys(objects, ring or keyring())


def fixed(*contact_ids: str) -> dict[str, SubjectKey]:
    return {one: SubjectKey(one, one.encode().ljust(32, b".")) for one in contact_ids}


def encrypted(keys=None, frame: pl.DataFrame = PEOPLE) -> pl.DataFrame:
    return encrypt_rows(frame, keys or fixed(*IDS), TABLE, COLUMNS)


def test_everybody_gets_a_key_and_keeps_it(objects):
    first = keys_of(objects).ensure(["101", "102"])
    second = keys_of(objects).ensure(["102", "103"])

    assert set(first) == {"101", "102"}
    assert second["102"] == first["102"]
    assert keys_of(objects).read() == first | second
    assert keys_of(objects).read(["103", "104"]) == {"103": second["103"]}
    assert len({key.secret for key in (first | second).values()}) == 3
    assert len({key.key_id for key in (first | second).values()}) == 3


def test_where_all_have_keys_nothing_is_written(local_objects):
    keys_of(local_objects).ensure(IDS)
    before = next(local_objects.list(SUBJECT_KEYS))

    keys_of(local_objects).ensure(IDS)
    keys_of(local_objects).ensure([])
    keys_of(local_objects).forget(["104"])
    keys_of(local_objects).rewrap()

    assert next(local_objects.list(SUBJECT_KEYS)) == before


def test_no_key_stands_in_the_lake_as_it_is_nor_is_it_shown(local_objects):
    keys = keys_of(local_objects).ensure(IDS)

    stored = pl.read_parquet(local_objects.url(SUBJECT_KEYS))

    secrets = [key.secret for key in keys.values()]
    assert not any(secret in wrapped for secret in secrets for wrapped in stored["wrapped_key"])
    assert str(secrets[0]) not in repr(keys)


def test_what_two_runs_add_at_once_is_all_kept(objects):
    groups = [[f"{run}-{n}" for n in range(5)] + ["shared"] for run in range(8)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda group: keys_of(objects).ensure(group), groups))

    kept = keys_of(objects).read()
    assert set(kept) == {one for group in groups for one in group}
    assert all(kept[one] == key for keys in found for one, key in keys.items())


def test_a_run_that_always_loses_gives_up(tmp_path):
    with pytest.raises(PreconditionFailedError, match="50 times; no key was changed"):
        keys_of(Occupied(tmp_path)).ensure(IDS)


def test_a_forgotten_key_is_gone_and_a_later_one_is_another(objects):
    before = keys_of(objects).ensure(IDS)

    assert keys_of(objects).forget(["101", "104"]) == 1
    assert set(keys_of(objects).read()) == {"102", "103"}
    assert keys_of(objects).forget(["101"]) == 0

    after = keys_of(objects).ensure(["101"])
    assert after["101"].secret != before["101"].secret
    assert after["101"].key_id != before["101"].key_id


def test_keys_are_wrapped_again_under_the_new_key_and_stay_the_same(objects):
    before = keys_of(objects, keyring(OLD)).ensure(IDS)
    with pytest.raises(SettingsError, match=keyring(OLD).key_id):
        keys_of(objects, keyring(NEW)).read()

    assert keys_of(objects, keyring(NEW, OLD)).rewrap() == 3

    assert keys_of(objects, keyring(NEW)).read() == before
    assert keys_of(objects).key_ids() == {keyring(NEW).key_id}
    assert keys_of(objects, keyring(NEW, OLD)).rewrap() == 0
    with pytest.raises(SettingsError, match=keyring(NEW).key_id):
        keys_of(objects, keyring(OLD)).read()


def test_during_a_rotation_keys_under_either_key_are_read(local_objects):
    keys_of(local_objects, keyring(OLD)).ensure(["101"])
    keys_of(local_objects, keyring(NEW, OLD)).ensure(["102"])

    assert set(keys_of(local_objects, keyring(NEW, OLD)).read()) == {"101", "102"}
    assert keys_of(local_objects, keyring(NEW, OLD)).rewrap() == 1


def test_a_key_that_was_given_to_another_person_does_not_open(local_objects):
    keys_of(local_objects).ensure(["101", "102"])
    stored = pl.read_parquet(local_objects.url(SUBJECT_KEYS))
    stored.with_columns(pl.col("wrapped_key").reverse()).write_parquet(
        local_objects.url(SUBJECT_KEYS)
    )

    with pytest.raises(StorageError, match="does not open"):
        keys_of(local_objects).read()


def test_what_was_encrypted_is_read_with_the_keys_alone():
    rows = encrypted()

    assert_frame_equal(decrypt_rows(rows, fixed(*IDS), TABLE, COLUMNS).drop("key_id"), PEOPLE)
    text = str(rows.to_dicts())
    assert not any(part in text for part in ("anna", "bert", "1234567"))
    assert rows["email"].null_count() == 1
    assert rows["key_id"].to_list() == [key.key_id for key in fixed(*IDS).values()]


def test_the_same_rows_make_the_same_bytes_in_any_order():
    assert_frame_equal(encrypted(), encrypted(frame=PEOPLE.reverse()).reverse())


def test_equal_values_of_different_people_or_columns_cannot_be_told_to_be_equal():
    alike = pl.DataFrame(
        {"contact_id": ["101", "102"], "email": ["same"] * 2, "phone": ["same"] * 2}
    )

    one_key = {one: SubjectKey(one, b"x" * 32) for one in ("101", "102")}

    for keys in (fixed("101", "102"), one_key):
        rows = encrypted(keys, alike)
        assert len({*rows["email"], *rows["phone"]}) == 4


def test_without_the_key_a_row_is_unreadable_and_the_others_are_not():
    rows = encrypted()

    left = decrypt_rows(rows, fixed("102", "103"), TABLE, COLUMNS)

    assert left["email"].to_list() == [None, "bert@example.com", None]
    assert left["phone"].to_list() == [None, None, None]


def test_a_later_key_of_the_same_person_does_not_read_older_rows():
    rows = encrypted()
    later = fixed(*IDS) | {"101": SubjectKey("101", b"x" * 32)}

    assert decrypt_rows(rows, later, TABLE, COLUMNS)["email"].to_list()[:2] == [
        None,
        "bert@example.com",
    ]


def tampered(rows: pl.DataFrame) -> list[pl.DataFrame]:
    first = base64.b64decode(rows["email"][0])
    flipped = base64.b64encode(bytes([first[0] ^ 1]) + first[1:]).decode()
    return [
        rows.with_columns(email=pl.Series([flipped, *rows["email"][1:]])),
        rows.with_columns(email=pl.Series(["", *rows["email"][1:]])),
        rows.with_columns(email=pl.Series(["no base64!", *rows["email"][1:]])),
        rows.with_columns(email=pl.Series([rows["phone"][0], *rows["email"][1:]])),
        rows.with_columns(
            email=pl.Series([rows["email"][1], *rows["email"][1:]]),
        ),
    ]


@pytest.mark.parametrize("which", range(5))
def test_a_value_that_was_altered_or_moved_is_an_error_without_values(which):
    with pytest.raises(StorageError, match="altered") as caught:
        decrypt_rows(tampered(encrypted())[which], fixed(*IDS), TABLE, COLUMNS)

    assert "identity/contacts.email" in str(caught.value)
    assert "anna" not in str(caught.value)


def test_rows_of_one_table_cannot_be_read_as_rows_of_another():
    with pytest.raises(StorageError, match="altered"):
        decrypt_rows(encrypted(), fixed(*IDS), "identity/others", COLUMNS)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "ä"]),
            st.none() | st.text(st.characters(exclude_categories=["Cs"])),
        )
    )
)
def test_any_text_comes_back_as_it_was(rows):
    frame = pl.DataFrame(rows, schema={"contact_id": pl.String, "email": pl.String}, orient="row")
    keys = fixed("a", "b", "ä")

    made = encrypt_rows(frame, keys, TABLE, ["email"])

    assert_frame_equal(decrypt_rows(made, keys, TABLE, ["email"]).drop("key_id"), frame)
