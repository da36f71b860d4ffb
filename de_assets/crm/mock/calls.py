"""One API call: who may make it, what it carries, and the routes of both path dialects.

Handlers are plain functions from a `Call` to a response; they run in a worker thread, so that a
long search does not hold up the server.
"""

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import URL, QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from de_assets.crm.mock import wire
from de_assets.crm.mock.errors import (
    RefusedRequestError,
    invalid_request,
    missing_scopes,
    not_authenticated,
    resource_not_found,
)
from de_assets.crm.mock.faults import LOST, SLOW, Faults, lost_answer
from de_assets.crm.mock.limits import RequestLimits, SearchLimit
from de_assets.crm.mock.scopes import ALL_SCOPES, scopes_for
from de_assets.crm.mock.store import Store
from de_assets.crm.mock.timestamps import milliseconds_of

_DATED_VERSION = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler needs to know of a request; `now_ms` is milliseconds since 1970."""

    store: Store
    now_ms: int
    path: Mapping[str, str]
    query: QueryParams
    url: URL
    raw_body: bytes
    search_lag_ms: int = 0

    def body(self) -> wire.JsonObject:
        """Return the JSON object that is the body, refused if it is none."""
        return wire.parse_object(self.raw_body)

    def listed(self, key: str) -> list[str]:
        """Return the values of a query parameter, which may be repeated or hold commas."""
        return [name for text in self.query.getlist(key) for name in text.split(",") if name]

    def is_flagged(self, key: str) -> bool:
        """Whether a query parameter says true; refused if it says neither true nor false."""
        said = self.query.get(key, "false").lower()
        if said not in ("true", "false"):
            raise invalid_request(f"Invalid input: {key} must be true or false.")
        return said == "true"


Handler: TypeAlias = Callable[[Call], Response]


class Gate:
    """Lets calls with the right token pass, within the limits, and turns refusals into answers."""

    def __init__(
        self,
        scopes_by_token: Mapping[str, frozenset[str]],
        clock: Callable[[], datetime],
        *,
        limits: RequestLimits | None,
        search_limit: SearchLimit | None,
        faults: Faults,
        search_lag_ms: int,
    ) -> None:
        if not all(scopes_by_token):
            message = "access_token must not be empty"
            raise ValueError(message)
        self._scopes_by_header = {
            f"Bearer {token}".encode(): scopes for token, scopes in scopes_by_token.items()
        }
        self._clock = clock
        self._limits = limits
        self._search_limit = search_limit
        self._faults = faults
        self._search_lag_ms = search_lag_ms

    def routes(self, family: str, endpoints: Mapping[tuple[str, str], Handler]) -> list[Route]:
        """Return the routes of an API family ("objects", "properties") under both path dialects.

        `endpoints` maps (method, path below contacts) to handlers; earlier entries win.
        """
        return [
            Route(
                f"{prefix}{path}",
                self._endpoint(
                    handler, scopes_for(family, method, path), is_search=path == "/search"
                ),
                methods=[method],
            )
            for (method, path), handler in endpoints.items()
            for prefix in (f"/crm/v3/{family}/contacts", f"/crm/{family}/{{version}}/contacts")
        ]

    def authenticate_owner(self, request: Request) -> None:
        """Refuse a request unless its token has every scope."""
        lacking = sorted(ALL_SCOPES - self._scopes_of(request))
        if lacking:
            raise missing_scopes(lacking)

    def _endpoint(
        self, handler: Handler, scopes: Sequence[str], *, is_search: bool
    ) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            headers: dict[str, str] = {}
            try:
                now_ms = milliseconds_of(self._clock())
                if self._scopes_of(request).isdisjoint(scopes):
                    raise missing_scopes(scopes)
                headers = self._admitted_headers(now_ms, is_search=is_search)
                if not _DATED_VERSION.fullmatch(request.path_params.get("version", "2026-03")):
                    raise resource_not_found()
                call = Call(
                    store=request.state.store,
                    now_ms=now_ms,
                    path=request.path_params,
                    query=request.query_params,
                    url=request.url,
                    raw_body=await request.body(),
                    search_lag_ms=self._search_lag_ms,
                )
                response = await self._answer(handler, call)
            except RefusedRequestError as refusal:
                response = refusal.response()
            response.headers.update(headers)
            return response

        return endpoint

    async def _answer(self, handler: Handler, call: Call) -> Response:
        """Answer a call, unless a fault on purpose comes before, during or after the work."""
        fault = self._faults.draw()
        refusal = None if fault is None else self._faults.refusal(fault)
        if refusal is not None:
            raise refusal
        if fault == SLOW:
            await asyncio.sleep(self._faults.plan.slow_milliseconds / 1000)
        response = await run_in_threadpool(handler, call)
        return lost_answer() if fault == LOST else response

    def _scopes_of(self, request: Request) -> frozenset[str]:
        given = request.headers.get("authorization", "").encode("latin-1")
        for expected, scopes in self._scopes_by_header.items():
            if secrets.compare_digest(given, expected):
                return scopes
        raise not_authenticated()

    def _admitted_headers(self, now_ms: int, *, is_search: bool) -> dict[str, str]:
        if is_search and self._search_limit is not None:
            self._search_limit.admit(now_ms)
        headers = {} if self._limits is None else self._limits.admit(now_ms)
        return {} if is_search else headers
