"""The batch routes: up to 100 inputs, one transaction, and the rules of partial success.

When every input carries its own objectWriteTraceId, good inputs are written and bad ones are
listed (207); otherwise the first bad input rejects the whole batch.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from starlette.responses import JSONResponse, Response

from de_assets.crm.mock import rejects, wire
from de_assets.crm.mock.calls import Call, Handler
from de_assets.crm.mock.contacts import MOST_WITH_HISTORY, refuse_associations
from de_assets.crm.mock.errors import (
    OBJECT_NOT_FOUND,
    RefusedRequestError,
    contacts_not_found,
    invalid_request,
)
from de_assets.crm.mock.properties import EMAIL
from de_assets.crm.mock.records import Records
from de_assets.crm.mock.timestamps import text_of

LARGEST_BATCH = 100


@dataclass(frozen=True, slots=True)
class BatchInput:
    """One input of a batch that writes."""

    given_id: str
    id_property: str | None
    trace_id: str | None
    properties: dict[str, str]


Write: TypeAlias = Callable[[Records, BatchInput], dict[str, object]]


def batch_read(call: Call) -> Response:
    """Answer the contacts of ids or unique values; list the ids that were not found (207)."""
    body = call.body()
    ids = [wire.text_in(item, "id") for item in _items(body)]
    id_property = wire.optional_text_in(body, "idProperty")
    names = wire.texts_in(body, "properties")
    history_names = wire.texts_in(body, "propertiesWithHistory")
    if history_names and len(ids) > MOST_WITH_HISTORY:
        raise invalid_request(
            f"A batch with property histories has at most {MOST_WITH_HISTORY} inputs; "
            f"this one has {len(ids)}."
        )
    is_archived = call.is_flagged("archived")
    with call.store.reading() as tables:
        records = Records(tables, call.now_ms)
        wanted = {records.identity(given_id, id_property): given_id for given_id in ids}
        results = []
        missing = []
        for identity, given_id in wanted.items():
            contact = records.find(identity, id_property, is_archived=is_archived)
            if contact is None:
                missing.append(given_id)
            else:
                results.append(records.shown(contact, names, history_names))
    errors = [contacts_not_found(missing).batch_entry(None)] if missing else []
    return _answer(call, results, errors, status=200)


def batch_create(call: Call) -> Response:
    """Add contacts."""
    items = _items(call.body())
    for item in items:
        refuse_associations(item)
    inputs = [
        BatchInput("", None, wire.optional_text_in(item, "objectWriteTraceId"), properties)
        for item in items
        for properties in [wire.texts_by_name_in(item, "properties")]
    ]
    # E-mail is what identifies a contact before it has an id.
    emails = [entry.properties[EMAIL] for entry in inputs if entry.properties.get(EMAIL)]

    def create(records: Records, entry: BatchInput) -> dict[str, object]:
        return records.shown(records.create(entry.properties), tuple(entry.properties))

    return _write(call, inputs, [(email, EMAIL) for email in emails], create, status=201)


def batch_update(call: Call) -> Response:
    """Change properties of contacts; ids that are not found are listed (207)."""

    def update(records: Records, entry: BatchInput) -> dict[str, object]:
        contact = records.found(entry.given_id, entry.id_property)
        return records.shown(records.update(contact, entry.properties), tuple(entry.properties))

    inputs = _identified_inputs(call)
    return _write(call, inputs, [(e.given_id, e.id_property) for e in inputs], update, status=200)


def batch_upsert(call: Call) -> Response:
    """Update the contacts that hold a unique value, and add those that do not exist."""

    def upsert(records: Records, entry: BatchInput) -> dict[str, object]:
        if entry.id_property is None:
            raise invalid_request("Every input of an upsert needs an idProperty.")
        contact, is_new = records.upsert(entry.given_id, entry.id_property, entry.properties)
        return records.shown(contact, tuple(entry.properties)) | {"new": is_new}

    inputs = _identified_inputs(call)
    return _write(call, inputs, [(e.given_id, e.id_property) for e in inputs], upsert, status=200)


def batch_archive(call: Call) -> Response:
    """Archive contacts; ids that are not found are passed over."""
    ids = [wire.text_in(item, "id") for item in _items(call.body())]
    with call.store.writing() as tables:
        records = Records(tables, call.now_ms)
        for given_id in ids:
            contact = records.find(given_id, None)
            if contact is not None:
                records.archive(contact)
    return Response(status_code=204)


def _items(body: wire.JsonObject) -> list[wire.JsonObject]:
    items = wire.objects_in(body, "inputs")
    if not 1 <= len(items) <= LARGEST_BATCH:
        raise invalid_request(
            f"A batch has 1 to {LARGEST_BATCH} inputs; this one has {len(items)}."
        )
    return items


def _identified_inputs(call: Call) -> list[BatchInput]:
    return [
        BatchInput(
            given_id=wire.text_in(item, "id"),
            id_property=wire.optional_text_in(item, "idProperty"),
            trace_id=wire.optional_text_in(item, "objectWriteTraceId"),
            properties=wire.texts_by_name_in(item, "properties"),
        )
        for item in _items(call.body())
    ]


def _write(
    call: Call,
    inputs: Sequence[BatchInput],
    identities: Sequence[tuple[str, str | None]],
    write: Write,
    *,
    status: int,
) -> Response:
    action = call.url.path.rpartition("/")[2]
    try:
        with call.store.writing() as tables:
            records = Records(tables, call.now_ms)
            _refuse_duplicates(records, identities)
            results, refusals = _write_each(records, inputs, write)
            rejects.remember(tables, call.now_ms, action, [refusal for refusal, _ in refusals])
    except RefusedRequestError as refusal:
        with call.store.writing() as tables:
            rejects.remember_batch(tables, call.now_ms, action, refusal, len(inputs))
        raise
    errors = [refusal.batch_entry(trace_id) for refusal, trace_id in refusals]
    return _answer(call, results, errors, status=status)


def _write_each(
    records: Records, inputs: Sequence[BatchInput], write: Write
) -> tuple[list[dict[str, object]], list[tuple[RefusedRequestError, str | None]]]:
    """Return the results, and each refusal with the trace id of its input."""
    trace_ids = {entry.trace_id for entry in inputs}
    is_partial = None not in trace_ids and len(trace_ids) == len(inputs)
    results = []
    refusals = []
    for entry in inputs:
        try:
            result = write(records, entry)
        except RefusedRequestError as refusal:
            if not is_partial and refusal.category != OBJECT_NOT_FOUND:
                raise
            refusals.append((refusal, entry.trace_id))
        else:
            if entry.trace_id is not None:
                result["objectWriteTraceId"] = entry.trace_id
            results.append(result)
    return results, refusals


def _refuse_duplicates(records: Records, identities: Sequence[tuple[str, str | None]]) -> None:
    counts = Counter(
        (records.identity(given_id, id_property), id_property)
        for given_id, id_property in identities
    )
    repeated = [identity for (identity, _), count in counts.items() if count > 1]
    if repeated:
        raise invalid_request(f"Duplicate IDs found in batch input: [{', '.join(repeated)}].")


def _answer(
    call: Call,
    results: Sequence[dict[str, object]],
    errors: Sequence[dict[str, object]],
    *,
    status: int,
) -> Response:
    moment = text_of(call.now_ms)
    answer: dict[str, object] = {
        "status": "COMPLETE",
        # Never in the order of the inputs, so that no client comes to rely on it.
        "results": results[::-1],
        "startedAt": moment,
        "completedAt": moment,
    }
    if errors:
        answer |= {"numErrors": len(errors), "errors": errors}
        status = 207
    return JSONResponse(answer, status_code=status)


ENDPOINTS: Mapping[tuple[str, str], Handler] = {
    ("POST", "/batch/read"): batch_read,
    ("POST", "/batch/create"): batch_create,
    ("POST", "/batch/update"): batch_update,
    ("POST", "/batch/upsert"): batch_upsert,
    ("POST", "/batch/archive"): batch_archive,
}
