"""Pages in headless Chromium, through playwright; the browser is the system's, none is downloaded."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class WatchedPage:
    """A page that keeps what it complains of and asks for.

    Attributes:
        complaints: What the page and the browser wrote on the console as a warning or an error, and uncaught errors.
        requests: Addresses of every request.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._note)

    def open(self, file: Path) -> None:
        """Load a file and wait until all of it is there."""
        self.page.goto(file.resolve().as_uri(), timeout=60_000)

    def run(self, script: str) -> Any:
        """Return the value of an expression."""
        return self.page.evaluate(script)

    def look(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """Give the page a size and a colour scheme."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(color_scheme="dark" if dark else "light")

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("warning", "error", "assert"):
            self.complaints.append(message.text)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start the system's Chromium, and end it; one at a time in a process, as playwright demands."""
    assert CHROMIUM is not None
    with sync_playwright() as playwright:
        # Playwright starts it without a sandbox, which root and most containers lack.
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(browser: Browser) -> Iterator[WatchedPage]:
    """Open an empty page with a profile of its own."""
    with browser.new_context() as context:
        yield WatchedPage(context.new_page())
