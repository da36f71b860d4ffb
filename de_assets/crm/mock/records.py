"""The rules of finding, writing and showing one contact, inside one transaction.

A method that refuses has written nothing, so a batch may go on with its next input.
Not here: HTTP (contacts.py, batches.py) and search conditions (search.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from de_assets.crm.mock import wire
from de_assets.crm.mock.errors import (
    contact_exists,
    contacts_not_found,
    invalid_properties,
    invalid_request,
)
from de_assets.crm.mock.history import BY_INTEGRATION, ContactWrite, versions
from de_assets.crm.mock.properties import CREATED, EMAIL, ID, MODIFIED, PropertyDefinition
from de_assets.crm.mock.runs import count_write
from de_assets.crm.mock.store import Contact, Tables
from de_assets.crm.mock.timestamps import parse_moment, text_of
from de_assets.crm.mock.values import (
    InvalidValueError,
    checked_properties,
    stored_value,
    unknown_property,
)

_ALWAYS_SHOWN = (CREATED, ID, MODIFIED)
_SHOWN_BY_DEFAULT = (CREATED, EMAIL, "firstname", ID, MODIFIED, "lastname")


class Records:
    """Contacts as the API sees them, for one request at one moment by one kind of writer."""

    def __init__(self, tables: Tables, now_ms: int, *, source_type: str = BY_INTEGRATION) -> None:
        self.tables = tables
        self._source_type = source_type
        self.definitions = tables.definitions()
        self._now_ms = now_ms
        self._unique_names = {
            name for name, definition in self.definitions.items() if definition.has_unique_value
        }

    def id_definition(self, id_property: str) -> PropertyDefinition:
        """Return the property that identifies contacts, refused unless its values are unique."""
        definition = self.definitions.get(id_property)
        if definition is None:
            raise invalid_properties([unknown_property(id_property)])
        if not definition.has_unique_value:
            raise invalid_request(
                f"idProperty '{id_property}' is a non-unique property; name one with unique values."
            )
        return definition

    def identity(self, given_id: str, id_property: str | None) -> str:
        """Return a given id in the form in which equal ids are equal texts."""
        if id_property is None:
            number = wire.contact_id_of(given_id)
            return given_id if number is None else str(number)
        try:
            return stored_value(self.id_definition(id_property), given_id)
        except InvalidValueError:
            return given_id

    def find(
        self, given_id: str, id_property: str | None, *, is_archived: bool = False
    ) -> Contact | None:
        """Return the contact of an id, or of the unique value of `id_property`."""
        identity = self.identity(given_id, id_property)
        number = (
            wire.contact_id_of(identity)
            if id_property is None
            else self.tables.owner(id_property, identity)
        )
        contact = None if number is None else self.tables.contact(number)
        if contact is None or (contact.archived_ms is not None) != is_archived:
            return None
        return contact

    def create(self, given: Mapping[str, str]) -> Contact:
        """Add a contact."""
        checked = checked_properties(self.definitions, given, is_new=True)
        created = parse_moment(checked.pop(CREATED, ""))
        properties = {name: value for name, value in checked.items() if value}
        self._refuse_taken_values(properties, owner=None)
        contact = self.tables.add_contact(
            properties, self._now_ms if created is None else created, self._now_ms
        )
        for name in properties.keys() & self._unique_names:
            self.tables.take_unique_value(name, properties[name], contact.id)
        self._remember(contact, properties)
        return contact

    def update(self, contact: Contact, given: Mapping[str, str]) -> Contact:
        """Change properties of a contact; every update moves its last modified date on."""
        checked = checked_properties(self.definitions, given, is_new=False)
        before = contact.properties
        changed = {name: value for name, value in checked.items() if value != before.get(name, "")}
        self._refuse_taken_values(changed, owner=contact.id)
        after = {name: value for name, value in (before | changed).items() if value}
        updated = replace(contact, properties=after, modified_ms=self._next_modified(contact))
        self.tables.replace_contact(updated)
        for name in changed.keys() & self._unique_names:
            if name in before:
                self.tables.free_unique_value(name, before[name])
            if changed[name]:
                self.tables.take_unique_value(name, changed[name], contact.id)
        if changed:
            self._remember(updated, changed)
        return updated

    def upsert(
        self, given_id: str, id_property: str, given: Mapping[str, str]
    ) -> tuple[Contact, bool]:
        """Update the contact that holds a unique value, or add it; say whether it is new."""
        contact = self.find(given_id, id_property)
        if contact is not None:
            return self.update(contact, given), False
        identity = self.identity(given_id, id_property)
        if self.identity(given.get(id_property, given_id), id_property) != identity:
            raise invalid_request(
                f"A new contact is identified by '{id_property}', "
                "but its properties give that property another value."
            )
        return self.create({**given, id_property: identity}), True

    def archive(self, contact: Contact) -> None:
        """Archive a contact, which frees its unique values."""
        moment = self._next_modified(contact)
        self.tables.replace_contact(replace(contact, modified_ms=moment, archived_ms=moment))
        for name in contact.properties.keys() & self._unique_names:
            self.tables.free_unique_value(name, contact.properties[name])

    def found(self, given_id: str, id_property: str | None) -> Contact:
        """Return the contact of an id, refused if there is none."""
        contact = self.find(given_id, id_property)
        if contact is None:
            raise contacts_not_found([given_id])
        return contact

    def shown(
        self, contact: Contact, names: Sequence[str] = (), history_names: Sequence[str] = ()
    ) -> dict[str, object]:
        """Return a contact as JSON, with the named properties or, without names, the usual ones."""
        values = {
            **contact.properties,
            CREATED: text_of(contact.created_ms),
            ID: str(contact.id),
            MODIFIED: text_of(contact.modified_ms),
        }
        wanted = (*_ALWAYS_SHOWN, *names) if names else _SHOWN_BY_DEFAULT
        shown: dict[str, object] = {
            "id": str(contact.id),
            "properties": {name: values.get(name) for name in wanted if name in self.definitions},
            "createdAt": values[CREATED],
            "updatedAt": values[MODIFIED],
            "archived": contact.archived_ms is not None,
        }
        if contact.archived_ms is not None:
            shown["archivedAt"] = text_of(contact.archived_ms)
        if history_names:
            shown["propertiesWithHistory"] = self._shown_history(contact, history_names)
        return shown

    def _shown_history(self, contact: Contact, names: Sequence[str]) -> dict[str, object]:
        writes = self.tables.history(contact.id)
        return {
            name: [
                {
                    "value": version.value,
                    "timestamp": text_of(version.written_ms),
                    "sourceType": version.source_type,
                }
                for version in versions(writes, name)
            ]
            for name in names
            if name in self.definitions
        }

    def _refuse_taken_values(self, values: Mapping[str, str], owner: int | None) -> None:
        for name in sorted(values.keys() & self._unique_names):
            holder = self.tables.owner(name, values[name]) if values[name] else None
            if holder is not None and holder != owner:
                raise contact_exists(holder)

    def _next_modified(self, contact: Contact) -> int:
        # Strictly later, or a reader of changes could miss a second write in one millisecond.
        return max(self._now_ms, contact.modified_ms + 1)

    def _remember(self, contact: Contact, changed: Mapping[str, str]) -> None:
        write = ContactWrite(contact.modified_ms, self._source_type, dict(changed))
        self.tables.add_history(contact.id, write)
        count_write(self.tables, contact, changed)
