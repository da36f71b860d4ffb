"""Serving the mock CRM: blocking for people, in a background thread for tests and the sandbox.

Only loopback unless told otherwise; nothing is logged below a warning.
"""

import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TypedDict, Unpack

import uvicorn
from starlette.types import ASGIApp

from de_assets.crm.mock.app import create_app
from de_assets.crm.mock.store import Store
from de_assets.errors import CrmUnavailableError

LOOPBACK = "127.0.0.1"
_SECONDS_FOR_REQUESTS_TO_END = 5


class AppOptions(TypedDict, total=False):
    """The optional arguments of `create_app`."""

    requests_per_10_seconds: int | None
    searches_per_second: int | None
    search_lag_seconds: float
    limited_tokens: Mapping[str, Collection[str]] | None
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class RunningCrm:
    """A server that answers: `base_url` has no slash at its end."""

    base_url: str


class _Server(uvicorn.Server):
    """A uvicorn server that says when it answers."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                # No logging configuration: the process that we serve in keeps its own.
                log_config=None,
                log_level="warning",
                access_log=False,
                lifespan="on",
                ws="none",
                timeout_graceful_shutdown=_SECONDS_FOR_REQUESTS_TO_END,
            )
        )
        self.has_started_or_failed = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.has_started_or_failed.set()


def serve(
    database: Path | str, access_token: str, *, host: str = LOOPBACK, port: int = 8090
) -> None:
    """Serve the mock CRM until SIGINT or SIGTERM, then finish open requests and return.

    Raises StorageError if the file is not a database of this server, CrmUnavailableError if the
    server cannot start, for instance because the port is taken.
    """
    _check(database)
    server = _Server(create_app(database, access_token), host, port)
    with _stopping_on_signals(server):
        try:
            server.run()
        except SystemExit as stop:
            raise _not_started(f"{host}:{port}") from stop


@contextmanager
def running_crm(
    database: Path | str, access_token: str, **app_options: Unpack[AppOptions]
) -> Iterator[RunningCrm]:
    """Serve the mock CRM on a free port of 127.0.0.1 for the length of a `with` block.

    Options and errors are those of `create_app`.
    """
    _check(database)
    with running_app(create_app(database, access_token, **app_options)) as crm:
        yield crm


@contextmanager
def running_app(app: ASGIApp) -> Iterator[RunningCrm]:
    """Serve any ASGI application as `running_crm` does, such as the mock CRM wrapped in faults.

    Raises CrmUnavailableError if it cannot start.
    """
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        server = _Server(app, LOOPBACK, port)
        thread = threading.Thread(
            target=_run, args=(server, listener), name=f"mock-crm-{port}", daemon=True
        )
        thread.start()
        server.has_started_or_failed.wait()
        try:
            if not server.started:
                raise _not_started(f"{LOOPBACK}:{port}")
            yield RunningCrm(f"http://{LOOPBACK}:{port}")
        finally:
            server.should_exit = True
            thread.join()


def _check(database: Path | str) -> None:
    # The server would only log what is wrong with the file; here the caller learns it.
    with Store(database):
        pass


def _run(server: _Server, listener: socket.socket) -> None:
    try:
        # uvicorn exits where it cannot start; the thread that waits for us tells that.
        with suppress(SystemExit):
            server.run(sockets=[listener])
    finally:
        server.has_started_or_failed.set()


@contextmanager
def _stopping_on_signals(server: _Server) -> Iterator[None]:
    # uvicorn stops on these signals and then raises them again for the handlers that it found;
    # with ours in their place a stop on purpose ends with a return, not with an exception.
    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in found.items():
            signal.signal(number, handler)


def _not_started(where: str) -> CrmUnavailableError:
    return CrmUnavailableError(
        "the mock CRM could not start; the log above says why",
        where=where,
        fix="choose a free port and a database file of the mock CRM that can be written",
    )
