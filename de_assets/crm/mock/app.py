"""The mock CRM as a Starlette application: API routes, pages, and the store's life.

Not here: sockets and threads (server.py).
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from de_assets.crm.mock import batches, contacts, pages, property_routes, search
from de_assets.crm.mock.calls import Gate
from de_assets.crm.mock.errors import RefusedRequestError, resource_not_found
from de_assets.crm.mock.limits import RequestLimits
from de_assets.crm.mock.store import Store


def _now() -> datetime:
    return datetime.now(UTC)


def create_app(
    database: Path | str,
    access_token: str,
    *,
    requests_per_10_seconds: int | None = None,
    clock: Callable[[], datetime] = _now,
) -> Starlette:
    """Return the mock CRM, which keeps its contacts in the SQLite file `database`.

    The file is opened when the application starts (its lifespan must run) and closed when it
    stops. Without `requests_per_10_seconds` nothing is limited; with it, the window slides on
    `clock`, which also stamps every write.

    Raises ValueError for an empty token or a limit below one; starting raises StorageError if the
    file is not a database of this server.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[Mapping[str, Store]]:
        with Store(database) as store:
            yield {"store": store}

    limits = None if requests_per_10_seconds is None else RequestLimits(requests_per_10_seconds)
    gate = Gate(access_token, limits, clock)
    objects = {**batches.ENDPOINTS, **search.ENDPOINTS, **contacts.ENDPOINTS}
    return Starlette(
        routes=[
            *gate.routes("objects", objects),
            *gate.routes("properties", property_routes.ENDPOINTS),
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
