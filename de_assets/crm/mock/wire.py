"""Reading request bodies and query strings: JSON of the expected shape, or a refusal (400).

Not here: whether a property exists or takes a value (see values.py).
"""

import json
from collections.abc import Mapping
from typing import TypeAlias

from de_assets.crm.mock.errors import invalid_request

JsonObject: TypeAlias = dict[str, object]

LARGEST_ID = 2**63 - 1

_MOST_DIGITS = len(str(LARGEST_ID)) + 1


def parse_object(raw: bytes) -> JsonObject:
    """Return the JSON object that is the whole body."""
    try:
        parsed = json.loads(raw.decode(), parse_constant=_refuse_constant)
        if b"\\ud" in raw or b"\\uD" in raw:
            # Half a surrogate pair is legal JSON but no text: nothing could store or send it.
            json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise invalid_request("Invalid input JSON: the body could not be read as JSON.") from None
    return as_object(parsed, "the body")


def as_object(value: object, what: str) -> JsonObject:
    """Return the value if it is a JSON object; `what` names it in the refusal."""
    if not isinstance(value, dict):
        raise _wrong_shape(what, "an object")
    return value


def objects_in(body: Mapping[str, object], key: str) -> list[JsonObject]:
    """Return the list of objects under `key`; absent is empty."""
    items = body.get(key, [])
    if not isinstance(items, list):
        raise _wrong_shape(key, "a list")
    return [as_object(item, f"every item of {key}") for item in items]


def text_in(body: Mapping[str, object], key: str) -> str:
    """Return the text under `key`, which must be there."""
    value = body.get(key)
    if not isinstance(value, str):
        raise _wrong_shape(key, "a string")
    return value


def optional_text_in(body: Mapping[str, object], key: str) -> str | None:
    """Return the text under `key`, None if it is absent or null."""
    return None if body.get(key) is None else text_in(body, key)


def texts_in(body: Mapping[str, object], key: str) -> list[str]:
    """Return the list of texts under `key`; absent is empty."""
    items = body.get(key, [])
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise _wrong_shape(key, "a list of strings")
    return items


def texts_by_name_in(body: Mapping[str, object], key: str) -> dict[str, str]:
    """Return the object of texts under `key`, which must be there."""
    mapping = as_object(body.get(key), key)
    return {name: _property_text(name, value) for name, value in mapping.items()}


def flag_in(body: Mapping[str, object], key: str) -> bool:
    """Return the boolean under `key`; absent is False."""
    value = body.get(key, False)
    if not isinstance(value, bool):
        raise _wrong_shape(key, "true or false")
    return value


def count_in(body: Mapping[str, object], key: str, *, default: int, most: int) -> int:
    """Return the number from 1 to `most` under `key`, given as a number or as digits."""
    value = body.get(key, default)
    number = _natural_number(value)
    if number is None or not 1 <= number <= most:
        raise _wrong_shape(key, f"a number from 1 to {most}")
    return number


def number_in(body: Mapping[str, object], key: str, *, default: float, most: float) -> float:
    """Return the number from 0 to `most` under `key`, not necessarily whole."""
    value = body.get(key, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
        raise _wrong_shape(key, f"a number from 0 to {most}")
    return value


def cursor_in(body: Mapping[str, object], key: str = "after") -> int:
    """Return the paging cursor under `key`, 0 if it is absent; numbers too large for an id fit."""
    value = body.get(key)
    if value is None or value == "":
        return 0
    number = _natural_number(value)
    if number is None:
        raise _wrong_shape(key, "a cursor that an earlier page returned")
    return min(number, LARGEST_ID)


def contact_id_of(text: str) -> int | None:
    """Return the number of a contact id, None if the text cannot be one."""
    number = _natural_number(text)
    return number if number is not None and number <= LARGEST_ID else None


def _natural_number(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else None
    if (
        isinstance(value, str)
        and value.isascii()
        and value.isdigit()
        and len(value) <= _MOST_DIGITS
    ):
        return int(value)
    return None


def _property_text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong_shape(f"properties.{name}", "a string")
    return value


def _wrong_shape(what: str, expected: str) -> Exception:
    return invalid_request(f"Invalid input: {what} must be {expected}.")


def _refuse_constant(name: str) -> None:
    message = f"{name} is not JSON"
    raise ValueError(message)
