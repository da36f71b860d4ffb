"""Persistence: contacts, their unique values, their history and the property definitions in SQLite.

Not here: any rule of the API. One connection serves all requests, one transaction at a time; the
file may be read by other programs meanwhile (write-ahead log).
"""

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from de_assets.crm.mock import schema
from de_assets.crm.mock.history import ContactWrite, PropertyVersion, versions
from de_assets.crm.mock.properties import STANDARD_PROPERTIES, PropertyDefinition, restored
from de_assets.crm.mock.words import contains_words, matches_tokens
from de_assets.errors import StorageError

_SECONDS_TO_WAIT_FOR_OTHER_WRITERS = 30.0
CONTACT_COLUMNS = "id, properties, created_ms, modified_ms, archived_ms"


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact; `properties` holds no empty values, moments are milliseconds since 1970."""

    id: int
    properties: dict[str, str]
    created_ms: int
    modified_ms: int
    archived_ms: int | None = None


class Tables:
    """What can be read and written inside one transaction of a `Store`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def definitions(self) -> dict[str, PropertyDefinition]:
        """Return all property definitions by name, in the order of their names."""
        rows = self._connection.execute("SELECT name, definition FROM property ORDER BY name")
        return {name: restored(json.loads(definition)) for name, definition in rows}

    def add_definition(self, definition: PropertyDefinition) -> None:
        """Add one property definition whose name is free."""
        self._connection.execute(
            "INSERT INTO property VALUES (?, ?)",
            (definition.name, json.dumps(definition.stored())),
        )

    def contact(self, contact_id: int) -> Contact | None:
        """Return a contact, archived or not."""
        found = self.select("WHERE id = ?", (contact_id,))
        return found[0] if found else None

    def owner(self, property_name: str, value: str) -> int | None:
        """Return the id of the contact that holds a unique value and is not archived."""
        row = self._connection.execute(
            "SELECT contact_id FROM unique_value WHERE property = ? AND value = ?",
            (property_name, value),
        ).fetchone()
        return None if row is None else int(row[0])

    def select(self, clauses: str, arguments: Sequence[object]) -> list[Contact]:
        """Return the contacts that SQL clauses after FROM choose; never put values into them."""
        rows = self.rows(f"SELECT {CONTACT_COLUMNS} FROM contact {clauses}", arguments)  # noqa: S608 - our own clauses, values are bound
        return [contact_from(row) for row in rows]

    def rows(self, query: str, arguments: Sequence[object]) -> list[tuple[object, ...]]:
        """Return the rows of a query; never put values into its text."""
        return self._connection.execute(query, arguments).fetchall()

    def history(self, contact_id: int) -> list[ContactWrite]:
        """Return what each write changed on a contact, oldest first."""
        rows = self._connection.execute(
            "SELECT written_ms, source_type, changed FROM contact_write"
            " WHERE contact_id = ? ORDER BY position",
            (contact_id,),
        )
        return [ContactWrite(written, source, json.loads(text)) for written, source, text in rows]

    def add_contact(self, properties: Mapping[str, str], created_ms: int, now_ms: int) -> Contact:
        """Add a contact under the next id."""
        cursor = self._connection.execute(
            "INSERT INTO contact (properties, created_ms, modified_ms) VALUES (?, ?, ?)",
            (_dumped(properties), created_ms, now_ms),
        )
        if cursor.lastrowid is None:  # pragma: no cover - SQLite always numbers an inserted row
            message = "SQLite gave the new contact no id"
            raise StorageError(message)
        return Contact(cursor.lastrowid, dict(properties), created_ms, now_ms)

    def replace_contact(self, contact: Contact) -> None:
        """Write the new state of a contact that exists."""
        self._connection.execute(
            "UPDATE contact SET properties = ?, modified_ms = ?, archived_ms = ? WHERE id = ?",
            (_dumped(contact.properties), contact.modified_ms, contact.archived_ms, contact.id),
        )

    def remove_contact(self, contact_id: int) -> None:
        """Remove a contact with its history and its unique values; its id is not given again."""
        for statement in (
            "DELETE FROM unique_value WHERE contact_id = ?",
            "DELETE FROM contact_write WHERE contact_id = ?",
            "DELETE FROM contact WHERE id = ?",
        ):
            self._connection.execute(statement, (contact_id,))

    def take_unique_value(self, property_name: str, value: str, contact_id: int) -> None:
        """Give a free unique value to a contact."""
        self._connection.execute(
            "INSERT INTO unique_value VALUES (?, ?, ?)", (property_name, value, contact_id)
        )

    def free_unique_value(self, property_name: str, value: str) -> None:
        """Free a unique value, for instance of a contact that is archived."""
        self._connection.execute(
            "DELETE FROM unique_value WHERE property = ? AND value = ?", (property_name, value)
        )

    def add_history(self, contact_id: int, write: ContactWrite) -> None:
        """Append what one write changed to the history of a contact."""
        self._connection.execute(
            "INSERT INTO contact_write SELECT ?, coalesce(max(position), 0) + 1, ?, ?, ?"
            " FROM contact_write WHERE contact_id = ?",
            (contact_id, write.written_ms, write.source_type, _dumped(write.changed), contact_id),
        )


class Store:
    """The SQLite file; close it when done."""

    def __init__(self, database: Path | str) -> None:
        """Open the file, making it and its directory if they are not there.

        Raises StorageError if it cannot be opened or is not a database of this server.
        """
        path = Path(database)
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path,
                timeout=_SECONDS_TO_WAIT_FOR_OTHER_WRITERS,
                isolation_level=None,
                check_same_thread=False,
            )
        except (OSError, sqlite3.Error) as error:
            raise _unusable_file(path, str(error)) from error
        try:
            self._prepare(path)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file; the log is folded into it."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[Tables]:
        """Give a consistent view of all tables."""
        with self._transaction("BEGIN") as tables:
            yield tables

    @contextmanager
    def writing(self) -> Iterator[Tables]:
        """Give tables whose changes are kept together at the end, or not at all on an error."""
        with self._transaction("BEGIN IMMEDIATE") as tables:
            yield tables

    def history(self, contact_id: int, property_name: str) -> list[PropertyVersion]:
        """Return every value that a property of a contact has had, newest first."""
        with self.reading() as tables:
            return versions(tables.history(contact_id), property_name)

    def scrub(self) -> None:
        """Leave no byte of what was removed in the file or in its log, by writing both anew."""
        with self._lock:
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Tables]:
        with self._lock:
            self._connection.execute(begin)
            try:
                yield Tables(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _prepare(self, path: Path) -> None:
        for function in (contains_words, matches_tokens):
            self._connection.create_function(function.__name__, 2, function, deterministic=True)
        try:
            # Nothing is changed before the file is known to be ours or empty.
            with self.reading() as tables:
                self._refuse_foreign_tables(tables, path)
            self._connection.execute("PRAGMA journal_mode = WAL")
            # Safe against a crash of the program; a power cut may lose the newest commits.
            self._connection.execute("PRAGMA synchronous = NORMAL")
            with self.writing() as tables:
                if self._refuse_foreign_tables(tables, path) == 0:
                    self._create(tables)
                for statement in schema.FOR_PAGES.split(";"):
                    self._connection.execute(statement)
        except sqlite3.Error as error:
            raise _unusable_file(path, str(error)) from error

    @staticmethod
    def _refuse_foreign_tables(tables: Tables, path: Path) -> int:
        """Return the version of our schema that the file has, 0 if it is empty."""
        [(version,)] = tables.rows("PRAGMA user_version", ())
        has_tables = bool(tables.rows("SELECT 1 FROM sqlite_schema LIMIT 1", ()))
        expected = schema.VERSION if has_tables else 0
        if version != expected:
            raise _unusable_file(path, f"schema version {version} instead of {expected}")
        return expected

    def _create(self, tables: Tables) -> None:
        for statement in schema.FIRST.split(";"):
            self._connection.execute(statement)
        for definition in STANDARD_PROPERTIES:
            tables.add_definition(definition)
        self._connection.execute(f"PRAGMA user_version = {schema.VERSION}")


def contact_from(row: Sequence[Any]) -> Contact:
    """Return the contact in a row of CONTACT_COLUMNS."""
    contact_id, properties, created_ms, modified_ms, archived_ms = row
    return Contact(contact_id, json.loads(properties), created_ms, modified_ms, archived_ms)


def _dumped(values: Mapping[str, str]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _unusable_file(path: Path, reason: str) -> StorageError:
    return StorageError(
        f"the file cannot serve as the database of the mock CRM: {reason}",
        where=str(path),
        fix="name another file, or remove this one to begin with an empty CRM",
    )
