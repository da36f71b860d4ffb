"""Requests to an HTTP API: the token, time-outs, retries, and refusals as our own errors.

Not here: what the calls mean (`client.py`, `destinations/webhook.py`). An API's messages quote
values of contacts, and the HTTP library's quote headers, so neither ever becomes part of an error.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from de_assets.crm.destination import ContentRefusedError
from de_assets.crm.pace import Pace
from de_assets.errors import CrmError, CrmUnavailableError

ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
# What may be better the next time; an answer that broke off belongs to it.
TRANSIENT = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
# A request is refused with one of these for what is in it, not for who asks or where.
REFUSED_FOR_CONTENT = {400, 409, 413, 422}


@dataclass(frozen=True)
class Peer:
    """Who is spoken to, as errors say it.

    Attributes:
        name: What it is.
        address: What sets its address.
        token: What sets its token.
        start: What to do when nobody answers there.
        fixes: What to do about a refusal, by HTTP status.
        has_codes: Whether it words refusals as HubSpot does. Another's are not read: they may say
            anything.
    """

    name: str
    address: str
    token: str
    start: str
    fixes: Mapping[int, str]
    has_codes: bool = False


CRM = Peer(
    "the CRM",
    "CRM_BASE_URL",
    "CRM_ACCESS_TOKEN",
    "start it (`de-assets crm` for the mock), or check CRM_BASE_URL; then run again",
    {
        401: "set CRM_ACCESS_TOKEN to the token of this CRM",
        403: "give the token the scopes crm.objects.contacts.read and .write",
        404: "check CRM_BASE_URL, and that the API version is one that this CRM serves",
    },
    has_codes=True,
)


class Transport:
    """Sends JSON to one address and returns JSON.

    Attributes:
        is_doubtful: Whether the last request was sent more than once, and an attempt before the
            last may have been obeyed although its answer was lost.
    """

    def __init__(
        self,
        base_url: str,
        access_token: str,
        *,
        sleep: Callable[[float], None],
        timeout_seconds: tuple[float, float],
        peer: Peer = CRM,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Arguments and errors are those of `CrmClient`; `peer` says who is spoken to."""
        if not (access_token.isascii() and access_token.isprintable()) or " " in access_token:
            # The HTTP library would quote it in its own error.
            raise CrmError(
                "the access token holds a blank, a line break or another character that no "
                "token has",
                where=peer.token,
                fix="copy it again, without quotes or line breaks",
            )
        self._base_url = base_url
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, no .netrc: the token goes to the CRM alone
        self._session.headers["Authorization"] = f"Bearer {access_token}"
        self._sleep = sleep
        self._pace = Pace(clock, sleep)
        self._timeout_seconds = timeout_seconds
        self._peer = peer
        self.is_doubtful = False

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        accept: frozenset[int] = frozenset(),
    ) -> dict[str, Any]:
        """Send until it is answered with JSON, within `ATTEMPTS`.

        Args:
            method: GET or POST.
            path: Below the address.
            query: Parameters.
            body: To be sent as JSON.
            accept: Refusals, by HTTP status, that are no error to the caller.

        Returns:
            The JSON object that was answered; an empty one for an empty answer.

        Raises:
            ContentRefusedError: for what is in the request.
            CrmError: it was refused otherwise, or the address is not that of an API.
            CrmUnavailableError: there was no answer within the budget of attempts.
        """
        answer = self._answer(method, path, query=query, body=body, accept=accept)
        return _json(answer, f"{method} {path}")

    def deliver(self, path: str, *, body: object, headers: Mapping[str, str]) -> None:
        """POST JSON until it is taken, within `ATTEMPTS`; what else the answer says is not read.

        Raises:
            ContentRefusedError: for what is in the body.
            CrmError: it was refused otherwise.
            CrmUnavailableError: there was no answer within the budget of attempts.
        """
        self._answer("POST", path, body=body, headers=headers)

    def _answer(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        accept: frozenset[int] = frozenset(),
    ) -> requests.Response:
        """The first answer that repeating would not better, unless it is a refusal."""
        where = f"{method} {path}"
        pause = FIRST_PAUSE_SECONDS
        trouble = ""
        self.is_doubtful = False
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(pause)
            pause = _next_pause(attempt)
            self._pace.wait()
            try:
                answer = self._session.request(
                    method,
                    self._base_url + path,
                    params=query,
                    json=body,
                    headers=headers,
                    timeout=self._timeout_seconds,
                    allow_redirects=False,
                )
            except TRANSIENT as error:
                trouble = type(error).__name__
                self.is_doubtful = True
                continue
            except requests.exceptions.InvalidURL:
                raise _no_api("the address is none", where, self._peer) from None
            self._pace.note(answer.headers, is_counted=answer.status_code != 429)
            if answer.status_code == 429 or answer.status_code >= 500:
                trouble = f"HTTP {answer.status_code}"
                self.is_doubtful |= answer.status_code != 429
                pause = _retry_after(answer) or pause
                continue
            if answer.status_code < 300 or answer.status_code in accept:
                return answer
            raise _refusal(answer, where, self._peer, is_doubtful=self.is_doubtful)
        parts = urlsplit(self._base_url)
        raise CrmUnavailableError(
            f"{self._peer.name} did not answer {where} in {ATTEMPTS} attempts ({trouble})",
            where=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
            fix=self._peer.start,
        )


def results_of(answer: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """The records of an answer.

    Raises:
        CrmError: there is no list of them, so it was not HubSpot's API that answered.
    """
    results = answer.get("results")
    if not isinstance(results, list):
        raise _no_api("the CRM answered without a list of results", where)
    return results


def code_of(error: object) -> str:
    """The codes of an error body or of one entry of a batch, else its category."""
    if not isinstance(error, dict):
        return "UNKNOWN"
    codes = {
        str(item["code"])
        for item in error.get("errors") or []
        if isinstance(item, dict) and item.get("code")
    }
    return ", ".join(sorted(codes)) or str(error.get("category") or "UNKNOWN")


def _json(answer: requests.Response, where: str) -> dict[str, Any]:
    try:
        content = answer.json() if answer.content else {}
    except requests.JSONDecodeError:
        content = None
    if not isinstance(content, dict):
        raise _no_api("the CRM answered with something that is not a JSON object", where)
    return content


def _no_api(what: str, where: str, peer: Peer = CRM) -> CrmError:
    return CrmError(
        what,
        where=where,
        fix=f"check that {peer.address} is the address of the API, not of a web page",
    )


def _refusal(answer: requests.Response, where: str, peer: Peer, *, is_doubtful: bool) -> CrmError:
    """Its category and codes; a message may quote values, so it is left out."""
    status = answer.status_code
    if status < 400:
        return CrmError(
            f"{peer.name} redirects elsewhere (HTTP {status}); the token is not sent there",
            where=where,
            fix=f"set {peer.address} to the address that answers without a redirect",
        )
    code, what = f"HTTP_{status}", f"{peer.name} refused the request: HTTP {status}"
    if peer.has_codes:
        try:
            code = code_of(answer.json())
        except requests.JSONDecodeError:
            code = code_of(None)
        what = f"{what}, {code}"
    fix = peer.fixes.get(status, f"the log of {peer.name} has the details")
    if status in REFUSED_FOR_CONTENT:
        return ContentRefusedError(what, where=where, fix=fix, code=code, is_doubtful=is_doubtful)
    return CrmError(what, where=where, fix=fix)


def _next_pause(attempt: int) -> float:
    """Full jitter: a herd that was refused together does not come back together."""
    limit = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0**attempt)
    return random.uniform(limit / 2, limit)  # noqa: S311  nobody gains by guessing a pause


def _retry_after(answer: requests.Response) -> float | None:
    """The pause that the CRM asks for, seconds; None if it asks for none that can be waited."""
    try:
        seconds = float(answer.headers["Retry-After"])
    except (KeyError, ValueError):
        return None
    return min(seconds, LONGEST_PAUSE_SECONDS) if seconds > 0 else None
