"""The shapes of requests and answers in the mock CRM's OpenAPI document (openapi.py).

Answers are closed: they have no fields but those named here. Requests may have more.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from de_assets.crm.mock import search

Schema: TypeAlias = dict[str, Any]

TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
FLAG: Schema = {"type": "boolean"}
_DIGITS: Schema = {"type": "string", "pattern": "^[0-9]{0,18}$"}
COUNT: Schema = {"type": "integer", "minimum": 0}
MOMENT: Schema = {"type": "string", "format": "date-time"}
_TEXTS_BY_NAME: Schema = {"type": "object", "additionalProperties": {"type": "array"}}
_OPERATORS = (
    *("EQ", "NEQ", "GT", "GTE", "LT", "LTE", "BETWEEN", "IN", "NOT_IN"),
    *("HAS_PROPERTY", "NOT_HAS_PROPERTY", "CONTAINS_TOKEN"),
)


def component_schemas() -> Schema:
    """Return every named shape."""
    contact: Schema = {
        "id": {"type": "string", "pattern": "^[0-9]+$"},
        "properties": {"type": "object", "additionalProperties": TEXT_OR_NULL},
        "createdAt": MOMENT,
        "updatedAt": MOMENT,
        "archived": FLAG,
    }
    sometimes = {
        "archivedAt": MOMENT,
        "objectWriteTraceId": TEXT,
        "propertiesWithHistory": {
            "type": "object",
            "additionalProperties": list_of(reference("PropertyVersion")),
        },
    }
    option = {"label": TEXT, "value": TEXT}
    write_input = {"id": TEXT, "properties": reference("PropertyValues")}
    trace = {"objectWriteTraceId": TEXT_OR_NULL}
    problem = object_of({"message": TEXT}, {"code": TEXT, "context": _TEXTS_BY_NAME})
    return {
        "PropertyValues": {"type": "object", "additionalProperties": TEXT},
        "PropertyVersion": object_of({"value": TEXT, "timestamp": MOMENT, "sourceType": TEXT}),
        "Contact": object_of(contact, sometimes),
        "UpsertedContact": object_of(contact | {"new": FLAG}, sometimes),
        "ContactPage": object_of(
            {"results": list_of(reference("Contact"))}, {"paging": _paging({"link": TEXT})}
        ),
        "SearchPage": object_of(
            {"total": COUNT, "results": list_of(reference("Contact"))}, {"paging": _paging({})}
        ),
        "NewInput": object_of({"properties": reference("PropertyValues")}, trace, is_closed=False),
        "WriteInput": object_of(
            write_input, {"idProperty": TEXT_OR_NULL, **trace}, is_closed=False
        ),
        "Search": object_of(
            {},
            {
                "filterGroups": list_of(
                    object_of({"filters": list_of(reference("Filter"))}, is_closed=False),
                    most=search.MOST_FILTER_GROUPS,
                ),
                "sorts": list_of({"anyOf": [TEXT, reference("SortRule")]}, most=1),
                "query": {"type": ["string", "null"], "maxLength": search.LONGEST_QUERY},
                "properties": list_of(TEXT),
                "limit": {"anyOf": [whole_number(1, search.LARGEST_PAGE), _DIGITS]},
                "after": {"anyOf": [COUNT, _DIGITS, {"type": "null"}]},
            },
            is_closed=False,
        ),
        "SortRule": object_of(
            {"propertyName": TEXT},
            {"direction": {"enum": ["ASCENDING", "DESCENDING", None]}},
            is_closed=False,
        ),
        "Filter": object_of(
            {"propertyName": TEXT, "operator": {"enum": [*_OPERATORS]}},
            {"value": TEXT, "highValue": TEXT, "values": list_of(TEXT)},
            is_closed=False,
        ),
        "Property": object_of(
            dict.fromkeys(("name", "label", "type", "fieldType"), TEXT)
            | {"description": TEXT, "groupName": TEXT, "displayOrder": {"type": "integer"}}
            | {"options": list_of(reference("Option")), "modificationMetadata": {"type": "object"}}
            | dict.fromkeys(
                (
                    *("calculated", "externalOptions", "archived", "hasUniqueValue"),
                    *("hidden", "hubspotDefined", "formField"),
                ),
                FLAG,
            )
        ),
        "Option": object_of(option | {"displayOrder": {"type": "integer"}, "hidden": FLAG}),
        "NewProperty": object_of(
            dict.fromkeys(("name", "label", "type", "fieldType", "groupName"), TEXT),
            {
                "description": TEXT_OR_NULL,
                "hasUniqueValue": FLAG,
                "options": list_of(object_of(option, {"hidden": FLAG}, is_closed=False)),
            },
            is_closed=False,
        ),
        "Error": object_of(
            {"status": TEXT, "message": TEXT, "correlationId": TEXT, "category": TEXT},
            {
                "errors": list_of(problem),
                "links": {"type": "object"},
                "errorType": TEXT,
                "policyName": TEXT,
            },
        ),
        "InputError": object_of(
            {"status": TEXT, "message": TEXT, "category": TEXT}
            | {"context": _TEXTS_BY_NAME, "links": {"type": "object"}, "errors": list_of(problem)}
        ),
    }


def object_of(
    required: Mapping[str, Schema],
    optional: Mapping[str, Schema] | None = None,
    *,
    is_closed: bool = True,
) -> Schema:
    """Return the shape of an object with these fields; closed, it may have no others."""
    return {
        "type": "object",
        "required": [*required],
        "properties": {**required, **(optional or {})},
        "additionalProperties": not is_closed,
    }


def list_of(items: Schema, *, most: int | None = None) -> Schema:
    """Return the shape of a list, of at most `most` items."""
    return {"type": "array", "items": items} | ({} if most is None else {"maxItems": most})


def _paging(others: Mapping[str, Schema]) -> Schema:
    return object_of({"next": object_of({"after": TEXT, **others})})


def whole_number(least: int, most: int) -> Schema:
    """Return the shape of a whole number within two bounds, both allowed."""
    return {"type": "integer", "minimum": least, "maximum": most}


def reference(name: str) -> Schema:
    """Return a reference to one of `component_schemas`."""
    return {"$ref": f"#/components/schemas/{name}"}
