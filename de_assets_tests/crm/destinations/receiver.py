"""A receiver of webhooks on a free port of this machine, which answers as a test asks for."""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

TOKEN = "token-of-the-webhook"
PATH = "/scores/in"


@dataclass(frozen=True)
class Request:
    """A request that was answered."""

    path: str
    headers: dict[str, str]
    body: Any
    status: int

    @property
    def keys(self) -> list[str]:
        return [contact["contact_id"] for contact in self.body["contacts"]]


@dataclass
class Receiver:
    """What came; `answers` are given first (0: hang up), then 200, or 422 for `unwanted`."""

    base_url: str = ""
    answers: deque[int] = field(default_factory=deque)
    unwanted: set[str] = field(default_factory=set)
    retry_after: str | None = None
    requests: list[Request] = field(default_factory=list)
    held: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.base_url + PATH

    @property
    def taken(self) -> list[str]:
        """Keys of all contacts that were acknowledged, as often as they were."""
        return [key for each in self.requests if each.status < 300 for key in each.keys]

    @property
    def scores(self) -> dict[str, str]:
        return {key: properties["lead_score"] for key, properties in self.held.items()}

    def answer(self, path: str, headers: dict[str, str], body: Any) -> int:
        keys = {contact["contact_id"] for contact in body["contacts"]}
        given = 422 if keys & self.unwanted else 200
        status = self.answers.popleft() if self.answers else given
        self.requests.append(Request(path, headers, body, status or 599))
        if status < 300:
            for contact in body["contacts"]:
                self.held[contact["contact_id"]] = contact["properties"]
        return status


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = receiver.answer(self.path, dict(self.headers), body)
            if status == 0:
                self.close_connection = True
                return
            text = b"this is no JSON"
            self.send_response(status)
            if status in (301, 302, 307, 308):
                self.send_header("Location", f"{receiver.base_url}/elsewhere")
            if receiver.retry_after is not None and status == 429:
                self.send_header("Retry-After", receiver.retry_after)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.base_url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield receiver
    server.shutdown()
    thread.join()
    server.server_close()
