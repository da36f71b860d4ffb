"""The audit log: who did what to personal data, as a chain of entries that shows tampering.

One object an entry, created only where none is. Each holds the digest of the one before and an
HMAC, so nobody without the key can alter, remove, insert or reorder entries unseen. A tail that was
cut off shows to who noted a later head. Used by erasure, rotation and retention.
"""

import os
import pwd
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from de_assets.errors import PreconditionFailedError, StorageError
from de_assets.privacy.audit_entries import (
    Body,
    Entry,
    digest_of,
    is_signed,
    new_entry,
    read_entry,
    subject_token,
)
from de_assets.privacy.keys import Keyring
from de_assets.storage.objects import ObjectStore

PREFIX = "audit/"
NO_ENTRY = "0" * 64  # the digest before the first entry, and the head of an empty log
# Says that the log was intact under the keys of its time; what stands before it needs no other key.
VOUCH = "vouch"
APPEND_ATTEMPTS = 50  # each lost one means that another writer's entry was added
KEY = re.compile(r"audit/([0-9]{12})\.json")


@dataclass(frozen=True)
class Verification:
    """What came of reading the whole log.

    Attributes:
        entries: Those that can be read, in order.
        head: Digest of the newest; note it elsewhere to detect a tail that was cut off.
        problems: What is wrong, in words; empty for a log that is intact.
    """

    entries: tuple[Entry, ...]
    head: str
    problems: tuple[str, ...]

    @property
    def is_intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


@dataclass(frozen=True)
class _Stored:
    """An object of the log: its number, its digest, and what it says if it is an entry."""

    number: int
    digest: str
    entry: Entry | None
    body: Body


def user_at_host() -> str:
    """The user of the operating system and the machine, such as `dagster@worker-1`."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class AuditLog:
    """The audit log of a lake. Any number of processes may append at the same time."""

    objects: ObjectStore
    keyring: Keyring
    actor: str = field(default_factory=user_at_host)
    now: Callable[[], datetime] = _utc_now

    def append(
        self, action: str, *, subject: str | None = None, details: Mapping[str, int] | None = None
    ) -> Entry:
        """Add an entry at the end.

        Args:
            action: What was done, one lower-case word.
            subject: To whom: the contact id, which is stored as a keyed token only.
            details: Counts by name. Nothing else, so that no value of a row gets in.

        Returns:
            The entry as it was written.

        Raises:
            PreconditionFailedError: other writers were faster each time; nothing was added.
            StorageError: the bucket refuses.
        """
        token = None if subject is None else subject_token(self.keyring.current, subject)
        for _ in range(APPEND_ATTEMPTS):
            number, head = self._end()
            written = self._write(number + 1, head, action, token, details or {})
            if written is not None:
                return written
        raise self._always_late()

    def vouch(self, details: Mapping[str, int] | None = None) -> Entry:
        """Verify the log with the keys at hand, and say so under the key in use.

        From then on the entries before need no other key: the chain of digests binds them to this
        entry. It is how the log stays verifiable when a key is taken out of service.

        Raises:
            StorageError: the log is not intact.
            PreconditionFailedError: other writers were faster each time.
        """
        for _ in range(APPEND_ATTEMPTS):
            found = self.verify()
            if not found.is_intact:
                raise StorageError(
                    f"the audit log is not intact: {found.problems[0]}",
                    where=self.objects.url(PREFIX),
                    fix="run `de-assets audit`, and see docs/privacy-keys.md",
                )
            number = len(found.entries)
            counts = {**(details or {}), "entries": number}
            if written := self._write(number + 1, found.head, VOUCH, None, counts):
                return written
        raise self._always_late()

    def needs_vouching(self) -> bool:
        """Whether the log could not be verified with the key in use alone."""
        return not AuditLog(self.objects, Keyring(self.keyring.current)).verify().is_intact

    def verify(self, expect_head: str | None = None) -> Verification:
        """Read the whole log, and hold it against itself and the keys at hand.

        Args:
            expect_head: A head that was noted earlier, which the log must still contain.
        """
        problems: list[str] = []
        stored = self._stored(problems)
        vouched = self._newest_vouch(stored)
        head = NO_ENTRY
        for one in stored:
            problems.extend(self._problems_of(one, head, is_vouched=one.number < vouched))
            head = one.digest
        if expect_head is not None and expect_head not in {NO_ENTRY, *(s.digest for s in stored)}:
            problems.append("the noted head is not in the log: entries were removed or replaced")
        entries = tuple(one.entry for one in stored if one.entry is not None)
        return Verification(entries, head, tuple(problems))

    def about(self, contact_id: str, entries: Sequence[Entry]) -> list[Entry]:
        """Those of these entries that are about a contact and were written under a key at hand."""
        tokens = {subject_token(key, contact_id) for key in self.keyring.known().values()}
        return [entry for entry in entries if entry.subject in tokens]

    def _stored(self, problems: list[str]) -> list[_Stored]:
        numbers = []
        for info in self.objects.list(PREFIX):
            if match := KEY.fullmatch(info.key):
                numbers.append(int(match[1]))
            else:
                problems.append(f"{info.key} is no entry of this log")
        found: list[_Stored] = []
        for listed in numbers:
            # A listing that was under way may have passed over an entry before the one it saw.
            while (following := found[-1].number + 1 if found else 1) < listed:
                if (one := self._read(following)) is None:
                    problems.append(f"entry {following} is missing")
                    break
                found.append(one)
            if (one := self._read(listed)) is not None:
                found.append(one)
        return found

    def _read(self, number: int) -> _Stored | None:
        try:
            data, _ = self.objects.read(_key(number))
        except FileNotFoundError:
            return None
        entry, body = read_entry(data) or (None, {})
        return _Stored(number, digest_of(data), entry, body)

    def _newest_vouch(self, stored: list[_Stored]) -> int:
        """Number of the newest entry that vouches under a key at hand; 0 if there is none."""
        vouches = (one for one in stored if one.entry is not None and one.entry.action == VOUCH)
        known = self.keyring.known()
        signed = (
            one.number for one in vouches if is_signed(one.body, known.get(str(one.body["key_id"])))
        )
        return max(signed, default=0)

    def _problems_of(self, one: _Stored, head: str, *, is_vouched: bool) -> list[str]:
        """What is wrong with an entry that follows the digest `head`."""
        name = f"entry {one.number}"
        if one.entry is None:
            return [f"{name} was altered: it is not as this log writes entries"]
        problems = []
        if one.entry.number != one.number:
            problems.append(f"{name} was moved: it says that it is {one.entry.number}")
        if one.entry.previous != head:
            problems.append(f"{name} does not follow the entry before it")
        key = self.keyring.known().get(one.entry.key_id)
        if key is None and not is_vouched:
            problems.append(f"{name} is of the key {one.entry.key_id}, which is not at hand")
        if key is not None and not is_signed(one.body, key):
            problems.append(f"{name} was altered or forged: its HMAC is wrong")
        return problems

    def _end(self) -> tuple[int, str]:
        """Number and digest of the newest entry."""
        numbers = [
            int(match[1])
            for info in self.objects.list(PREFIX)
            if (match := KEY.fullmatch(info.key))
        ]
        if not numbers:
            return 0, NO_ENTRY
        return numbers[-1], digest_of(self.objects.read(_key(numbers[-1]))[0])

    def _write(
        self, number: int, head: str, action: str, subject: str | None, details: Mapping[str, int]
    ) -> Entry | None:
        """The entry, or None if another writer took its number meanwhile."""
        entry, data = new_entry(
            self.keyring.current,
            number=number,
            at=self.now().astimezone(UTC).isoformat(timespec="microseconds"),
            actor=self.actor,
            action=action,
            subject=subject,
            details=dict(details),
            previous=head,
        )
        try:
            self.objects.write(_key(number), data, if_absent=True)
        except PreconditionFailedError:
            return None
        return entry

    def _always_late(self) -> PreconditionFailedError:
        return PreconditionFailedError(
            f"other writers were faster {APPEND_ATTEMPTS} times; nothing was added",
            where=self.objects.url(PREFIX),
            fix="run it again",
        )


def _key(number: int) -> str:
    return f"{PREFIX}{number:012d}.json"
