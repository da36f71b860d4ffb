"""The routes that read and write one contact, and the list of all.

Not here: batches (batches.py) and search (search.py).
"""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from de_assets.crm.mock import wire
from de_assets.crm.mock.calls import Call, Handler
from de_assets.crm.mock.errors import invalid_request, resource_not_found
from de_assets.crm.mock.records import Records
from de_assets.crm.mock.store import Contact

LARGEST_PAGE = 100
MOST_WITH_HISTORY = 50
_DEFAULT_PAGE = 10


def list_contacts(call: Call) -> Response:
    """Answer one page of all contacts (or of all archived ones), in the order of their ids."""
    history_names = call.listed("propertiesWithHistory")
    most = MOST_WITH_HISTORY if history_names else LARGEST_PAGE
    limit = wire.count_in(dict(call.query), "limit", default=_DEFAULT_PAGE, most=most)
    after = wire.cursor_in(dict(call.query))
    state = "IS NOT NULL" if call.is_flagged("archived") else "IS NULL"
    with call.store.reading() as tables:
        found = tables.select(
            f"WHERE id > ? AND archived_ms {state} ORDER BY id LIMIT ?", (after, limit + 1)
        )
        records = Records(tables, call.now_ms)
        page: dict[str, object] = {
            "results": [
                records.shown(contact, call.listed("properties"), history_names)
                for contact in found[:limit]
            ]
        }
    if len(found) > limit:
        cursor = str(found[limit - 1].id)
        link = str(call.url.include_query_params(after=cursor))
        page["paging"] = {"next": {"after": cursor, "link": link}}
    return JSONResponse(page)


def read_contact(call: Call) -> Response:
    """Answer one contact by its id or by a unique property."""
    with call.store.reading() as tables:
        records = Records(tables, call.now_ms)
        contact = _named(call, records, is_archived=call.is_flagged("archived"))
        names = call.listed("properties")
        return JSONResponse(records.shown(contact, names, call.listed("propertiesWithHistory")))


def create_contact(call: Call) -> Response:
    """Add one contact."""
    body = call.body()
    refuse_associations(body)
    given = wire.texts_by_name_in(body, "properties")
    with call.store.writing() as tables:
        records = Records(tables, call.now_ms)
        return JSONResponse(records.shown(records.create(given), tuple(given)), status_code=201)


def update_contact(call: Call) -> Response:
    """Change properties of one contact."""
    given = wire.texts_by_name_in(call.body(), "properties")
    with call.store.writing() as tables:
        records = Records(tables, call.now_ms)
        contact = records.update(_named(call, records), given)
        return JSONResponse(records.shown(contact, tuple(given)))


def archive_contact(call: Call) -> Response:
    """Archive one contact; one that is archived already stays so."""
    contact_id = call.path["contact_id"]
    with call.store.writing() as tables:
        records = Records(tables, call.now_ms)
        contact = records.find(contact_id, None)
        if contact is not None:
            records.archive(contact)
        elif records.find(contact_id, None, is_archived=True) is None:
            raise resource_not_found()
    return Response(status_code=204)


def erase_contact(call: Call) -> Response:
    """Remove one contact for good, archived or not, by its id or by a unique property."""
    body = call.body()
    given_id = wire.text_in(body, "objectId")
    id_property = wire.optional_text_in(body, "idProperty")
    with call.store.writing() as tables:
        records = Records(tables, call.now_ms)
        contact = records.find(given_id, id_property) or records.find(
            given_id, id_property, is_archived=True
        )
        if contact is None:
            raise resource_not_found()
        tables.remove_contact(contact.id)
    call.store.scrub()
    return Response(status_code=204)


def refuse_associations(body: Mapping[str, object]) -> None:
    """Refuse associations to other objects rather than lose them: there are only contacts here."""
    if body.get("associations") not in (None, []):
        raise invalid_request("This mock CRM has only contacts: associations must be empty.")


def _named(call: Call, records: Records, *, is_archived: bool = False) -> Contact:
    id_property = call.query.get("idProperty")
    contact = records.find(call.path["contact_id"], id_property, is_archived=is_archived)
    if contact is None:
        raise resource_not_found()
    return contact


ENDPOINTS: Mapping[tuple[str, str], Handler] = {
    ("GET", ""): list_contacts,
    ("POST", ""): create_contact,
    ("POST", "/gdpr-delete"): erase_contact,
    ("GET", "/{contact_id}"): read_contact,
    ("PATCH", "/{contact_id}"): update_contact,
    ("DELETE", "/{contact_id}"): archive_contact,
}
