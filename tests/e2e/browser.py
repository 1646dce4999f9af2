"""The system's Chromium, and a watch over what pages do in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright

Scheme = Literal["light", "dark"]

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
#: Tests run as root in containers, where Chromium's own sandbox cannot; the rest keeps it from calling home.
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")
#: Widths in CSS pixels that every page must fit.
PHONE, DESK = 380, 1440


def program() -> str | None:
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=list(ARGUMENTS))
        yield browser
        browser.close()


@dataclass
class Watch:
    """What went wrong behind the page: messages, and requests to other hosts than its own."""

    host: str
    complaints: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        # What could not be loaded is known from its response.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.complaints.append(f"console {message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        to = urlsplit(request.url)
        if to.scheme not in ("data", "blob") and to.netloc != self.host:
            self.complaints.append(f"request to {request.url}")

    def _failed(self, request: Request) -> None:
        # What a page still loads when it is left is given up.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.failure} for {request.url}")

    def _response(self, response: Response) -> None:
        # The page asked for is the test's own business.
        if response.status >= 400 and not response.request.is_navigation_request():
            self.complaints.append(f"{response.status} for {response.url}")
