"""What is kept of erased people so that no replay brings them back: keyed tokens, never a value.

One object a person, under a random key that outlives rotations (`stored_keys.py`). While an erasure
is under way a second object holds, encrypted, whom and where it must still erase. Used by the
ingestion of raw and by erasure.
"""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import polars as pl
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from de_assets.contracts.source_tables import SourceTable
from de_assets.errors import PreconditionFailedError, StorageError
from de_assets.privacy.erased import KINDS, Erased, Kind, Suppressed, merged, token_of
from de_assets.privacy.keys import Keyring
from de_assets.privacy.stored_keys import rewrap_stored_keys, stored_key
from de_assets.privacy.subject import Subject
from de_assets.storage.objects import ObjectStore

PREFIX = "identity/_erased/"
PENDING_PREFIX = "identity/_erasing/"
KEY_NAME = "tombstones"
ATTEMPTS = 20  # each lost one means that another erasure of the same person went on
Days = Mapping[str, tuple[date | None, ...]]


@dataclass(frozen=True)
class Pending:
    """An erasure that is under way.

    Attributes:
        subject: Whom.
        days: Which days of which raw tables held the person when it began (None: the whole table).
    """

    subject: Subject
    days: Days


class Tombstones:
    """The erased people of a lake."""

    def __init__(self, objects: ObjectStore, keyring: Keyring) -> None:
        """Nothing is read yet."""
        self._objects = objects
        self._keyring = keyring
        # Each object once a process: a run asks before every pass.
        self._read: dict[str, tuple[str, Mapping[Kind, frozenset[str]]]] = {}

    @cached_property
    def _key(self) -> bytes:
        return stored_key(self._objects, self._keyring, KEY_NAME)

    def suppress(self, table: SourceTable, frame: pl.DataFrame) -> Suppressed:
        """Take erased people out of rows that arrived, before anything of them is written.

        Without tombstones this costs one listing. What becomes of which row: `Erased.suppress`.

        Raises:
            SettingsError, StorageError: there are tombstones, and their key cannot be had.
        """
        erased = self.read()
        return erased.suppress(table, frame) if erased else Suppressed(frame, {})

    def read(self) -> Erased:
        """Everybody who was erased; with empty tokens if nobody was."""
        infos = list(self._objects.list(PREFIX))
        if not infos:
            return Erased(b"", {})
        for info in infos:
            if self._read.get(info.key, ("", {}))[0] != info.version:
                self._read[info.key] = (info.version, self._tokens(info.key)[0])
        return Erased(self._key, merged([self._read[info.key][1] for info in infos]))

    def person(self, subject: Subject) -> Erased:
        """One person alone: what was given, and what the tombstones that fit it add."""
        given = subject.erased(self._key)
        fitting = [given.tokens]
        for info in self._objects.list(PREFIX):
            kept = self._tokens(info.key)[0]
            if any(kept[kind] & given.tokens[kind] for kind in ("contact", "email")):
                fitting.append(kept)
        return Erased(self._key, merged(fitting))

    def has(self, kind: Kind, value: str) -> bool:
        """Whether that identifier is one of a person who was erased."""
        erased = self.read()
        return token_of(erased.key, kind, value) in erased.tokens.get(kind, ()) if erased else False

    def add(self, subject: Subject) -> Erased:
        """Keep the tokens of a person: from now on nothing of them gets in.

        Where there is a tombstone already, what it lacks is added.

        Returns:
            Everybody who was erased, the person included.
        """
        key = f"{PREFIX}{self._name(subject)}.json"
        tokens = subject.erased(self._key).tokens
        for attempt in range(1, ATTEMPTS + 1):
            try:
                kept, version = self._tokens(key)
            except FileNotFoundError:
                kept, version = {}, None
            both = merged([kept, tokens])
            if version is not None and both == merged([kept]):
                break
            data = json.dumps({kind: sorted(both[kind]) for kind in KINDS}).encode()
            try:
                self._objects.write(key, data, if_match=version, if_absent=version is None)
            except PreconditionFailedError:
                if attempt == ATTEMPTS:
                    raise
                continue
            break
        return self.read()

    def begin(self, pending: Pending) -> None:
        """Keep, encrypted, what an erasure must still do, for the case that it is killed."""
        name = self._name(pending.subject)
        plain = {
            "subject": pending.subject.to_json(),
            "days": {
                table: [None if day is None else str(day) for day in days]
                for table, days in pending.days.items()
            },
        }
        sealed = self._cipher.encrypt(json.dumps(plain).encode(), [name.encode()])
        data = json.dumps({"sealed": b64encode(sealed).decode()}).encode()
        self._objects.write(f"{PENDING_PREFIX}{name}.json", data)

    def pending(self, subject: Subject) -> Pending | None:
        """What an earlier erasure of this person left undone; None if nothing."""
        return next((found for _, found in self._pending_of(subject)), None)

    def finish(self, subject: Subject) -> None:
        """Nothing is left to be done: remove what told whom and where, old versions included."""
        for key, _ in self._pending_of(subject):
            self._objects.delete(key)
        self._objects.purge(PENDING_PREFIX)

    def _pending_of(self, subject: Subject) -> Iterator[tuple[str, Pending]]:
        for info in list(self._objects.list(PENDING_PREFIX)):
            found = self._opened(info.key)
            if any(found.subject.of(kind) & subject.of(kind) for kind in ("contact", "email")):
                yield info.key, found

    def rewrap(self) -> int:
        """For a rotation: wrap the key of the tombstones under the one in use; how many were.

        The tombstones themselves stay as they are.
        """
        return rewrap_stored_keys(self._objects, self._keyring)

    @property
    def _cipher(self) -> AESSIV:
        return AESSIV(hmac.digest(self._key, b"de_assets erasing", hashlib.sha512))

    def _name(self, subject: Subject) -> str:
        """The tombstone's name; the same whenever the same person is erased."""
        tokens = subject.erased(self._key).tokens
        return min(tokens["contact"] or tokens["email"])

    def _tokens(self, key: str) -> tuple[dict[Kind, frozenset[str]], str]:
        data, version = self._objects.read(key)
        try:
            stored: dict[str, list[str]] = json.loads(data)
            return {kind: frozenset(stored[kind]) for kind in KINDS}, version
        except (ValueError, KeyError, TypeError):
            raise self._damaged(key) from None

    def _opened(self, key: str) -> Pending:
        data, _ = self._objects.read(key)
        name = key.removeprefix(PENDING_PREFIX).removesuffix(".json")
        try:
            sealed = b64decode(json.loads(data)["sealed"])
            stored: dict[str, Any] = json.loads(self._cipher.decrypt(sealed, [name.encode()]))
            days = {
                table: tuple(None if day is None else date.fromisoformat(day) for day in listed)
                for table, listed in stored["days"].items()
            }
            return Pending(Subject.from_json(stored["subject"]), days)
        except (InvalidTag, ValueError, KeyError, TypeError):
            raise self._damaged(key) from None

    def _damaged(self, key: str) -> StorageError:
        return StorageError(
            "what is kept of an erased person cannot be read",
            where=self._objects.url(key),
            fix="restore the object from a backup of the bucket, or erase the person again",
        )
