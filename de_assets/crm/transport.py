"""Requests to the CRM's API: the token, time-outs, retries, and refusals as our own errors.

Not here: what the API's calls mean (`client.py`). Its messages quote values of contacts, and the
HTTP library's quote headers, so neither ever becomes part of an error.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

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
REFUSED_FOR_CONTENT = {400, 409, 422}


class ContentRefusedError(CrmError):
    """The CRM refused a whole request for something in it; `code` is its word for why."""

    def __init__(self, what: str, *, where: str, fix: str, code: str) -> None:
        super().__init__(what, where=where, fix=fix)
        self.code = code


class Transport:
    """Sends JSON to one address and returns JSON."""

    def __init__(
        self,
        base_url: str,
        access_token: str,
        *,
        sleep: Callable[[float], None],
        timeout_seconds: tuple[float, float],
    ) -> None:
        """Arguments and errors are those of `CrmClient`."""
        if not (access_token.isascii() and access_token.isprintable()) or " " in access_token:
            # The HTTP library would quote it in its own error.
            raise CrmError(
                "the access token holds a blank, a line break or another character that no "
                "token has",
                where="CRM_ACCESS_TOKEN",
                fix="copy it again, without quotes or line breaks",
            )
        self._base_url = base_url
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, no .netrc: the token goes to the CRM alone
        self._session.headers["Authorization"] = f"Bearer {access_token}"
        self._sleep = sleep
        self._timeout_seconds = timeout_seconds

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
        """Send until it is answered, within `ATTEMPTS`; what cannot help is not repeated.

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
        where = f"{method} {path}"
        pause = FIRST_PAUSE_SECONDS
        trouble = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(pause)
            pause = _next_pause(attempt)
            try:
                answer = self._session.request(
                    method,
                    self._base_url + path,
                    params=query,
                    json=body,
                    timeout=self._timeout_seconds,
                    allow_redirects=False,
                )
            except TRANSIENT as error:
                trouble = type(error).__name__
                continue
            except requests.exceptions.InvalidURL:
                raise _no_api("the CRM's address is none", where) from None
            if answer.status_code == 429 or answer.status_code >= 500:
                trouble = f"HTTP {answer.status_code}"
                pause = _retry_after(answer) or pause
                continue
            if answer.status_code < 300 or answer.status_code in accept:
                return _json(answer, where)
            raise _refusal(answer, where)
        parts = urlsplit(self._base_url)
        raise CrmUnavailableError(
            f"the CRM did not answer {where} in {ATTEMPTS} attempts ({trouble})",
            where=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
            fix="start it (`de-assets crm` for the mock), or check CRM_BASE_URL; then run again",
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


def _no_api(what: str, where: str) -> CrmError:
    return CrmError(
        what,
        where=where,
        fix="check that CRM_BASE_URL is the address of the API, not of a web page",
    )


def _refusal(answer: requests.Response, where: str) -> CrmError:
    """The CRM's category and codes; its message may quote values, so it is left out."""
    status = answer.status_code
    if status < 400:
        return CrmError(
            f"the CRM redirects elsewhere (HTTP {status}); the token is not sent there",
            where=where,
            fix="set CRM_BASE_URL to the address that answers without a redirect",
        )
    fixes = {
        401: "set CRM_ACCESS_TOKEN to the token of this CRM",
        403: "give the token the scopes crm.objects.contacts.read and .write",
        404: "check CRM_BASE_URL, and that the API version is one that this CRM serves",
    }
    try:
        code = code_of(answer.json())
    except requests.JSONDecodeError:
        code = code_of(None)
    what = f"the CRM refused the request: HTTP {status}, {code}"
    fix = fixes.get(status, "the CRM's own log has the details")
    if status in REFUSED_FOR_CONTENT:
        return ContentRefusedError(what, where=where, fix=fix, code=code)
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
