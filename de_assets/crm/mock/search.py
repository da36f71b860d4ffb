"""Search: filters, sorts and full text compiled to one SQL query, within HubSpot's limits.

Property names come from the definitions and values are always bound, so no text of a request
becomes part of a query. Archived contacts are never found.
"""

import json
from collections.abc import Mapping, Sequence

from starlette.responses import JSONResponse, Response

from de_assets.crm.mock import wire
from de_assets.crm.mock.calls import Call, Handler
from de_assets.crm.mock.conditions import Condition, joined
from de_assets.crm.mock.errors import PropertyProblem, invalid_properties, invalid_request
from de_assets.crm.mock.properties import CREATED, ID, MODIFIED, PropertyDefinition
from de_assets.crm.mock.records import Records
from de_assets.crm.mock.search_index import as_indexed
from de_assets.crm.mock.store import CONTACT_COLUMNS, contact_from
from de_assets.crm.mock.timestamps import parse_moment
from de_assets.crm.mock.values import InvalidValueError, stored_value, unknown_property

LARGEST_PAGE = 200
LAST_RESULT = 10_000
MOST_FILTER_GROUPS = 5
MOST_FILTERS_IN_A_GROUP = 6
MOST_FILTERS = 18
LONGEST_QUERY = 3_000

_DEFAULT_PAGE = 10
_COLUMNS = {ID: "id", CREATED: "created_ms", MODIFIED: "modified_ms"}
_SEARCHED_BY_QUERY = ("firstname", "lastname", "email", "phone", "company")
_COMPARISONS = {"EQ": "=", "NEQ": "<>", "GT": ">", "GTE": ">=", "LT": "<", "LTE": "<="}
_MEMBERSHIPS = {"IN": "IN", "NOT_IN": "NOT IN"}
_PRESENCES = {"HAS_PROPERTY": "IS NOT NULL", "NOT_HAS_PROPERTY": "IS NULL"}


def search_contacts(call: Call) -> Response:
    """Answer one page of the contacts that fit, with their total number."""
    body = call.body()
    limit = wire.count_in(body, "limit", default=_DEFAULT_PAGE, most=LARGEST_PAGE)
    after = wire.cursor_in(body)
    if after + limit > LAST_RESULT:
        raise invalid_request(f"Search returns at most the first {LAST_RESULT} results.")
    names = wire.texts_in(body, "properties")
    with call.store.reading() as tables:
        records = Records(tables, call.now_ms)
        where = _where(body, records.definitions)
        order = _order(body, records.definitions)
        index = as_indexed(tables, call.now_ms, call.search_lag_ms)
        [(total,)] = tables.rows(
            f"{index.sql}SELECT count(*) FROM contact WHERE {where.sql}",  # noqa: S608 - compiled above, values are bound
            (*index.arguments, *where.arguments),
        )
        rows = tables.rows(
            f"{index.sql}SELECT {CONTACT_COLUMNS} FROM contact WHERE {where.sql}"  # noqa: S608 - compiled above, values are bound
            f" ORDER BY {order.sql} LIMIT ? OFFSET ?",
            (*index.arguments, *where.arguments, *order.arguments, limit, after),
        )
        found = [contact_from(row) for row in rows]
        page: dict[str, object] = {
            "total": total,
            "results": [records.shown(contact, names) for contact in found],
        }
    if after + len(found) < int(str(total)):
        page["paging"] = {"next": {"after": str(after + len(found))}}
    return JSONResponse(page)


def _where(body: wire.JsonObject, definitions: Mapping[str, PropertyDefinition]) -> Condition:
    groups = [wire.objects_in(group, "filters") for group in wire.objects_in(body, "filterGroups")]
    _refuse_too_many(groups)
    conditions = [Condition("archived_ms IS NULL")]
    query = wire.optional_text_in(body, "query") or ""
    if len(query) > LONGEST_QUERY:
        raise invalid_request(f"query has at most {LONGEST_QUERY} characters.")
    if query.strip():
        conditions.append(_full_text(query, definitions))
    if groups:
        alternatives = [
            joined(" AND ", [_filter(item, definitions) for item in group]) for group in groups
        ]
        conditions.append(joined(" OR ", alternatives))
    return joined(" AND ", conditions)


def _refuse_too_many(groups: Sequence[Sequence[wire.JsonObject]]) -> None:
    if (
        len(groups) > MOST_FILTER_GROUPS
        or any(not 1 <= len(group) <= MOST_FILTERS_IN_A_GROUP for group in groups)
        or sum(map(len, groups)) > MOST_FILTERS
    ):
        raise invalid_request(
            f"A search has at most {MOST_FILTER_GROUPS} filterGroups of 1 to "
            f"{MOST_FILTERS_IN_A_GROUP} filters each, and {MOST_FILTERS} filters in all."
        )


def _order(body: wire.JsonObject, definitions: Mapping[str, PropertyDefinition]) -> Condition:
    sorts = body.get("sorts", [])
    if not isinstance(sorts, list) or len(sorts) > 1:
        raise invalid_request("sorts must be a list of at most one rule.")
    if not sorts:
        return Condition("id")
    if isinstance(sorts[0], str):
        name, direction = sorts[0], "ASCENDING"
    else:
        rule = wire.as_object(sorts[0], "every item of sorts")
        name = wire.text_in(rule, "propertyName")
        direction = wire.optional_text_in(rule, "direction") or "ASCENDING"
    if direction not in ("ASCENDING", "DESCENDING"):
        raise invalid_request("direction must be ASCENDING or DESCENDING.")
    expression = _expression(_defined(name, definitions))
    way = "ASC" if direction == "ASCENDING" else "DESC"
    return Condition(f"{expression.sql} {way}, id {way}", expression.arguments)


def _filter(item: wire.JsonObject, definitions: Mapping[str, PropertyDefinition]) -> Condition:
    definition = _defined(wire.text_in(item, "propertyName"), definitions)
    operator = wire.text_in(item, "operator")
    expression = _expression(definition)
    if operator in _PRESENCES:
        return Condition(f"{expression.sql} {_PRESENCES[operator]}", expression.arguments)
    if operator in _MEMBERSHIPS:
        values = [_operand(definition, value) for value in wire.texts_in(item, "values")]
        if not values:
            raise invalid_request(f"{operator} needs values.")
        # One bound list instead of one question mark for each value: SQLite limits those.
        listed = f"{_MEMBERSHIPS[operator]} (SELECT value FROM json_each(?))"  # noqa: S608 - constants
        return Condition(f"{expression.sql} {listed}", (*expression.arguments, json.dumps(values)))
    value = wire.text_in(item, "value")
    if operator == "CONTAINS_TOKEN":
        return Condition(f"matches_tokens({expression.sql}, ?)", (*expression.arguments, value))
    operand = _operand(definition, value)
    if operator == "BETWEEN":
        high = _operand(definition, wire.text_in(item, "highValue"))
        return Condition(
            f"{expression.sql} BETWEEN ? AND ?", (*expression.arguments, operand, high)
        )
    if operator not in _COMPARISONS:
        raise invalid_request(f"This mock CRM does not know the filter operator {operator}.")
    return Condition(
        f"{expression.sql} {_COMPARISONS[operator]} ?", (*expression.arguments, operand)
    )


def _full_text(query: str, definitions: Mapping[str, PropertyDefinition]) -> Condition:
    parts = [_expression(definitions[name]) for name in _SEARCHED_BY_QUERY]
    text = " || ' ' || ".join(f"coalesce({part.sql}, '')" for part in parts)
    arguments = tuple(argument for part in parts for argument in part.arguments)
    return Condition(f"contains_words({text}, ?)", (*arguments, query))


def _defined(name: str, definitions: Mapping[str, PropertyDefinition]) -> PropertyDefinition:
    definition = definitions.get(name)
    if definition is None:
        raise invalid_properties([unknown_property(name)])
    return definition


def _expression(definition: PropertyDefinition) -> Condition:
    column = _COLUMNS.get(definition.name)
    if column is not None:
        return Condition(column)
    path = f'$."{definition.name}"'
    if definition.type == "number":
        return Condition("CAST(json_extract(properties, ?) AS REAL)", (path,))
    return Condition("json_extract(properties, ?) COLLATE NOCASE", (path,))


def _operand(definition: PropertyDefinition, text: str) -> str | int | float:
    operand: str | int | float | None = text
    if definition.name == ID:
        operand = wire.contact_id_of(text)
    elif definition.name in (CREATED, MODIFIED):
        operand = parse_moment(text)
    elif definition.type in ("number", "date", "datetime"):
        try:
            operand = stored_value(definition, text)
        except InvalidValueError:
            operand = None
        if operand and definition.type == "number":
            operand = float(operand)
    if operand is None:
        message = f"{text} cannot be compared with values of type {definition.type}"
        problem = PropertyProblem(definition.name, "INVALID_FILTER_VALUE", message)
        raise invalid_properties([problem])
    return operand


ENDPOINTS: Mapping[tuple[str, str], Handler] = {("POST", "/search"): search_contacts}
