"""The mock CRM's API as an OpenAPI 3.1 document in our own words, served at /openapi.json.

It describes this server, not HubSpot: answers are closed (no further fields), so that a fuzzer
sees every departure. Tests fuzz the server against it; people read it.
"""

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from de_assets.crm.mock import contacts
from de_assets.crm.mock.batches import LARGEST_BATCH
from de_assets.crm.mock.openapi_schemas import (
    COUNT,
    FLAG,
    MOMENT,
    TEXT,
    TEXT_OR_NULL,
    Schema,
    component_schemas,
    list_of,
    object_of,
    reference,
    whole_number,
)


def document() -> Schema:
    """Return the OpenAPI document as plain data."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mock CRM",
            "version": "1",
            "description": "The contacts and properties calls that the project uses. Every path "
            "exists in two dialects, with the version in the middle or v3.",
        },
        "paths": _paths(),
        "components": {
            "schemas": component_schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def serve_document(_: Request) -> Response:
    """Answer the document; it needs no token."""
    return JSONResponse(document())


def _paths() -> Schema:
    paths: Schema = {}
    for family, below in (("objects", _contact_paths()), ("properties", _property_paths())):
        for path, operations in below.items():
            paths[f"/crm/v3/{family}/contacts{path}"] = operations
            dated = {
                method: operation
                | {
                    "parameters": [
                        _in_path("version", {"enum": ["2026-03"]}),
                        *operation["parameters"],
                    ]
                }
                for method, operation in operations.items()
            }
            paths[f"/crm/{family}/{{version}}/contacts{path}"] = dated
    return paths


def _contact_paths() -> dict[str, Schema]:
    contact_id = _in_path("contact_id", {"type": "string", "minLength": 1})
    id_property = _in_query("idProperty", TEXT)
    archived = _in_query("archived", FLAG)
    shown = (_in_query("properties", TEXT), _in_query("propertiesWithHistory", TEXT))
    page_size = _in_query("limit", whole_number(1, contacts.LARGEST_PAGE))
    after = _in_query("after", {"type": "string", "pattern": "^[0-9]{0,18}$"})
    values = _body(object_of({"properties": reference("PropertyValues")}, is_closed=False))
    return {
        "": {
            "get": _call(
                "list contacts",
                {200: reference("ContactPage")},
                parameters=(page_size, after, archived, *shown),
            ),
            "post": _call("create a contact", {201: reference("Contact")}, body=values),
        },
        "/{contact_id}": {
            "get": _call(
                "read a contact",
                {200: reference("Contact")},
                parameters=(contact_id, id_property, archived, *shown),
            ),
            "patch": _call(
                "update a contact",
                {200: reference("Contact")},
                parameters=(contact_id, id_property),
                body=values,
            ),
            "delete": _call("archive a contact", {204: None}, parameters=(contact_id,)),
        },
        "/gdpr-delete": {
            "post": _call(
                "erase a contact for good",
                {204: None},
                body=_body(
                    object_of({"objectId": TEXT}, {"idProperty": TEXT_OR_NULL}, is_closed=False)
                ),
            )
        },
        "/search": {
            "post": _call("search", {200: reference("SearchPage")}, body=_body(reference("Search")))
        },
        "/batch/read": {
            "post": _batch(
                "read contacts",
                "Contact",
                object_of({"id": TEXT}, is_closed=False),
                parameters=(archived,),
                others={
                    "idProperty": TEXT_OR_NULL,
                    "properties": list_of(TEXT),
                    "propertiesWithHistory": list_of(TEXT),
                },
            )
        },
        "/batch/create": {
            "post": _batch("create contacts", "Contact", reference("NewInput"), status=201)
        },
        "/batch/update": {"post": _batch("update contacts", "Contact", reference("WriteInput"))},
        "/batch/upsert": {
            "post": _batch("update or create contacts", "UpsertedContact", reference("WriteInput"))
        },
        "/batch/archive": {
            "post": _call(
                "archive contacts",
                {204: None},
                body=_body(_inputs(object_of({"id": TEXT}, is_closed=False))),
            )
        },
    }


def _property_paths() -> dict[str, Schema]:
    name = _in_path("name", {"type": "string", "minLength": 1})
    return {
        "": {
            "get": _call(
                "list properties",
                {200: object_of({"results": list_of(reference("Property"))})},
                parameters=(_in_query("archived", FLAG),),
            ),
            "post": _call(
                "create a property",
                {201: reference("Property")},
                body=_body(reference("NewProperty")),
            ),
        },
        "/batch/create": {
            "post": _batch("create properties", "Property", reference("NewProperty"), status=201)
        },
        "/batch/read": {
            "post": _batch(
                "read properties",
                "Property",
                object_of({"name": TEXT}, is_closed=False),
                others={"archived": FLAG},
            )
        },
        "/{name}": {
            "get": _call("read a property", {200: reference("Property")}, parameters=(name,))
        },
    }


def _call(
    summary: str,
    answers: Mapping[int, Schema | None],
    *,
    parameters: Sequence[Schema] = (),
    body: Schema | None = None,
) -> Schema:
    refused = dict.fromkeys((400, 401, 403, 404, 409, 429), reference("Error"))
    responses = {
        str(status): {"description": "refused" if status >= 400 else "done"}
        | ({} if schema is None else {"content": {"application/json": {"schema": schema}}})
        for status, schema in {**answers, **refused}.items()
    }
    call: Schema = {"summary": summary, "parameters": [*parameters], "responses": responses}
    return call if body is None else call | {"requestBody": body}


def _batch(
    summary: str,
    result: str,
    item: Schema,
    *,
    status: int = 200,
    parameters: Sequence[Schema] = (),
    others: Mapping[str, Schema] | None = None,
) -> Schema:
    answer = {
        "status": {"const": "COMPLETE"},
        "results": list_of(reference(result)),
        "startedAt": MOMENT,
        "completedAt": MOMENT,
    }
    partial = answer | {"numErrors": COUNT, "errors": list_of(reference("InputError"))}
    return _call(
        summary,
        {status: object_of(answer), 207: object_of(partial)},
        parameters=parameters,
        body=_body(_inputs(item, others or {})),
    )


def _inputs(item: Schema, others: Mapping[str, Schema] | None = None) -> Schema:
    inputs = list_of(item, most=LARGEST_BATCH) | {"minItems": 1}
    return object_of({"inputs": inputs}, others, is_closed=False)


def _body(schema: Schema) -> Schema:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _in_path(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _in_query(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "schema": schema}


ROUTES = (Route("/openapi.json", serve_document),)
