"""A key for every person, and direct identifiers that only that key can read.

A person's key is random and stands, wrapped under the deployment's key, in one Parquet object of
the lake. Forgetting it makes all that was encrypted under it unreadable, wherever copies may be.
Used by `assets/identity.py`, erasure and rotation; which table holds the identities: `contracts`.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO

import polars as pl
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from de_assets.errors import PreconditionFailedError, StorageError
from de_assets.privacy.keys import KEY_BYTES, Keyring
from de_assets.storage.objects import ObjectStore

SUBJECT_KEYS = "identity/_keys/subjects.parquet"
SUBJECT = "contact_id"
KEY_ID = "key_id"
SCHEMA = pl.Schema({SUBJECT: pl.String(), "wrapped_key": pl.Binary(), KEY_ID: pl.String()})
PURPOSE = "subject key"
WRITE_ATTEMPTS = 50  # each lost one means that another writer's change was made


@dataclass(frozen=True)
class SubjectKey:
    """The key of one person.

    Attributes:
        contact_id: Whose key.
        secret: 32 random bytes; not shown.
    """

    contact_id: str
    secret: bytes = field(repr=False)

    @cached_property
    def key_id(self) -> str:
        """Sixteen hexadecimal digits that tell this key from a later one of the same person."""
        return hashlib.sha256(b"de_assets subject key id" + self.secret).hexdigest()[:16]

    @cached_property
    def cipher(self) -> AESSIV:
        """AES-SIV: equal values in one place give equal bytes, so a table can be made again."""
        return AESSIV(hmac.digest(self.secret, b"de_assets identity", hashlib.sha512))


class SubjectKeys:
    """The keys of all people in a lake. Any number of processes may change them at once."""

    def __init__(self, objects: ObjectStore, keyring: Keyring) -> None:
        self._objects = objects
        self._keyring = keyring

    def read(self, contact_ids: Collection[str] | None = None) -> dict[str, SubjectKey]:
        """The keys of those of these contacts (None: of all) that have one, by contact id.

        Raises:
            SettingsError: they are wrapped under a key that is not at hand.
            StorageError: a key was altered.
        """
        return self._unwrapped(self._stored()[0], contact_ids)

    def ensure(self, contact_ids: Collection[str]) -> dict[str, SubjectKey]:
        """The keys of these contacts, made for those that have none yet, by contact id.

        Raises:
            SettingsError, StorageError: as `read`.
            PreconditionFailedError: other writers were faster each time; nothing was changed.
        """

        def with_missing(stored: pl.DataFrame) -> pl.DataFrame:
            missing = sorted(set(contact_ids).difference(stored[SUBJECT]))
            fresh = [SubjectKey(one, secrets.token_bytes(KEY_BYTES)) for one in missing]
            return pl.concat([stored, self._wrapped(fresh)]) if fresh else stored

        return self._unwrapped(self._change(with_missing), contact_ids)

    def forget(self, contact_ids: Collection[str]) -> int:
        """Remove the keys of these contacts, and say how many there were.

        On a versioned bucket older versions of the object (`SUBJECT_KEYS`) still hold them: it is
        the caller's to remove those too.

        Raises:
            PreconditionFailedError: other writers were faster each time; nothing was changed.
        """
        count = 0

        def without(stored: pl.DataFrame) -> pl.DataFrame:
            nonlocal count
            left = stored.filter(~pl.col(SUBJECT).is_in(list(contact_ids)))
            count = stored.height - left.height
            return left

        self._change(without)
        return count

    def rewrap(self) -> int:
        """Wrap all keys that stand under another key again, under the one in use; how many.

        Raises:
            SettingsError, StorageError, PreconditionFailedError: as `ensure`; nothing was changed.
        """
        count = 0

        def wrapped_again(stored: pl.DataFrame) -> pl.DataFrame:
            nonlocal count
            is_old = pl.col(KEY_ID) != self._keyring.key_id
            old = stored.filter(is_old)
            count = old.height
            fresh = self._wrapped(list(self._unwrapped(old, None).values()))
            return pl.concat([stored.filter(~is_old), fresh]) if count else stored

        self._change(wrapped_again)
        return count

    def key_ids(self) -> set[str]:
        """Under which keys of the deployment they are wrapped."""
        return set(self._stored()[0][KEY_ID])

    def _change(self, change: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
        """Put what `change` makes of the stored keys in their place, and return it."""
        for _ in range(WRITE_ATTEMPTS):
            stored, version = self._stored()
            changed = change(stored)
            if changed is stored or changed.equals(stored):
                return stored
            changed = changed.sort(SUBJECT)
            buffer = BytesIO()
            # Compression finds nothing in random bytes, and statistics would name people.
            changed.write_parquet(buffer, compression="zstd", statistics=False)
            try:
                self._objects.write(
                    SUBJECT_KEYS, buffer.getvalue(), if_match=version, if_absent=version is None
                )
            except PreconditionFailedError:
                continue
            return changed
        raise PreconditionFailedError(
            f"other writers were faster {WRITE_ATTEMPTS} times; no key was changed",
            where=self._objects.url(SUBJECT_KEYS),
            fix="run it again",
        )

    def _stored(self) -> tuple[pl.DataFrame, str | None]:
        """The wrapped keys as `SCHEMA`, and the version of their object; None if there is none."""
        try:
            data, version = self._objects.read(SUBJECT_KEYS)
        except FileNotFoundError:
            return pl.DataFrame(schema=SCHEMA), None
        return pl.read_parquet(BytesIO(data)), version

    def _wrapped(self, keys: Sequence[SubjectKey]) -> pl.DataFrame:
        wrap = self._keyring.current.wrap
        return pl.DataFrame(
            {
                SUBJECT: [key.contact_id for key in keys],
                "wrapped_key": [wrap(key.secret, PURPOSE, key.contact_id) for key in keys],
                KEY_ID: [self._keyring.key_id] * len(keys),
            },
            schema=SCHEMA,
        )

    def _unwrapped(
        self, stored: pl.DataFrame, contact_ids: Collection[str] | None
    ) -> dict[str, SubjectKey]:
        if contact_ids is not None:
            stored = stored.filter(pl.col(SUBJECT).is_in(list(contact_ids)))
        masters = {key_id: self._keyring.by_id(key_id) for key_id in stored[KEY_ID].unique()}
        return {
            contact_id: SubjectKey(contact_id, masters[key_id].unwrap(wrapped, PURPOSE, contact_id))
            for contact_id, wrapped, key_id in stored.iter_rows()
        }


def encrypt_rows(
    frame: pl.DataFrame, keys: Mapping[str, SubjectKey], table: str, columns: Sequence[str]
) -> pl.DataFrame:
    """Put ciphertext (base64 text) in the place of these columns, each row under its person's key.

    Args:
        frame: `contact_id` (String, no nulls) and the columns (String).
        keys: A key for every `contact_id` of the frame.
        table: Asset key of the table that the rows are for; they can be read only as its rows.
        columns: What to encrypt; null stays null.

    Returns:
        The frame, with `key_id` (String): which key of the person reads the row.
    """
    owners = [keys[one] for one in frame[SUBJECT].to_list()]
    encrypt = [key.cipher.encrypt for key in owners]
    encrypted = [
        pl.Series(
            name,
            [
                None if value is None else one(value.encode(), place)
                for one, value, place in zip(
                    encrypt, frame[name].to_list(), _places(frame, table, name), strict=True
                )
            ],
            dtype=pl.Binary,
        ).bin.encode("base64")
        for name in columns
    ]
    key_ids = pl.Series(KEY_ID, [key.key_id for key in owners], dtype=pl.String)
    return frame.with_columns(*encrypted, key_ids)


def decrypt_rows(
    frame: pl.DataFrame, keys: Mapping[str, SubjectKey], table: str, columns: Sequence[str]
) -> pl.DataFrame:
    """Put the plain text back. Rows whose key was forgotten have null in all these columns.

    Args:
        frame: What `encrypt_rows` made.
        keys: The keys at hand, by contact id.
        table: Asset key of the table that the rows are of.
        columns: What to decrypt.

    Raises:
        StorageError: a value was altered, or moved from another row, column or table.
    """
    stamped = zip(frame[SUBJECT].to_list(), frame[KEY_ID].to_list(), strict=True)
    decrypt = [
        key.cipher.decrypt if (key := keys.get(one)) and key.key_id == key_id else None
        for one, key_id in stamped
    ]
    plain = []
    for name in columns:
        # Text that is no base64 becomes null here, and is found out below.
        stored = frame[name].str.decode("base64", strict=False)
        if stored.null_count() != frame[name].null_count():
            raise _altered(table, name)
        try:
            values = [
                None if one is None or value is None else one(value, place).decode()
                for one, value, place in zip(
                    decrypt, stored.to_list(), _places(frame, table, name), strict=True
                )
            ]
        except (InvalidTag, ValueError):
            raise _altered(table, name) from None
        plain.append(pl.Series(name, values, dtype=pl.String))
    return frame.with_columns(plain)


def _places(frame: pl.DataFrame, table: str, column: str) -> Iterator[list[bytes]]:
    """What a value is bound to: it cannot be read as another person's, column's or table's."""
    fixed = [table.encode(), column.encode()]
    return ([*fixed, contact_id.encode()] for contact_id in frame[SUBJECT].to_list())


def _altered(table: str, column: str) -> StorageError:
    return StorageError(
        "a value of the identity table was altered or belongs to another row",
        where=f"{table}.{column}",
        fix=f"materialize {table} again for its day, from raw",
    )
