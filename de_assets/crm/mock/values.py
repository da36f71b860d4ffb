"""Checking property values against their definitions and bringing them to their stored form.

Values are text on the wire and in the store: numbers as written, days as YYYY-MM-DD, moments as
ISO 8601 in UTC. The empty text clears a property.
"""

import re
from collections.abc import Callable, Mapping

from de_assets.crm.mock.errors import PropertyProblem, invalid_properties
from de_assets.crm.mock.properties import CREATED, EMAIL, PropertyDefinition
from de_assets.crm.mock.timestamps import parse_day, parse_moment, text_of

LONGEST_VALUE = 65_536

_NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,2})?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


class InvalidValueError(ValueError):
    """A value does not fit its property; `code` is the API's word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def checked_properties(
    definitions: Mapping[str, PropertyDefinition], given: Mapping[str, str], *, is_new: bool
) -> dict[str, str]:
    """Return the given values in their stored form; refuse the request if any is wrong.

    A new contact may say when it was created; afterwards that is read-only.
    """
    checked = {}
    problems = []
    for name, value in given.items():
        definition = definitions.get(name)
        if definition is None:
            problems.append(unknown_property(name))
        elif definition.is_read_only and not (is_new and name == CREATED):
            message = f'"{name}" is a read only property; its value cannot be set'
            problems.append(PropertyProblem(name, "READ_ONLY_VALUE", message))
        else:
            try:
                checked[name] = stored_value(definition, value)
            except InvalidValueError as error:
                problems.append(PropertyProblem(name, error.code, str(error)))
    if problems:
        raise invalid_properties(problems)
    return checked


def unknown_property(name: str) -> PropertyProblem:
    """Return the problem of a property name that is not defined."""
    return PropertyProblem(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')


def stored_value(definition: PropertyDefinition, value: str) -> str:
    """Return a value in its stored form, or raise InvalidValueError. The empty text passes."""
    if value == "":
        return value
    if len(value) > LONGEST_VALUE:
        message = f"the value has {len(value)} characters; at most {LONGEST_VALUE} are allowed"
        raise InvalidValueError("INVALID_STRING_LENGTH", message)
    kind = EMAIL if definition.name == EMAIL else definition.type
    check = _CHECKS.get(kind)
    return value if check is None else check(definition, value)


def _email(_: PropertyDefinition, value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise InvalidValueError("INVALID_EMAIL", f"Email address {value} is invalid")
    return value.lower()


def _number(_: PropertyDefinition, value: str) -> str:
    if not _NUMBER.fullmatch(value):
        raise InvalidValueError("INVALID_INTEGER", f"{value} was not a valid number")
    return value


def _day(_: PropertyDefinition, value: str) -> str:
    day = parse_day(value)
    if day is None:
        raise InvalidValueError("INVALID_DATE", f"{value} was not a valid date")
    return day


def _moment(_: PropertyDefinition, value: str) -> str:
    moment = parse_moment(value)
    if moment is None:
        raise InvalidValueError("INVALID_LONG", f"{value} was not a valid date and time")
    return text_of(moment)


def _option(definition: PropertyDefinition, value: str) -> str:
    allowed = {option.value for option in definition.options}
    chosen = value.split(";") if definition.takes_many_options else [value]
    if not allowed.issuperset(chosen):
        options = ", ".join(option.value for option in definition.options)
        message = f"{value} was not one of the allowed options: [{options}]"
        raise InvalidValueError("INVALID_OPTION", message)
    return value


# Texts of any other kind are stored as they come.
_CHECKS: Mapping[str, Callable[[PropertyDefinition, str], str]] = {
    EMAIL: _email,
    "number": _number,
    "date": _day,
    "datetime": _moment,
    "enumeration": _option,
    "bool": _option,
}
