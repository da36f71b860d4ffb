"""What an access token may do: HubSpot's names of scopes, and which one a call needs.

Used by the gate (calls.py). A token without a needed scope gets 403 MISSING_SCOPES.
"""

from collections.abc import Collection

READ_CONTACTS = "crm.objects.contacts.read"
WRITE_CONTACTS = "crm.objects.contacts.write"
READ_PROPERTIES = "crm.schemas.contacts.read"
WRITE_PROPERTIES = "crm.schemas.contacts.write"
ALL_SCOPES = frozenset({READ_CONTACTS, WRITE_CONTACTS, READ_PROPERTIES, WRITE_PROPERTIES})

_READING_POSTS = ("/search", "/batch/read")


def scopes_for(family: str, method: str, path: str) -> tuple[str, ...]:
    """Return the scopes of which a call needs any one.

    `family` is "objects" or "properties", `path` what stands below contacts.
    """
    is_reading = method == "GET" or path in _READING_POSTS
    if family == "properties":
        # Who may read contacts may read what they are made of.
        return (READ_PROPERTIES, READ_CONTACTS) if is_reading else (WRITE_PROPERTIES,)
    return (READ_CONTACTS,) if is_reading else (WRITE_CONTACTS,)


def check_scopes(scopes: Collection[str]) -> frozenset[str]:
    """Return the scopes; raise ValueError for one that this server does not know."""
    unknown = sorted(set(scopes) - ALL_SCOPES)
    if unknown:
        message = f"unknown scopes: {', '.join(unknown)}; known are {', '.join(sorted(ALL_SCOPES))}"
        raise ValueError(message)
    return frozenset(scopes)
