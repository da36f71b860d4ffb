"""The versions of a property's value: what it was, since when, and who wrote it.

The store keeps what each write changed; here that becomes the history of one property.
Who shows it: the API (`propertiesWithHistory`), the page of a lead, tests.
"""

from collections.abc import Iterable
from dataclasses import dataclass

# HubSpot's words for who wrote a value.
BY_INTEGRATION = "INTEGRATION"
BY_PERSON = "CRM_UI"


@dataclass(frozen=True, slots=True)
class ContactWrite:
    """What one write changed; the empty text is a property that was cleared."""

    written_ms: int
    source_type: str
    changed: dict[str, str]


@dataclass(frozen=True, slots=True)
class PropertyVersion:
    """One value of one property; the empty text says that it was cleared."""

    value: str
    written_ms: int
    source_type: str


def versions(writes: Iterable[ContactWrite], name: str) -> list[PropertyVersion]:
    """Return the versions of a property, newest first, from writes in the order of time."""
    found = [
        PropertyVersion(write.changed[name], write.written_ms, write.source_type)
        for write in writes
        if name in write.changed
    ]
    return found[::-1]
