"""Headless Chromium, driven through its debugging pipe: no further package is needed."""

import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip


class Page:
    """One page.

    Attributes:
        complaints: What the page and the browser wrote on the console as a warning or an error, and uncaught errors.
        requests: Addresses of every request.
    """

    def __init__(self, sent: int, received: int) -> None:
        self._sent, self._received, self._rest, self._number = sent, received, b"", 0
        self.complaints: list[str] = []
        self.requests: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = ""
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def open(self, file: Path) -> None:
        """Load a file and wait until all of it is there."""
        self._call("Page.navigate", url=file.resolve().as_uri())
        until = time.monotonic() + 60
        while self.run("location.protocol + document.readyState") != "file:complete":
            assert time.monotonic() < until, f"{file} is not loaded within a minute"
            time.sleep(0.05)

    def run(self, script: str) -> Any:
        """The value of an expression."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Press a key, such as `Enter` (13) or `Tab` (9)."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def point(self, x: float, y: float) -> None:
        """Move the mouse there."""
        self._call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def look(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """Give the page a size and a colour scheme."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, file: Path) -> None:
        """Write a PNG of the whole page."""
        file.write_bytes(b64decode(self._call("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def printed(self, file: Path) -> None:
        """Write the page as a PDF, as a printer would get it."""
        file.write_bytes(b64decode(self._call("Page.printToPDF", printBackground=False)["data"]))

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if getattr(self, "_session", ""):
            message["sessionId"] = self._session
        os.write(self._sent, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])
            self._note(answer)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select.select([self._received], [], [], 60)[0], "the browser does not answer within a minute"
            piece = os.read(self._received, 1 << 20)
            assert piece, "the browser has ended"
            self._rest += piece
        message, self._rest = self._rest.split(b"\0", 1)
        return dict(json.loads(message))

    def _note(self, event: dict[str, Any]) -> None:
        content = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(content["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(content["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if content["type"] in ("warning", "error", "assert"):
                self.complaints.append(json.dumps(content["args"]))
            case "Log.entryAdded" if content["entry"]["level"] in ("warning", "error"):
                self.complaints.append(content["entry"]["text"])


@contextlib.contextmanager
def open_browser() -> Iterator[Page]:
    """Start Chromium with an empty profile, and end it."""
    assert CHROMIUM is not None
    (reads, sent), (received, writes) = _pipe(), _pipe()

    def connect() -> None:
        os.dup2(reads, 3)  # where the browser reads from,
        os.dup2(writes, 4)  # and writes to

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=connect, close_fds=False,  # ours are closed all the same: they are not inheritable
        )  # fmt: skip
        os.close(reads)
        os.close(writes)
        try:
            yield Page(sent, received)
        finally:
            os.close(sent)  # it ends when nobody speaks to it any more
            try:
                browser.wait(10)
            except subprocess.TimeoutExpired:
                browser.kill()
                browser.wait()
            os.close(received)


def _pipe() -> tuple[int, int]:
    """A pipe's two ends, out of the way of 3 and 4."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]
