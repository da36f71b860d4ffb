"""The mock CRM as a Starlette application: API routes, pages, and the store's life.

Not here: sockets and threads (server.py).
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from de_assets.crm.mock import batches, contacts, openapi, pages, property_routes, search
from de_assets.crm.mock.calls import Gate
from de_assets.crm.mock.control import Control, MovableClock
from de_assets.crm.mock.errors import RefusedRequestError, resource_not_found
from de_assets.crm.mock.faults import Faults
from de_assets.crm.mock.limits import RequestLimits, SearchLimit
from de_assets.crm.mock.scopes import ALL_SCOPES, check_scopes
from de_assets.crm.mock.store import Store


def _now() -> datetime:
    return datetime.now(UTC)


def create_app(
    database: Path | str,
    access_token: str,
    *,
    requests_per_10_seconds: int | None = None,
    searches_per_second: int | None = None,
    search_lag_seconds: float = 0,
    limited_tokens: Mapping[str, Collection[str]] | None = None,
    clock: Callable[[], datetime] = _now,
) -> Starlette:
    """Return the mock CRM, which keeps its contacts in the SQLite file `database`.

    The file is opened when the application starts (its lifespan must run) and closed when it
    stops. Without `requests_per_10_seconds` and `searches_per_second` nothing is limited; with
    them, the windows slide on `clock`, which also stamps every write. Search finds a write
    `search_lag_seconds` later. `access_token` has every scope; `limited_tokens` are further
    tokens, each with its scopes.

    Raises ValueError for an empty token, an unknown scope, a negative lag or a limit below one;
    starting raises StorageError if the
    file is not a database of this server.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[Mapping[str, Store]]:
        with Store(database) as store:
            yield {"store": store}

    limits = None if requests_per_10_seconds is None else RequestLimits(requests_per_10_seconds)
    if search_lag_seconds < 0:
        message = f"search_lag_seconds must not be negative, but is {search_lag_seconds}"
        raise ValueError(message)
    scopes_by_token = {
        **{token: check_scopes(scopes) for token, scopes in (limited_tokens or {}).items()},
        access_token: ALL_SCOPES,
    }
    faults = Faults()
    movable_clock = MovableClock(clock)
    gate = Gate(
        scopes_by_token,
        movable_clock,
        limits=limits,
        search_limit=None if searches_per_second is None else SearchLimit(searches_per_second),
        faults=faults,
        search_lag_ms=round(search_lag_seconds * 1000),
    )
    objects = {**batches.ENDPOINTS, **search.ENDPOINTS, **contacts.ENDPOINTS}
    return Starlette(
        routes=[
            *gate.routes("objects", objects),
            *gate.routes("properties", property_routes.ENDPOINTS),
            *Control(gate, faults, movable_clock).routes(),
            *openapi.ROUTES,
            *pages.ROUTES,
        ],
        exception_handlers={HTTPException: _refused},
        lifespan=lifespan,
    )


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):  # pragma: no cover - Starlette passes no other here
        raise error
    if not request.url.path.startswith("/crm/"):
        return pages.missing_page(error.status_code)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return resource_not_found().response()
    refusal = RefusedRequestError(error.status_code, "METHOD_NOT_ALLOWED", error.detail)
    return refusal.response()
