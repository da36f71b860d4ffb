"""The audit log holds who did what, and nobody without the key changes it unseen."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from de_assets.errors import PreconditionFailedError
from de_assets.privacy.audit_log import NO_ENTRY, AuditLog, user_at_host
from de_assets.storage.objects import LocalStore
from de_assets_tests.privacy.logs import ENTRIES, NOON, changed, filled, key, log_of
from de_assets_tests.privacy.rings import NEW, keyring
from de_assets_tests.privacy.stores import Occupied


def test_an_empty_log_is_intact(objects):
    found = log_of(objects).verify()

    assert found.is_intact
    assert found.entries == ()
    assert found.head == NO_ENTRY
    assert log_of(objects).verify(NO_ENTRY).is_intact


def test_an_entry_says_who_did_what_to_whom_when_and_how_often(objects):
    log = log_of(objects)

    written = log.append("erase", subject="contact-101", details={"rows": 3, "keys": 1})

    assert log.verify().entries == (written,)
    assert (written.number, written.actor, written.action) == (1, "anna", "erase")
    assert written.at == NOON
    assert written.details == {"rows": 3, "keys": 1}
    assert written.key_id == keyring().key_id
    assert log.verify().head == written.digest
    assert log.about("contact-101", log.verify().entries) == [written]
    assert log.about("contact-102", log.verify().entries) == []


def test_no_contact_id_stands_in_the_log(local_objects):
    filled(local_objects)

    stored = b"".join(local_objects.read(info.key)[0] for info in local_objects.list("audit/"))

    assert b"contact-" not in stored


def test_a_subject_is_not_named_by_the_token_that_tables_use(local_objects):
    entry = log_of(local_objects).append("erase", subject="anna@example.com")

    assert entry.subject != keyring().token("anna@example.com")


@pytest.mark.parametrize(
    ("action", "details"),
    [
        ("erase anna", {}),
        ("Erase", {}),
        ("", {}),
        ("erase", {"anna@example.com": 1}),
        ("erase", {"rows": "anna@example.com"}),
        ("erase", {"rows": 1.5}),
        ("erase", {"rows": True}),
    ],
)
def test_nothing_but_words_and_counts_gets_in(local_objects, action, details):
    log = log_of(local_objects)

    with pytest.raises(TypeError, match="audit entry"):
        log.append(action, details=details)

    assert log.verify().entries == ()


def test_times_are_kept_in_utc(local_objects):
    east = datetime(2026, 3, 1, 14, tzinfo=timezone(timedelta(hours=2)))

    AuditLog(local_objects, keyring(), actor="anna", now=lambda: east).append("erase")

    assert json.loads(local_objects.read(key(1))[0])["at"] == "2026-03-01T12:00:00.000000+00:00"


def test_without_a_name_the_actor_is_the_user_of_the_machine(local_objects):
    entry = AuditLog(local_objects, keyring()).append("erase")

    assert entry.actor == user_at_host()
    assert "@" in entry.actor
    assert abs(datetime.now(UTC) - entry.at) < timedelta(minutes=5)


def test_entries_that_many_write_at_once_are_all_kept_in_one_chain(objects):
    def write(writer: int) -> list[int]:
        log = log_of(objects)
        return [log.append("erase", details={"writer": writer}).number for _ in range(4)]

    with ThreadPoolExecutor(6) as pool:
        numbers = [number for found in pool.map(write, range(6)) for number in found]

    found = log_of(objects).verify()
    assert found.is_intact
    assert sorted(numbers) == list(range(1, 25))
    assert [entry.number for entry in found.entries] == list(range(1, 25))


@pytest.mark.parametrize("do", ["append", "vouch"])
def test_a_writer_that_always_loses_gives_up_and_says_so(tmp_path, do):
    log = log_of(Occupied(tmp_path))

    with pytest.raises(PreconditionFailedError, match="50 times"):
        log.append("erase") if do == "append" else log.vouch()


FORGERIES = {
    "actor": "mallory",
    "action": "look",
    "subject": None,
    "details": {"rows": 99},
    "at": "2020-01-01T00:00:00.000000+00:00",
    "number": 3,
    "previous": "f" * 64,
    "key_id": "0" * 16,
    "mac": "0" * 64,
}


@pytest.mark.parametrize("field", FORGERIES)
@pytest.mark.parametrize("number", [1, 2, ENTRIES])
def test_a_changed_field_is_detected(local_objects, field, number):
    log = filled(local_objects)
    stored = local_objects.read(key(number))[0]
    local_objects.write(key(number), changed(stored, **{field: FORGERIES[field]}))

    assert not log.verify().is_intact


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data + b"\n",
        lambda data: data.replace(b'","', b'", "'),
        lambda data: data[:-20],
        lambda _: b"",
        lambda _: b"[]",
        lambda data: b"\xff" + data,
        lambda data: changed(data, more=1),
        lambda data: changed(data, number="1"),
        lambda data: changed(data, details=[1]),
        lambda data: changed(data, details={"rows": 1.5}),
        lambda data: changed(data, at="yesterday"),
        lambda data: changed(data, action="Erase all"),
        lambda data: changed(data, subject=7),
    ],
)
def test_what_this_log_does_not_write_is_detected(local_objects, damage):
    log = filled(local_objects)
    local_objects.write(key(ENTRIES), damage(local_objects.read(key(ENTRIES))[0]))

    assert "entry 5 was altered" in log.verify().problems[0]


def test_a_stranger_cannot_append(local_objects):
    log = filled(local_objects)
    log_of(local_objects, keyring(NEW)).append("erase")

    assert log.verify().problems == (
        f"entry 6 is of the key {keyring(NEW).key_id}, which is not at hand",
    )


class Overlooking(LocalStore):
    """A store whose listing passes over an entry that was written while it was made."""

    def list(self, prefix=""):
        return (info for info in super().list(prefix) if info.key != key(2))


def test_an_entry_that_a_listing_passed_over_is_read_all_the_same(tmp_path):
    filled(LocalStore(tmp_path))

    found = log_of(Overlooking(tmp_path)).verify()

    assert found.is_intact
    assert len(found.entries) == ENTRIES


def test_a_foreign_object_is_detected(objects):
    log = filled(objects, entries=1)
    objects.write("audit/2.json", b"{}")

    assert log.verify().problems == ("audit/2.json is no entry of this log",)


def test_a_tail_that_was_cut_off_is_detected_by_whoever_noted_the_head(objects):
    log = filled(objects)
    noted = log.verify().head
    log.append("erase")
    assert log.verify(noted).is_intact

    objects.delete(key(ENTRIES + 1))
    objects.delete(key(ENTRIES))

    assert log.verify().is_intact  # nothing in what is left tells
    assert log.verify(noted).problems == (
        "the noted head is not in the log: entries were removed or replaced",
    )
    log.append("erase")
    assert not log.verify(noted).is_intact


def test_an_entry_that_was_cut_off_cannot_be_put_back_behind_others(local_objects):
    log = filled(local_objects)
    last = local_objects.read(key(ENTRIES))[0]
    for number in (ENTRIES - 1, ENTRIES):
        local_objects.delete(key(number))
    log.append("look")

    local_objects.write(key(ENTRIES), last)

    assert log.verify().problems == (f"entry {ENTRIES} does not follow the entry before it",)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_whatever_is_done_to_the_objects_of_a_log_is_detected(tmp_path_factory, data):
    objects = LocalStore(tmp_path_factory.mktemp("log"))
    log = filled(objects)
    head = log.verify().head
    before = {info.key: objects.read(info.key)[0] for info in objects.list("audit/")}
    for _ in range(data.draw(st.integers(1, 3))):
        one, other = data.draw(
            st.lists(st.integers(1, ENTRIES + 1), min_size=2, max_size=2, unique=True)
        )
        present = {info.key: objects.read(info.key)[0] for info in objects.list("audit/")}
        what = data.draw(st.sampled_from(["flip", "remove", "swap", "copy", "shift"]))
        if key(one) not in present:
            continue
        if what == "flip":
            content = bytearray(present[key(one)])
            content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
            objects.write(key(one), bytes(content))
        elif what == "remove":
            objects.delete(key(one))
        elif what == "copy":
            objects.write(key(other), present[key(one)])
        elif what == "swap" and key(other) in present:
            objects.write(key(one), present[key(other)])
            objects.write(key(other), present[key(one)])
        elif what == "shift":  # remove an entry and close the gap
            for number in range(one, ENTRIES):
                if key(number + 1) in present:
                    objects.write(key(number), present[key(number + 1)])
            objects.delete(key(ENTRIES))
    after = {info.key: objects.read(info.key)[0] for info in objects.list("audit/")}

    assert log.verify(head).is_intact == (after == before)
