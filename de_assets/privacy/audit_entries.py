"""One entry of the audit log: how it is written, signed, and read back.

Not here: the chain of entries, and where they are kept (`audit_log.py`).
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from de_assets.privacy.keys import MasterKey

WORD = re.compile(r"[a-z][a-z0-9_]*")
FIELDS = frozenset(
    ("number", "at", "actor", "action", "subject", "details", "previous", "key_id", "mac")
)
Body = Mapping[str, object]


@dataclass(frozen=True)
class Entry:
    """One thing that was done.

    Attributes:
        number: From 1, without a gap.
        at: When, UTC.
        actor: Who or what did it.
        action: What was done, one word such as `erase`.
        subject: To whom, as a keyed token; None for what concerns nobody in particular.
        details: Counts.
        previous: Digest of the entry before.
        key_id: The key under which it was written.
        digest: SHA-256 of the entry (hexadecimal): the head of the log when it was the newest.
    """

    number: int
    at: datetime
    actor: str
    action: str
    subject: str | None
    details: Mapping[str, int]
    previous: str
    key_id: str
    digest: str


def new_entry(key: MasterKey, **fields: object) -> tuple[Entry, bytes]:
    """An entry and the bytes that are stored of it.

    Args:
        key: What it is signed under.
        **fields: `number`, `at` (ISO 8601), `actor`, `action`, `subject`, `details`, `previous`.

    Raises:
        TypeError: the action is no lower-case word, or a detail is no count. A mistake in code
            must not carry a value of a row into a log that cannot be altered.
    """
    body = {**fields, "key_id": key.key_id}
    body["mac"] = _mac(body, key).decode()
    data = _written(body)
    return _entry(body, digest_of(data)), data


def read_entry(data: bytes) -> tuple[Entry, Body] | None:
    """What stored bytes say; None if this log would not have written them so."""
    try:
        body = json.loads(data)
        if not isinstance(body, dict) or set(body) != FIELDS or _written(body) != data:
            return None
        return _entry(body, digest_of(data)), body
    except (ValueError, TypeError, RecursionError):
        return None


def is_signed(body: Body, key: MasterKey | None) -> bool:
    """Whether the entry was written by somebody who holds the key."""
    return key is not None and hmac.compare_digest(_mac(body, key), str(body["mac"]).encode())


def digest_of(data: bytes) -> str:
    """SHA-256 of an entry's bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def subject_token(key: MasterKey, contact_id: str) -> str:
    """How the audit log names a contact: HMAC-SHA256 of the contact id, 32 hexadecimal digits."""
    return hmac.digest(key.audit_subject_key, contact_id.encode(), "sha256").hex()[:32]


def _mac(body: Body, key: MasterKey) -> bytes:
    signed = {name: value for name, value in body.items() if name != "mac"}
    return hmac.digest(key.audit_key, _written(signed), "sha256").hex().encode()


def _written(body: Body) -> bytes:
    """The one way to write an entry, so that there is nothing to alter beside its content."""
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _entry(body: Body, digest: str) -> Entry:
    """Raises ValueError or TypeError where a field is of another kind than this log writes."""
    number, details, subject = body["number"], body["details"], body["subject"]
    texts = {
        name: value
        for name in ("at", "actor", "action", "previous", "key_id", "mac")
        if isinstance(value := body[name], str)
    }
    if type(number) is not int or len(texts) < 6 or not isinstance(subject, str | None):
        raise TypeError("a field of the entry is of another kind than this log writes")
    if not WORD.fullmatch(texts["action"]) or not isinstance(details, dict):
        raise TypeError("an audit entry takes a lower-case word as its action")
    if not all(WORD.fullmatch(name) and type(count) is int for name, count in details.items()):
        raise TypeError("the details of an audit entry are counts, named by lower-case words")
    return Entry(
        number=number,
        at=datetime.fromisoformat(texts["at"]),
        actor=texts["actor"],
        action=texts["action"],
        subject=subject,
        details=details,
        previous=texts["previous"],
        key_id=texts["key_id"],
        digest=digest,
    )
