"""One API call: who may make it, what it carries, and the routes of both path dialects.

Handlers are plain functions from a `Call` to a response; they run in a worker thread, so that a
long search does not hold up the server.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import URL, QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from de_assets.crm.mock import wire
from de_assets.crm.mock.errors import RefusedRequestError, not_authenticated, resource_not_found
from de_assets.crm.mock.limits import RequestLimits
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

    def body(self) -> wire.JsonObject:
        """Return the JSON object that is the body, refused if it is none."""
        return wire.parse_object(self.raw_body)

    def listed(self, key: str) -> list[str]:
        """Return the values of a query parameter, which may be repeated or hold commas."""
        return [name for text in self.query.getlist(key) for name in text.split(",") if name]

    def is_flagged(self, key: str) -> bool:
        """Whether a query parameter says true."""
        return self.query.get(key, "false").lower() == "true"


Handler: TypeAlias = Callable[[Call], Response]


class Gate:
    """Lets calls with the right token pass, within the limits, and turns refusals into answers."""

    def __init__(
        self, access_token: str, limits: RequestLimits | None, clock: Callable[[], datetime]
    ) -> None:
        if not access_token:
            message = "access_token must not be empty"
            raise ValueError(message)
        self._expected = f"Bearer {access_token}".encode()
        self._limits = limits
        self._clock = clock

    def routes(self, family: str, endpoints: Mapping[tuple[str, str], Handler]) -> list[Route]:
        """Return the routes of an API family ("objects", "properties") under both path dialects.

        `endpoints` maps (method, path below contacts) to handlers; earlier entries win.
        """
        return [
            Route(f"{prefix}{path}", self._endpoint(handler), methods=[method])
            for (method, path), handler in endpoints.items()
            for prefix in (f"/crm/v3/{family}/contacts", f"/crm/{family}/{{version}}/contacts")
        ]

    def _endpoint(self, handler: Handler) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            headers: dict[str, str] = {}
            try:
                now_ms = milliseconds_of(self._clock())
                headers = self._admit(request, now_ms)
                if not _DATED_VERSION.fullmatch(request.path_params.get("version", "2026-03")):
                    raise resource_not_found()
                call = Call(
                    store=request.state.store,
                    now_ms=now_ms,
                    path=request.path_params,
                    query=request.query_params,
                    url=request.url,
                    raw_body=await request.body(),
                )
                response = await run_in_threadpool(handler, call)
            except RefusedRequestError as refusal:
                response = refusal.response()
            response.headers.update(headers)
            return response

        return endpoint

    def _admit(self, request: Request, now_ms: int) -> dict[str, str]:
        given = request.headers.get("authorization", "").encode("latin-1")
        if not secrets.compare_digest(given, self._expected):
            raise not_authenticated()
        return {} if self._limits is None else self._limits.admit(now_ms)
