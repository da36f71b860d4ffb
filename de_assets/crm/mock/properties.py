"""What a contact property is, HubSpot's standard ones, and reading the definition of a new one.

Custom properties (scores, customer_id, channel) are not here: clients create them through the API.
Checking values against a definition is in values.py.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from de_assets.crm.mock import wire
from de_assets.crm.mock.errors import OBJECT_NOT_FOUND, RefusedRequestError, invalid_request

ID = "hs_object_id"
CREATED = "createdate"
MODIFIED = "lastmodifieddate"
EMAIL = "email"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_FIELD_TYPES: Mapping[str, frozenset[str]] = {
    "string": frozenset({"text", "textarea", "html", "phonenumber", "file"}),
    "number": frozenset({"number"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"date"}),
    "enumeration": frozenset({"select", "radio", "checkbox", "booleancheckbox"}),
    "bool": frozenset({"booleancheckbox"}),
}
_TYPES_WITH_UNIQUE_VALUES = frozenset({"string", "number"})


@dataclass(frozen=True, slots=True)
class Option:
    """One allowed value of an enumeration."""

    label: str
    value: str
    display_order: int = -1
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class PropertyDefinition:
    """The definition of one contact property; moments are milliseconds since 1970."""

    name: str
    label: str
    type: str
    field_type: str
    group_name: str = "contactinformation"
    description: str = ""
    options: tuple[Option, ...] = ()
    has_unique_value: bool = False
    is_standard: bool = False
    is_read_only: bool = False

    @property
    def takes_many_options(self) -> bool:
        """Whether a value may hold several options, separated by semicolons."""
        return self.type == "enumeration" and self.field_type == "checkbox"

    def stored(self) -> dict[str, object]:
        """Return the definition as plain data, for `restored`."""
        return asdict(self)

    def as_json(self) -> dict[str, object]:
        """Return the definition as the API shows it."""
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group_name,
            "options": [
                {
                    "label": option.label,
                    "value": option.value,
                    "displayOrder": option.display_order,
                    "hidden": option.hidden,
                }
                for option in self.options
            ],
            "displayOrder": -1,
            "calculated": False,
            "externalOptions": False,
            "archived": False,
            "hasUniqueValue": self.has_unique_value,
            "hidden": False,
            "hubspotDefined": self.is_standard,
            "formField": not self.is_read_only,
            "modificationMetadata": {
                "archivable": not self.is_standard,
                "readOnlyDefinition": self.is_standard,
                "readOnlyValue": self.is_read_only,
            },
        }


def is_property_name(name: str) -> bool:
    """Whether a property may have this name."""
    return _NAME.fullmatch(name) is not None


def restored(stored: dict[str, Any]) -> PropertyDefinition:
    """Return the definition that `PropertyDefinition.stored` turned into plain data."""
    options = tuple(Option(**option) for option in stored.pop("options"))
    return PropertyDefinition(options=options, **stored)


def definition_from(body: wire.JsonObject) -> PropertyDefinition:
    """Return the custom property that a request body describes."""
    name = wire.text_in(body, "name")
    if not is_property_name(name):
        raise invalid_request(
            "Property names begin with a lower-case letter and hold only lower-case letters, "
            "digits and underscores, at most 100."
        )
    value_type = wire.text_in(body, "type")
    field_type = wire.text_in(body, "fieldType")
    if field_type not in _FIELD_TYPES.get(value_type, ()):
        raise invalid_request(
            f"Property {name}: no property has type {value_type} with fieldType {field_type}."
        )
    has_unique_value = wire.flag_in(body, "hasUniqueValue")
    if has_unique_value and value_type not in _TYPES_WITH_UNIQUE_VALUES:
        raise invalid_request(f"Property {name}: type {value_type} cannot have unique values.")
    return PropertyDefinition(
        name=name,
        label=wire.text_in(body, "label"),
        type=value_type,
        field_type=field_type,
        group_name=wire.text_in(body, "groupName"),
        description=wire.optional_text_in(body, "description") or "",
        options=_options_from(name, value_type, body),
        has_unique_value=has_unique_value,
    )


def property_exists(name: str) -> RefusedRequestError:
    """Return the refusal of a second property of one name (409)."""
    return RefusedRequestError(
        409, "OBJECT_ALREADY_EXISTS", f"A property named '{name}' already exists."
    )


def properties_not_found(names: Iterable[str]) -> RefusedRequestError:
    """Return the refusal of names that no property has, as a batch lists them (404)."""
    return RefusedRequestError(
        404,
        OBJECT_NOT_FOUND,
        "Some properties could not be found: no property has this name.",
        context={"name": list(names)},
    )


def _options_from(name: str, value_type: str, body: wire.JsonObject) -> tuple[Option, ...]:
    if value_type == "bool":
        return (Option("True", "true", 0), Option("False", "false", 1))
    items = wire.objects_in(body, "options")
    options = tuple(
        Option(
            label=wire.text_in(item, "label"),
            value=wire.text_in(item, "value"),
            display_order=position,
            hidden=wire.flag_in(item, "hidden"),
        )
        for position, item in enumerate(items)
    )
    if (value_type == "enumeration") != bool(options):
        raise invalid_request(f"Property {name}: an enumeration needs options, others have none.")
    if len({option.value for option in options}) != len(options):
        raise invalid_request(f"Property {name}: two options have the same value.")
    return options


def _standard(
    name: str,
    label: str,
    *,
    value_type: str = "string",
    field_type: str = "text",
    options: tuple[str, ...] = (),
    has_unique_value: bool = False,
    is_read_only: bool = False,
) -> PropertyDefinition:
    return PropertyDefinition(
        name=name,
        label=label,
        type=value_type,
        field_type=field_type,
        options=tuple(
            Option(label=option, value=option.replace(" ", "").lower(), display_order=position)
            for position, option in enumerate(options)
        ),
        has_unique_value=has_unique_value,
        is_standard=True,
        is_read_only=is_read_only,
    )


STANDARD_PROPERTIES = (
    _standard(EMAIL, "Email", has_unique_value=True),
    _standard("firstname", "First Name"),
    _standard("lastname", "Last Name"),
    _standard("phone", "Phone Number", field_type="phonenumber"),
    _standard("company", "Company Name"),
    _standard("country", "Country/Region"),
    _standard(
        "lifecyclestage",
        "Lifecycle Stage",
        value_type="enumeration",
        field_type="radio",
        options=(
            "Subscriber",
            "Lead",
            "Marketing Qualified Lead",
            "Sales Qualified Lead",
            "Opportunity",
            "Customer",
            "Evangelist",
            "Other",
        ),
    ),
    _standard(CREATED, "Create Date", value_type="datetime", field_type="date", is_read_only=True),
    _standard(
        MODIFIED, "Last Modified Date", value_type="datetime", field_type="date", is_read_only=True
    ),
    _standard(ID, "Record ID", value_type="number", field_type="number", is_read_only=True),
)
