"""Who was erased is recognised whatever arrives, and nobody else is."""

import json
from datetime import date

import polars as pl
import pytest

from de_assets.contracts.source_tables import CONTACTS, EVENTS, ORDER_LINES, PRODUCTS, SourceTable
from de_assets.errors import SettingsError, StorageError
from de_assets.privacy.erased import Erased, token_of
from de_assets.privacy.keys import Keyring
from de_assets.privacy.subject import Subject
from de_assets.privacy.tombstones import PENDING_PREFIX, PREFIX, Pending, Tombstones
from de_assets.storage.objects import LocalStore, ObjectStore
from de_assets_tests.privacy.rings import NEW, OLD, keyring

DAY, NEXT = date(2026, 1, 1), date(2026, 1, 2)
JANE = Subject(
    contact=frozenset({"17850"}),
    crm=frozenset({"501"}),
    email=frozenset({"jane@nowhere.example"}),
    phone=frozenset({"+44 7700 900417"}),
    visitor=frozenset({"v-jane"}),
    session=frozenset({"s-jane"}),
)
ERASED = JANE.erased(b"k" * 32)


def rows(table: SourceTable, *given: dict[str, object]) -> pl.DataFrame:
    """Rows of a source table; what is not given is null text."""
    names = [*table.columns, "_extra"]
    return pl.DataFrame(
        [dict.fromkeys(names) | one for one in given],
        schema_overrides={name: pl.String for name in names if name not in given[0]},
    )


@pytest.fixture
def tombstones(objects: ObjectStore) -> Tombstones:
    return Tombstones(objects, keyring(OLD))


def test_without_tombstones_a_frame_passes_untouched_and_no_key_is_needed(
    local_objects: ObjectStore,
) -> None:
    frame = rows(EVENTS, {"contact_id": "17850"})

    suppressed = Tombstones(local_objects, keyring(OLD)).suppress(EVENTS, frame)

    assert suppressed.frame is frame
    assert suppressed.erased == {}
    assert list(local_objects.list()) == []


@pytest.mark.parametrize(
    "contact",
    [
        {"contact_id": "17850"},
        {"contact_id": " 17850.0 "},
        {"contact_id": 17850},
        {"contact_id": 17850.0},
        {"contact_id": "another", "crm_id": "501"},
        {"contact_id": "another", "email": " JANE@Nowhere.example"},
    ],
    ids=str,
)
def test_a_contact_is_dropped_by_any_of_its_keys(contact: dict[str, object]) -> None:
    assert ERASED.suppress(CONTACTS, rows(CONTACTS, contact)).frame.is_empty()


@pytest.mark.parametrize(
    "contact",
    [
        {"contact_id": "1785"},
        {"contact_id": "x17850"},
        {"contact_id": "501"},
        {"contact_id": "9", "crm_id": "17850"},
        {"contact_id": "9", "phone": "+44 7700 900417"},
    ],
    ids=str,
)
def test_other_contacts_stay(contact: dict[str, object]) -> None:
    frame = rows(CONTACTS, contact)

    assert ERASED.suppress(CONTACTS, frame).frame.equals(frame)


def test_events_are_somebodys_by_contact_else_visitor_else_session() -> None:
    frame = rows(
        EVENTS,
        {"event_id": "1", "contact_id": "17850", "visitor_id": "v", "session_id": "s"},
        {"event_id": "2", "contact_id": None, "visitor_id": "v-jane", "session_id": "s"},
        {"event_id": "3", "contact_id": None, "visitor_id": None, "session_id": "s-jane"},
        {"event_id": "4", "contact_id": "bob", "visitor_id": "v-jane", "session_id": "s-jane"},
        {"event_id": "5", "contact_id": None, "visitor_id": "v", "session_id": "s-jane"},
        {"event_id": "6", "contact_id": None, "visitor_id": None, "session_id": None},
    )

    left = ERASED.suppress(EVENTS, frame).frame

    assert left["event_id"].to_list() == ["4", "5", "6"]


@pytest.mark.parametrize("contact", ["17850", 17850, 17850.0])
def test_an_order_line_stays_without_the_contact_and_with_its_types(contact: object) -> None:
    frame = rows(
        ORDER_LINES, {"order_id": "A", "quantity": 3, "contact_id": contact, "_extra": "{}"}
    )

    left = ERASED.suppress(ORDER_LINES, frame).frame

    assert left.schema == frame.schema
    assert left.row(0, named=True) == frame.row(0, named=True) | {
        "contact_id": None,
        "_extra": None,
    }


@pytest.mark.parametrize(
    "text",
    [
        "jane@nowhere.example",
        "for Jane <JANE@nowhere.example>, thanks",
        "https://shop.example/?mail=jane%40nowhere.example&x=1",
        "write to jane@nowhere.example.",
        '{"to":"jane@nowhere.example"}',
        "call +44 7700 900417 first",
        "(+44)7700-900-417",
    ],
)
def test_an_identifier_in_the_text_of_others_takes_the_cell_and_the_rest_away(text: str) -> None:
    frame = rows(
        ORDER_LINES,
        {"order_id": "A", "contact_id": "bob", "description": text, "_extra": '{"a":"b"}'},
        {"order_id": "B", "contact_id": "bob", "description": "vase", "_extra": f"x {text}"},
        {"order_id": "C", "contact_id": "bob", "description": "vase", "_extra": '{"a":"b"}'},
    )

    suppressed = ERASED.suppress(ORDER_LINES, frame)

    left = suppressed.frame.select("contact_id", "description", "_extra")
    assert left.rows() == [("bob", None, None), ("bob", "vase", None), ("bob", "vase", '{"a":"b"}')]
    assert suppressed.erased == {None: 2}


@pytest.mark.parametrize(
    "text",
    ["ajane@nowhere.example", "jane@nowhere.example.org", "jane at nowhere", "447700900418", "@"],
)
def test_what_only_looks_alike_stays(text: str) -> None:
    frame = rows(ORDER_LINES, {"order_id": "A", "contact_id": "bob", "description": text})

    assert ERASED.suppress(ORDER_LINES, frame).frame.equals(frame)


def test_a_value_that_the_row_needs_loses_the_identifier_alone() -> None:
    frame = rows(PRODUCTS, {"product_id": "card for jane@nowhere.example, blue"})

    left = ERASED.suppress(PRODUCTS, frame).frame

    assert left["product_id"].to_list() == ["card for [erased], blue"]


def test_digits_of_a_key_are_no_telephone() -> None:
    frame = rows(EVENTS, {"event_id": "447700900417", "contact_id": "bob"})

    assert ERASED.suppress(EVENTS, frame).frame.equals(frame)


def test_rows_are_counted_by_their_day() -> None:
    frame = rows(EVENTS, *[{"contact_id": who} for who in ("17850", "bob", "17850", "17850")])
    frame = frame.with_columns(dt=pl.Series([DAY, DAY, NEXT, NEXT]))

    assert ERASED.suppress(EVENTS, frame).erased == {DAY: 1, NEXT: 2}


def test_sessions_that_were_made_of_a_visitor_are_known_by_it() -> None:
    sessions = pl.LazyFrame(
        {
            "contact_id": [None, None, None, "bob"],
            "session_id": [
                "visitor:v-jane@2026-01-01T10:00:00",
                "visitor:v-bob@2026-01-01T10:00:00",
                "session:v-jane@2026-01-01T10:00:00",
                "visitor:v-jane@2026-01-01T11:00:00",
            ],
        }
    )

    assert sessions.select(ERASED.owned(sessions)).collect().to_series().to_list() == [
        *(True, False, False, False)
    ]


@pytest.mark.parametrize(
    ("kind", "value"), [("email", "n/a"), ("phone", "12"), ("phone", "unknown"), ("visitor", " ")]
)
def test_what_identifies_nobody_has_no_token(kind: str, value: str) -> None:
    assert token_of(b"k" * 32, kind, value) is None  # type: ignore[arg-type]


def test_a_tombstone_holds_no_value_and_works_in_another_process(objects: ObjectStore) -> None:
    Tombstones(objects, keyring(OLD)).add(JANE)

    kept = b"".join(objects.read(info.key)[0] for info in objects.list()).lower()
    names = "".join(info.key for info in objects.list())
    for value in ("17850", "501", "jane", "nowhere", "900417", "v-jane", "s-jane"):
        assert f'"{value}"'.encode() not in kept
        assert value not in names
    assert b"@" not in kept
    again = Tombstones(objects, keyring(OLD)).suppress(
        EVENTS, rows(EVENTS, {"contact_id": "17850"})
    )
    assert again.frame.is_empty()


def test_two_people_are_both_recognised_and_a_person_is_added_to(tombstones: Tombstones) -> None:
    tombstones.add(Subject(contact=frozenset({"1"})))
    tombstones.add(Subject(contact=frozenset({"2"})))
    tombstones.add(Subject(contact=frozenset({"2"}), email=frozenset({"two@nowhere.example"})))

    assert [tombstones.has("contact", one) for one in "123"] == [True, True, False]
    assert tombstones.has("email", "Two@nowhere.example")
    person = tombstones.person(Subject(contact=frozenset({"2"})))
    assert {kind: len(tokens) for kind, tokens in person.tokens.items() if tokens} == {
        "contact": 1,
        "email": 1,
    }


def test_a_tombstone_that_another_process_sets_is_seen_by_the_next_pass(
    objects: ObjectStore,
) -> None:
    mine, other = Tombstones(objects, keyring(OLD)), Tombstones(objects, keyring(OLD))
    mine.add(Subject(contact=frozenset({"1"})))
    assert not mine.has("contact", "17850")

    other.add(JANE)

    assert mine.has("contact", "17850")


def test_tombstones_survive_a_rotation_of_the_key(objects: ObjectStore) -> None:
    Tombstones(objects, keyring(OLD)).add(JANE)

    assert Tombstones(objects, keyring(NEW, OLD)).rewrap() == 1

    assert Tombstones(objects, keyring(NEW)).has("contact", "17850")
    with pytest.raises(SettingsError):
        Tombstones(objects, keyring(OLD)).has("contact", "17850")


def test_an_erasure_under_way_is_kept_encrypted_and_forgotten_when_it_is_done(
    tombstones: Tombstones, objects: ObjectStore
) -> None:
    pending = Pending(JANE, {"raw/events": (DAY, NEXT), "raw/products": (None,)})
    tombstones.begin(pending)

    (key,) = [info.key for info in objects.list(PENDING_PREFIX)]
    assert b"jane" not in objects.read(key)[0]
    assert tombstones.pending(Subject(email=JANE.email)) == pending
    assert tombstones.pending(Subject(contact=frozenset({"9"}))) is None
    tombstones.finish(Subject(contact=frozenset({"9"})))
    assert tombstones.pending(JANE) == pending
    tombstones.finish(JANE)
    assert list(objects.list(PENDING_PREFIX)) == []


@pytest.mark.parametrize("data", [b"{}", b"no json", json.dumps({"sealed": "AAAA"}).encode()])
def test_a_damaged_object_is_an_error_and_never_nobody(
    local_objects: LocalStore, data: bytes
) -> None:
    tombstones = Tombstones(local_objects, keyring(OLD))
    tombstones.add(JANE)
    tombstones.begin(Pending(JANE, {}))
    for prefix in (PREFIX, PENDING_PREFIX):
        for info in list(local_objects.list(prefix)):
            local_objects.write(info.key, data)

    with pytest.raises(StorageError, match="restore"):
        tombstones.suppress(EVENTS, rows(EVENTS, {"contact_id": "17850"}))
    with pytest.raises(StorageError, match="restore"):
        tombstones.pending(JANE)


def test_a_person_is_printed_without_a_value() -> None:
    shown = f"{JANE} {ERASED}"

    assert "17850" not in shown
    assert "jane" not in shown
    assert "kkkk" not in shown


def test_nobody_erased_is_false() -> None:
    assert not Erased(b"", {})
    assert ERASED


def test_the_keyring_is_asked_for_nothing_before_there_is_a_tombstone(
    local_objects: ObjectStore,
) -> None:
    class Unopened(Keyring):
        @property
        def key_id(self) -> str:
            raise AssertionError

    frame = rows(EVENTS, {"contact_id": "17850"})

    assert Tombstones(local_objects, Unopened(keyring(OLD).current)).suppress(EVENTS, frame)
