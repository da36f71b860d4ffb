"""The routes of the properties API: list, read, create one, create many.

What a property is stands in properties.py.
"""

from collections.abc import Mapping, Sequence

from starlette.responses import JSONResponse, Response

from de_assets.crm.mock import wire
from de_assets.crm.mock.batches import LARGEST_BATCH
from de_assets.crm.mock.calls import Call, Handler
from de_assets.crm.mock.errors import invalid_request, resource_not_found
from de_assets.crm.mock.properties import PropertyDefinition, definition_from, property_exists
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


def create_property(call: Call) -> Response:
    """Define one custom property."""
    definition = definition_from(call.body())
    _add(call, [definition])
    return JSONResponse(definition.as_json(), status_code=201)


def create_properties(call: Call) -> Response:
    """Define custom properties, all or none."""
    items = wire.objects_in(call.body(), "inputs")
    if not 1 <= len(items) <= LARGEST_BATCH:
        raise invalid_request(
            f"A batch has 1 to {LARGEST_BATCH} inputs; this one has {len(items)}."
        )
    definitions = [definition_from(item) for item in items]
    _add(call, definitions)
    moment = text_of(call.now_ms)
    answer = {
        "status": "COMPLETE",
        "results": [definition.as_json() for definition in definitions],
        "startedAt": moment,
        "completedAt": moment,
    }
    return JSONResponse(answer, status_code=201)


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
    ("GET", "/{name}"): read_property,
}
