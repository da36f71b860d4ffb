"""A client of HubSpot's contacts API, as much of it as the loop needs.

It speaks to the mock CRM and to the real one alike. Here: the calls, and answers mapped to rows.
Not here: retries (`transport.py`), what to send (`plan.py`), what was acknowledged (`ledger.py`).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from de_assets.crm.destination import BatchAnswer, Change
from de_assets.crm.transport import Transport, code_of, results_of
from de_assets.errors import CrmError

BATCH_SIZE = 100  # the API refuses more
SEARCH_PAGE = 200
HISTORY_BATCH_SIZE = 50  # the API refuses more where the history of properties is asked for
TIMEOUT_SECONDS = (5.0, 60.0)  # to connect, to answer
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Contact:
    """A contact as the CRM holds it; a property that it does not have is None."""

    crm_id: str
    properties: Mapping[str, str | None]


@dataclass(frozen=True)
class LastWrite:
    """Who wrote a value, in the CRM's word (INTEGRATION, CRM_UI, ...), and when (UTC, naive)."""

    source_type: str
    written_at: datetime


class CrmClient:
    """Contacts of one CRM portal."""

    def __init__(
        self,
        base_url: str,
        access_token: str,
        *,
        api_version: str = "2026-03",
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        timeout_seconds: tuple[float, float] = TIMEOUT_SECONDS,
    ) -> None:
        """Nothing is sent yet.

        Args:
            base_url: The address of the API.
            access_token: The bearer token.
            api_version: The path dialect, `v3` or a dated one.
            sleep: What waits between requests, seconds.
            clock: Seconds that only ever grow, to keep within the CRM's limit.
            timeout_seconds: How long to wait for a connection, and for an answer.

        Raises:
            CrmError: the token has characters that no header can carry.
        """
        self.base_url = base_url.rstrip("/")
        self._transport = Transport(
            self.base_url, access_token, sleep=sleep, timeout_seconds=timeout_seconds, clock=clock
        )
        if api_version == "v3":
            self._contacts = "/crm/v3/objects/contacts"
            self._properties = "/crm/v3/properties/contacts"
        else:
            self._contacts = f"/crm/objects/{api_version}/contacts"
            self._properties = f"/crm/properties/{api_version}/contacts"

    def close(self) -> None:
        """Give the connections back."""
        self._transport.close()

    def __enter__(self) -> "CrmClient":
        """Use as a context manager, so that connections are given back."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def list_contacts(self, properties: Sequence[str]) -> Iterator[Contact]:
        """Every contact that is not archived, page by page, by ascending id."""
        after: str | None = None
        while True:
            query = {"limit": str(BATCH_SIZE), "properties": ",".join(properties)}
            if after is not None:
                query["after"] = after
            answer = self._transport.request("GET", self._contacts, query=query)
            yield from map(_contact, results_of(answer, self._contacts))
            after = _next_page(answer)
            if after is None:
                return

    def list_modified(
        self, since: datetime, until: datetime, properties: Sequence[str]
    ) -> Iterator[Contact]:
        """Contacts whose `lastmodifieddate` is in a window, by ascending id.

        Each page asks for the ids after the last one. The API's own paging counts rows, so it
        would pass over a contact when an earlier one changes and leaves the window meanwhile, and
        it ends after 10,000 results, fewer than one bulk change touches.

        Args:
            since: Aware; the first moment that counts.
            until: Aware; the first moment that no longer does.
            properties: Names of the properties to read.
        """
        last_id = "0"
        while True:
            filters = [
                _filter("lastmodifieddate", "GTE", _milliseconds(since)),
                _filter("lastmodifieddate", "LT", _milliseconds(until)),
                _filter("hs_object_id", "GT", last_id),
            ]
            answer = self._transport.request(
                "POST",
                f"{self._contacts}/search",
                body={
                    "filterGroups": [{"filters": filters}],
                    "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
                    "properties": list(properties),
                    "limit": SEARCH_PAGE,
                },
            )
            found = [_contact(result) for result in results_of(answer, self._contacts)]
            yield from found
            if not found or _next_page(answer) is None:
                return
            last_id = found[-1].crm_id

    def find_contacts(self, property_name: str, value: str) -> list[Contact]:
        """The contacts that have a value in a property, at most `SEARCH_PAGE` of them.

        The real CRM finds a contact some seconds after it was written.
        """
        answer = self._transport.request(
            "POST",
            f"{self._contacts}/search",
            body={
                "filterGroups": [{"filters": [_filter(property_name, "EQ", value)]}],
                "properties": [property_name],
                "limit": SEARCH_PAGE,
            },
        )
        return [_contact(result) for result in results_of(answer, self._contacts)]

    def read_contacts(self, crm_ids: Sequence[str], properties: Sequence[str]) -> list[Contact]:
        """The contacts of up to `BATCH_SIZE` ids; those that are gone are left out."""
        inputs = [{"id": crm_id} for crm_id in dict.fromkeys(crm_ids)]
        if not inputs:
            return []
        answer = self._transport.request(
            "POST",
            f"{self._contacts}/batch/read",
            body={"properties": list(properties), "inputs": inputs},
        )
        return [_contact(result) for result in results_of(answer, self._contacts)]

    def read_last_writes(
        self, crm_ids: Sequence[str], properties: Sequence[str]
    ) -> dict[tuple[str, str], LastWrite]:
        """Who wrote what up to `HISTORY_BATCH_SIZE` contacts hold, by CRM id and property."""
        inputs = [{"id": crm_id} for crm_id in dict.fromkeys(crm_ids)]
        if not inputs:
            return {}
        answer = self._transport.request(
            "POST",
            f"{self._contacts}/batch/read",
            body={"propertiesWithHistory": list(properties), "inputs": inputs},
        )
        return {
            (str(result["id"]), name): LastWrite(
                str(versions[0].get("sourceType", "")), _naive_utc(versions[0]["timestamp"])
            )
            for result in results_of(answer, self._contacts)
            for name, versions in result.get("propertiesWithHistory", {}).items()
            if versions
        }

    def update(self, changes: Sequence[Change]) -> BatchAnswer:
        """Set properties of up to `BATCH_SIZE` contacts that exist; never creates one.

        Raises:
            ContentRefusedError: the CRM refused the batch as a whole; nothing was written.
        """
        inputs = [
            {
                "id": change.crm_id,
                "objectWriteTraceId": change.key,
                "properties": dict(change.properties),
            }
            for change in changes
        ]
        return self._write("update", inputs, changes, "hs_object_id")

    def upsert(self, changes: Sequence[Change], id_property: str) -> BatchAnswer:
        """Set properties of up to `BATCH_SIZE` contacts by a unique property; creates the others.

        The value of `id_property` is each change's key.

        Raises:
            ContentRefusedError: the CRM refused the batch as a whole; nothing was written.
        """
        inputs = [
            {
                "id": change.key,
                "idProperty": id_property,
                "objectWriteTraceId": change.key,
                "properties": {**change.properties, id_property: change.key},
            }
            for change in changes
        ]
        return self._write("upsert", inputs, changes, id_property)

    def erase_contact(self, crm_id: str) -> None:
        """Have the CRM remove a contact for good (its GDPR deletion); one that is gone stays so.

        Raises:
            CrmError: it refuses, or answers that there is no such contact and still shows it.
        """
        path = f"{self._contacts}/gdpr-delete"
        self._transport.request("POST", path, body={"objectId": crm_id}, accept=frozenset({404}))
        if self.read_contacts([crm_id], []):
            raise CrmError(
                "the CRM still holds a contact that it was asked to remove for good",
                where=f"POST {path}",
                fix="check that the API version is one that this CRM serves, or remove the "
                "contact in the CRM by hand",
            )

    def property_names(self) -> set[str]:
        """Names of all contact properties that the portal defines."""
        return {str(definition["name"]) for definition in self.property_definitions()}

    def property_definitions(self) -> list[Mapping[str, Any]]:
        """All contact properties that the portal defines, as its API shows them."""
        answer = self._transport.request("GET", self._properties)
        return list(results_of(answer, self._properties))

    def create_property(self, definition: Mapping[str, Any]) -> None:
        """Define a contact property; one of that name being there already is no error."""
        self._transport.request(
            "POST", self._properties, body=dict(definition), accept=frozenset({409})
        )

    def _write(
        self,
        verb: str,
        inputs: list[dict[str, Any]],
        changes: Sequence[Change],
        id_property: str,
    ) -> BatchAnswer:
        """Answers come in any order; the trace id tells the row, else the id that was sent."""
        answer = self._transport.request(
            "POST", f"{self._contacts}/batch/{verb}", body={"inputs": inputs}
        )
        by_id = {str(sent["id"]): change.key for sent, change in zip(inputs, changes, strict=True)}
        acknowledged: dict[str, str] = {}
        for result in answer.get("results", []):
            sent_id = result.get("properties", {}).get(id_property) or result["id"]
            key = result.get("objectWriteTraceId") or by_id.get(str(sent_id))
            if key is not None:
                acknowledged[str(key)] = str(result["id"])
        rejected: dict[str, str] = {}
        for error in answer.get("errors", []):
            context = error.get("context", {})
            keys = context.get("objectWriteTraceId") or [
                by_id[str(i)] for i in context.get("ids", []) if str(i) in by_id
            ]
            rejected.update(dict.fromkeys(map(str, keys), code_of(error)))
        doubtful = frozenset(rejected) if self._transport.is_doubtful else frozenset()
        return BatchAnswer(acknowledged, rejected, doubtful)


def _next_page(answer: Mapping[str, Any]) -> str | None:
    after = answer.get("paging", {}).get("next", {}).get("after")
    return None if after is None else str(after)


def _contact(result: Mapping[str, Any]) -> Contact:
    return Contact(str(result["id"]), result.get("properties", {}))


def _filter(name: str, operator: str, value: str) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": value}


def _milliseconds(moment: datetime) -> str:
    return str((moment - EPOCH) // timedelta(milliseconds=1))


def _naive_utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
