"""The routes of the properties API: list, read one or many, create one or many.

What a property is stands in properties.py.
"""

from collections.abc import Mapping, Sequence

from starlette.responses import JSONResponse, Response

from de_assets.crm.mock import wire
from de_assets.crm.mock.batches import LARGEST_BATCH
from de_assets.crm.mock.calls import Call, Handler
from de_assets.crm.mock.errors import invalid_request, resource_not_found
from de_assets.crm.mock.properties import (
    PropertyDefinition,
    definition_from,
    properties_not_found,
    property_exists,
)
from de_assets.crm.mock.timestamps import text_of


def list_properties(call: Call) -> Response:
    """Answer all property definitions; none is ever archived."""
    with call.store.reading() as tables:
        definitions = [] if call.is_flagged("archived") else [*tables.definitions().values()]
    return JSONResponse({"results": [definition.as_json() for definition in definitions]})


def read_property(call: Call) -> Response:
    """Answer one property definition."""
    with call.store.reading() as tables:
        definition = tables.definitions().get(call.path["name"])
    if definition is None:
        raise resource_not_found()
    return JSONResponse(definition.as_json())


def read_properties(call: Call) -> Response:
    """Answer the definitions of names; list the names that are not defined (207)."""
    body = call.body()
    names = dict.fromkeys(wire.text_in(item, "name") for item in _items(body))
    is_archived = wire.flag_in(body, "archived")
    with call.store.reading() as tables:
        definitions = {} if is_archived else tables.definitions()
    missing = [name for name in names if name not in definitions]
    answer = _batch_answer(call, [definitions[name] for name in names if name in definitions])
    if not missing:
        return JSONResponse(answer)
    errors = [properties_not_found(missing).batch_entry(None)]
    return JSONResponse(answer | {"numErrors": 1, "errors": errors}, status_code=207)


def create_property(call: Call) -> Response:
    """Define one custom property."""
    definition = definition_from(call.body())
    _add(call, [definition])
    return JSONResponse(definition.as_json(), status_code=201)


def create_properties(call: Call) -> Response:
    """Define custom properties, all or none."""
    definitions = [definition_from(item) for item in _items(call.body())]
    _add(call, definitions)
    return JSONResponse(_batch_answer(call, definitions), status_code=201)


def _items(body: wire.JsonObject) -> list[wire.JsonObject]:
    items = wire.objects_in(body, "inputs")
    if not 1 <= len(items) <= LARGEST_BATCH:
        raise invalid_request(
            f"A batch has 1 to {LARGEST_BATCH} inputs; this one has {len(items)}."
        )
    return items


def _batch_answer(call: Call, definitions: Sequence[PropertyDefinition]) -> dict[str, object]:
    moment = text_of(call.now_ms)
    return {
        "status": "COMPLETE",
        "results": [definition.as_json() for definition in definitions],
        "startedAt": moment,
        "completedAt": moment,
    }


def _add(call: Call, definitions: Sequence[PropertyDefinition]) -> None:
    with call.store.writing() as tables:
        taken = set(tables.definitions())
        for definition in definitions:
            if definition.name in taken:
                raise property_exists(definition.name)
            taken.add(definition.name)
            tables.add_definition(definition)


ENDPOINTS: Mapping[tuple[str, str], Handler] = {
    ("GET", ""): list_properties,
    ("POST", ""): create_property,
    ("POST", "/batch/create"): create_properties,
    ("POST", "/batch/read"): read_properties,
    ("GET", "/{name}"): read_property,
}
