"""A headless Chromium of one test module, driven through its DevTools protocol.

It resolves no host name but loopback. What a page logged and asked for is kept until the next page.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from websockets.sync.client import ClientConnection, connect

CHROMIUM = Path("/usr/bin/chromium")
SECONDS_FOR_AN_ANSWER = 30.0
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)
_ACTIVE_ELEMENT = """(() => {
    const one = document.activeElement;
    const label = one.labels && one.labels.length ? one.labels[0].firstChild.data : one.innerText;
    const ring = getComputedStyle(one);
    return {
        tag: one.tagName,
        label: (label || '').trim().replace(/\\s+/g, ' '),
        has_ring: ring.outlineStyle !== 'none' && parseFloat(ring.outlineWidth) >= 2,
        is_on_screen: one.getBoundingClientRect().right > 0,
    };
})()"""


@dataclass(frozen=True, slots=True)
class Focus:
    """The element that has the focus: what it says, and whether one can see that it has it."""

    tag: str
    label: str
    has_ring: bool
    is_on_screen: bool


@dataclass(slots=True)
class Browser:
    """One tab of a running Chromium."""

    connection: ClientConnection
    requested: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _count: int = 0
    _has_loaded: bool = False

    def open(self, url: str, *, width: int = 1280, scheme: str = "light") -> None:
        """Load a page in a window so wide (CSS pixels) and wait until it stands."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        with self.loading():
            self.call("Page.navigate", url=url)

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Wait at the end of a block until the page stands that the block asked for."""
        self.requested.clear()
        self.complaints.clear()
        self._has_loaded = False
        yield
        while not self._has_loaded:
            self._receive()

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Return the result of a command of the protocol."""
        self._count += 1
        number = self._count
        self.connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = self._receive()
            if message.get("id") == number:
                assert "error" not in message, message
                return dict(message["result"])

    def value_of(self, expression: str) -> Any:
        """Return what an expression gives in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release Tab or Enter."""
        code, text = {"Tab": (9, ""), "Enter": (13, "\r")}[key]
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **({"text": text} if text and kind == "keyDown" else {}),
            )

    def write(self, text: str) -> None:
        """Type a text where the focus is."""
        self.call("Input.insertText", text=text)

    def focus(self) -> Focus:
        """Return what has the focus."""
        return Focus(**self.value_of(_ACTIVE_ELEMENT))

    def go_to(self, label: str, most: int = 60) -> None:
        """Press Tab until the element of this label has the focus, at most so often."""
        for _ in range(most):
            self.press("Tab")
            if self.focus().label == label:
                return
        message = f"Tab does not reach {label!r}"
        raise AssertionError(message)

    def tab_stops(self, most: int) -> list[Focus]:
        """Press Tab until the focus has left the page, at most so often."""
        stops = []
        for _ in range(most):
            self.press("Tab")
            found = self.focus()
            if found.tag == "BODY":
                break
            stops.append(found)
        return stops

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.connection.recv(timeout=SECONDS_FOR_AN_ANSWER))
        params = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requested.append(params["request"]["url"])
            case "Log.entryAdded":
                self.complaints.append(params["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(params))
            case "Page.loadEventFired":
                self._has_loaded = True
        return message


@contextmanager
def running_browser(profile: Path) -> Iterator[Browser]:
    """Start Chromium with its own profile directory, and stop it at the end."""
    command = [str(CHROMIUM), *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        try:
            address = urlsplit(_address_of(iter(process.stderr)))
            tabs = requests.get(f"http://{address.netloc}/json/list", timeout=30).json()
            tab = next(each for each in tabs if each["type"] == "page")
            with connect(tab["webSocketDebuggerUrl"], max_size=None, proxy=None) as connection:
                browser = Browser(connection)
                for domain in ("Page", "Network", "Log", "Runtime"):
                    browser.call(f"{domain}.enable")
                yield browser
        finally:
            process.terminate()
            process.stderr.read()


def _address_of(log: Iterator[bytes]) -> str:
    lines = []
    for line in log:
        lines.append(line.decode(errors="replace"))
        if b"DevTools listening on " in line:
            return lines[-1].partition("DevTools listening on ")[2].strip()
    message = f"Chromium ended before it listened: {''.join(lines)[-2000:]}"
    raise AssertionError(message)
