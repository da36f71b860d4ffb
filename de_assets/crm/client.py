"""A client of HubSpot's contacts API, as much of it as the loop needs.

It speaks to the mock CRM and to the real one alike. Here: requests, retries, and answers mapped to
rows. Not here: what to send (`plan.py`) and what was acknowledged (`ledger.py`).
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

from de_assets.errors import CrmError, CrmUnavailableError

BATCH_SIZE = 100  # the API refuses more
SEARCH_PAGE = 200
SEARCH_CAP = 10_000  # results of one search; the API refuses to page on
ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
TIMEOUT_SECONDS = (5, 60)  # to connect, to answer


@dataclass(frozen=True)
class Contact:
    """A contact as the CRM holds it; a property that it does not have is None."""

    crm_id: str
    properties: Mapping[str, str | None]


@dataclass(frozen=True)
class Change:
    """Properties to set on one contact; `key` names our row and comes back in the answer."""

    key: str
    crm_id: str | None
    properties: Mapping[str, str]


@dataclass(frozen=True)
class BatchAnswer:
    """What became of the changes of a batch, by their key.

    Attributes:
        acknowledged: The CRM's id of each contact that was written.
        rejected: The CRM's error category of each that was not.
    """

    acknowledged: Mapping[str, str]
    rejected: Mapping[str, str]


class CrmClient:
    """Contacts of one CRM portal."""

    def __init__(
        self,
        base_url: str,
        access_token: str,
        *,
        api_version: str = "2026-03",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Args: where, with which bearer token, which path dialect (`v3` or a dated one)."""
        self.base_url = base_url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, no .netrc: the token goes to the CRM alone
        self._session.headers["Authorization"] = f"Bearer {access_token}"
        if api_version == "v3":
            self._contacts = "/crm/v3/objects/contacts"
            self._properties = "/crm/v3/properties/contacts"
        else:
            self._contacts = f"/crm/objects/{api_version}/contacts"
            self._properties = f"/crm/properties/{api_version}/contacts"
        self._sleep = sleep

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

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
            answer = self._request("GET", self._contacts, query=query)
            yield from map(_contact, answer["results"])
            after = answer.get("paging", {}).get("next", {}).get("after")
            if after is None:
                return

    def list_modified(
        self, since: datetime, until: datetime, properties: Sequence[str]
    ) -> Iterator[Contact]:
        """Contacts whose `lastmodifieddate` is in a window, by ascending id.

        A bulk change gives more contacts than a search will page through one and the same moment,
        so paging is by id and starts again after each `SEARCH_CAP` results.
        """
        last_id = "0"
        while True:
            found = 0
            for contact in self._search_from(last_id, since, until, properties):
                found += 1
                last_id = contact.crm_id
                yield contact
            if found < SEARCH_CAP:
                return

    def read_contacts(self, crm_ids: Sequence[str], properties: Sequence[str]) -> list[Contact]:
        """The contacts of up to `BATCH_SIZE` ids; those that are gone are left out."""
        answer = self._request(
            "POST",
            f"{self._contacts}/batch/read",
            body={"properties": list(properties), "inputs": [{"id": i} for i in crm_ids]},
        )
        return [_contact(result) for result in answer["results"]]

    def update(self, changes: Sequence[Change]) -> BatchAnswer:
        """Set properties of up to `BATCH_SIZE` contacts that exist; never creates one."""
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

    def property_names(self) -> set[str]:
        """Names of all contact properties that the portal defines."""
        answer = self._request("GET", self._properties)
        return {str(result["name"]) for result in answer["results"]}

    def create_property(self, definition: Mapping[str, Any]) -> None:
        """Define a contact property; one of that name being there already is no error."""
        self._request("POST", self._properties, body=dict(definition), accept={409})

    def _search_from(
        self, last_id: str, since: datetime, until: datetime, properties: Sequence[str]
    ) -> Iterator[Contact]:
        filters = [
            _filter("lastmodifieddate", "GTE", _milliseconds(since)),
            _filter("lastmodifieddate", "LT", _milliseconds(until)),
            _filter("hs_object_id", "GT", last_id),
        ]
        body: dict[str, Any] = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": list(properties),
            "limit": SEARCH_PAGE,
        }
        for _ in range(SEARCH_CAP // SEARCH_PAGE):
            answer = self._request("POST", f"{self._contacts}/search", body=body)
            yield from map(_contact, answer["results"])
            after = answer.get("paging", {}).get("next", {}).get("after")
            if after is None:
                return
            body["after"] = after

    def _write(
        self,
        verb: str,
        inputs: list[dict[str, Any]],
        changes: Sequence[Change],
        id_property: str,
    ) -> BatchAnswer:
        """Answers come in any order; the trace id tells the row, else the id that was sent."""
        answer = self._request("POST", f"{self._contacts}/batch/{verb}", body={"inputs": inputs})
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
            rejected.update(dict.fromkeys(map(str, keys), str(error.get("category", "UNKNOWN"))))
        return BatchAnswer(acknowledged, rejected)

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        accept: set[int] | None = None,
    ) -> Any:  # noqa: ANN401  JSON
        """Send until it is answered, within `ATTEMPTS`; what cannot help is not repeated."""
        pause = FIRST_PAUSE_SECONDS
        trouble = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(pause)
            pause = _next_pause(attempt)
            try:
                answer = self._session.request(
                    method,
                    self.base_url + path,
                    params=query,
                    json=body,
                    timeout=TIMEOUT_SECONDS,
                    allow_redirects=False,
                )
            except (requests.ConnectionError, requests.Timeout) as error:
                trouble = type(error).__name__
                continue
            if answer.status_code == 429 or answer.status_code >= 500:
                trouble = f"HTTP {answer.status_code}"
                pause = _retry_after(answer) or pause
                continue
            if answer.ok or answer.status_code in (accept or ()):
                return _json(answer)
            raise _refusal(answer, method, path)
        raise CrmUnavailableError(
            f"the CRM did not answer {method} {path} in {ATTEMPTS} attempts ({trouble})",
            where=self.base_url,
            fix="start it (`de-assets crm` for the mock), or check CRM_BASE_URL; then run again",
        )


def _json(answer: requests.Response) -> Any:  # noqa: ANN401  JSON
    try:
        return answer.json() if answer.content else {}
    except requests.JSONDecodeError:
        raise CrmError(
            "the CRM answered with something that is not JSON",
            where=f"{answer.request.method} {answer.url.split('?')[0]}",
            fix="check that CRM_BASE_URL is the address of the API, not of a web page",
        ) from None


def _refusal(answer: requests.Response, method: str, path: str) -> CrmError:
    """The CRM's category and codes; its message may quote values, so it is left out."""
    fixes = {
        401: "set CRM_ACCESS_TOKEN to the token of this CRM",
        403: "give the token the scopes crm.objects.contacts.read and .write",
        404: "check CRM_BASE_URL, and that the API version is one that this CRM serves",
    }
    try:
        error = answer.json()
    except requests.JSONDecodeError:
        error = {}
    category = error.get("category", "no category") if isinstance(error, dict) else "no category"
    codes = sorted(
        {
            str(item.get("code"))
            for item in (error.get("errors") or [] if isinstance(error, dict) else [])
            if isinstance(item, dict) and item.get("code")
        }
    )
    return CrmError(
        f"the CRM refused the request: HTTP {answer.status_code}, {category}"
        + (f" ({', '.join(codes)})" if codes else ""),
        where=f"{method} {path}",
        fix=fixes.get(answer.status_code, "the CRM's own log has the details"),
    )


def _next_pause(attempt: int) -> float:
    """Full jitter: a herd that was refused together does not come back together."""
    limit = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0**attempt)
    return random.uniform(limit / 2, limit)  # noqa: S311  nobody gains by guessing a pause


def _retry_after(answer: requests.Response) -> float | None:
    try:
        return min(float(answer.headers["Retry-After"]), LONGEST_PAUSE_SECONDS)
    except (KeyError, ValueError):
        return None


def _contact(result: Mapping[str, Any]) -> Contact:
    return Contact(str(result["id"]), result.get("properties", {}))


def _filter(name: str, operator: str, value: str) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": value}


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))
