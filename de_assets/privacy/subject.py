"""Who is to be erased: all that names one person and nobody else.

Made by `find_subject.py` out of the lake, kept by `tombstones.py` as tokens, and handed to every
holder of personal data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from de_assets.privacy.erased import KINDS, Erased, Kind, token_of


@dataclass(frozen=True)
class Subject:
    """One person, by all identifiers that are known. Never shown: it prints no values.

    Attributes:
        contact: Contact ids: ours, and the one that stood in for it while the CRM had none.
        crm: Keys of records in the CRM.
        email: Addresses.
        phone: Numbers.
        visitor: Browsers.
        session: Sessions of the tracker.
        shared: How many identifiers other contacts have too; they are left out above, since they
            tell nobody apart.
    """

    contact: frozenset[str] = field(default=frozenset(), repr=False)
    crm: frozenset[str] = field(default=frozenset(), repr=False)
    email: frozenset[str] = field(default=frozenset(), repr=False)
    phone: frozenset[str] = field(default=frozenset(), repr=False)
    visitor: frozenset[str] = field(default=frozenset(), repr=False)
    session: frozenset[str] = field(default=frozenset(), repr=False)
    shared: int = 0

    def of(self, kind: Kind) -> frozenset[str]:
        """The identifiers of one kind."""
        values: frozenset[str] = getattr(self, kind)
        return values

    def __or__(self, other: "Subject") -> "Subject":
        """What is known of a person from two places."""
        both = {kind: self.of(kind) | other.of(kind) for kind in KINDS}
        return Subject(**both, shared=max(self.shared, other.shared))

    def erased(self, key: bytes) -> Erased:
        """What recognises this person in frames, and says nothing to who lacks the key."""
        return Erased(
            key,
            {
                kind: frozenset(
                    token for one in self.of(kind) if (token := token_of(key, kind, one))
                )
                for kind in KINDS
            },
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, to be encrypted by the caller."""
        return {kind: sorted(self.of(kind)) for kind in KINDS} | {"shared": self.shared}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Subject":
        """What `to_json` made."""
        values = {kind: frozenset(stored[kind]) for kind in KINDS}
        return cls(**values, shared=stored["shared"])
