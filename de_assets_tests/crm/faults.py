"""A layer before the mock CRM that records requests and spoils them as a test asks for."""

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True)
class Answered:
    """An answer given in the CRM's place; with `is_applied` the CRM has done the work first."""

    status: int
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    is_applied: bool = False
    is_torn: bool = False  # the connection breaks off before the end of the body


def refused(status: int, category: str, *codes: str, message: str = "") -> Answered:
    """A refusal as HubSpot words it."""
    errors = [{"code": code, "message": message} for code in codes]
    body = {"status": "error", "category": category, "message": message, "errors": errors}
    return Answered(status, json.dumps(body).encode())


def rate_limited(retry_after: str | None) -> Answered:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Answered(429, b'{"category": "RATE_LIMITS"}', headers)


LOST = Answered(502, is_applied=True)
TORN = Answered(200, b'{"results": [', is_applied=True, is_torn=True)
UNAVAILABLE = Answered(503)


@dataclass(frozen=True)
class Call:
    """A request that arrived."""

    method: str
    path: str
    query: str
    body: Any
    authorization: str

    @property
    def is_write(self) -> bool:
        return self.path.endswith(("/batch/update", "/batch/upsert", "/batch/create"))


class FaultLayer:
    """Hands requests on to `app`, but answers in its place as long as there are faults to give."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.reset()

    def reset(self) -> None:
        """Forget what was recorded and what was asked for."""
        self.calls: list[Call] = []
        self.faults: deque[Answered | None] = deque()  # None lets one request pass
        self.rewrite: Callable[[Any], Any] = lambda body: body
        self.before: Callable[[Call], None] = lambda _: None

    @property
    def writes(self) -> list[Call]:
        return [call for call in self.calls if call.is_write]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        raw = await _whole_body(receive)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = json.loads(raw) if raw else None
        call = Call(
            scope["method"],
            scope["path"],
            scope["query_string"].decode(),
            body,
            headers.get("authorization", ""),
        )
        self.calls.append(call)
        self.before(call)
        fault = self.faults.popleft() if self.faults else None
        forwarded = _received(json.dumps(self.rewrite(body)).encode() if raw else b"")
        if fault is None:
            await self._app(scope, forwarded, send)
            return
        if fault.is_applied:
            await self._app(scope, forwarded, _into_nothing)
        await _answer(fault, send)


async def _whole_body(receive: Receive) -> bytes:
    raw = b""
    while True:
        message = await receive()
        raw += message.get("body", b"")
        if not message.get("more_body"):
            return raw


def _received(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _into_nothing(_: Message) -> None:
    return


async def _answer(fault: Answered, send: Send) -> None:
    length = len(fault.body) + (100 if fault.is_torn else 0)
    headers = {"content-length": str(length), **fault.headers}
    listed = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": fault.status, "headers": listed})
    await send({"type": "http.response.body", "body": fault.body, "more_body": fault.is_torn})
