"""A proxy in front of an S3 server that lets so many bytes through and then nothing more."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from urllib.parse import urlsplit


@dataclass
class Proxy:
    """Where it listens, and whether it has stalled; from then on no request is answered."""

    url: str
    target: tuple[str | None, int | None]
    remaining_bytes: int
    has_stalled: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)
    _connections: list[socket.socket] = field(default_factory=list)
    _threads: list[Thread] = field(default_factory=list)

    def start(self, work: Callable[..., None], *arguments: object) -> None:
        self._threads.append(Thread(target=work, args=arguments))
        self._threads[-1].start()

    def accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(self.target)
                self._connections.extend([client, server])
                self.start(self._pass_on, client, server, self._allowed)
                self.start(self._pass_on, server, client, lambda data: data)

    def stop(self) -> None:
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for connection in self._connections:
            connection.close()

    def _pass_on(
        self, giver: socket.socket, taker: socket.socket, allowed: Callable[[bytes], bytes]
    ) -> None:
        with suppress(OSError):
            while data := giver.recv(65_536):
                taker.sendall(allowed(data))

    def _allowed(self, data: bytes) -> bytes:
        with self._lock:
            allowed = data[: self.remaining_bytes]
            self.remaining_bytes -= len(allowed)
        if len(allowed) < len(data):
            self.has_stalled.set()
        return allowed


@contextmanager
def stalling_proxy(target: str, stall_after_bytes: int) -> Iterator[Proxy]:
    parts = urlsplit(target)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        proxy = Proxy(url, (parts.hostname, parts.port), stall_after_bytes)
        proxy.start(proxy.accept, listener)
        yield proxy
        listener.shutdown(socket.SHUT_RDWR)
        proxy.stop()
