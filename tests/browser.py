"""A real browser for tests: the system's Chromium, driven by Playwright.

Without Chromium the tests that need it are skipped; under CI it must be there.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Browser, BrowserContext, Page, Request

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
ANSWER_MS = 30_000
LISTS = ("plans", "devices", "models", "importance", "runs")
"""What the registry has pages of."""
REFUSED = "net::ERR_CONNECTION_REFUSED"

expect.set_options(timeout=ANSWER_MS)


def program() -> str:
    """Chromium's path."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is not None:
        return found
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI needs Chromium: none of {', '.join(PROGRAMS)} was found")
    pytest.skip("Chromium is not installed")


@contextmanager
def chromium() -> Generator[Browser]:
    """A browser without a window; no sandbox of its own, which root may not have."""
    path = program()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass(kw_only=True)
class Visit:
    """Somebody at the page: what they see, and what went wrong behind it.

    complaints: errors and warnings of the console and of scripts. outside: addresses asked that
    are not the service's.
    """

    url: str
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list[str])
    outside: list[str] = field(default_factory=list[str])

    def watch(self, page: Page) -> None:
        """Note what goes wrong on a page."""
        page.set_default_timeout(ANSWER_MS)
        page.on("console", lambda line: self._heard(line.type, line.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._asked)

    def _heard(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.url, "blob:", "data:")):
            self.outside.append(request.url)

    def open(self, path: str = "/") -> Page:
        """Go to a path and wait for its first final answer, drawn."""
        self.page.goto(f"{self.url}{path}")
        settle(self.page)
        return self.page


def settle(page: Page) -> None:
    """Wait until the answer on screen is final and everything is drawn from it."""
    page.wait_for_selector("#charts:not([aria-busy])")


def list_of(visit: Visit, kind: str) -> Page:
    """Go to a list of the registry."""
    return registry_page(visit, f"/web/registry.html?kind={kind}")


def registry_page(visit: Visit, path: str) -> Page:
    """Go to a page of the registry, and wait for its content."""
    visit.page.goto(f"{visit.url}{path}")
    visit.page.wait_for_selector("#content:not([aria-busy])", state="attached")
    return visit.page


@contextmanager
def visiting(
    browser: Browser, url: str, *, width: int = 1440, height: int = 900, theme: str = "light"
) -> Generator[Visit]:
    """Somebody who comes to the page with an empty browser."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        permissions=["clipboard-read", "clipboard-write"],
    )
    visit = Visit(url=url, context=context, page=context.new_page())
    visit.watch(visit.page)
    try:
        yield visit
    finally:
        context.close()
