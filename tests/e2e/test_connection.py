"""The service goes away while the page is open, and comes back."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from browser import REFUSED, settle, visiting
from planner_api.main import create_app
from planner_api.settings import load_settings
from service import database_url, running

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from playwright.sync_api import Browser


@contextmanager
def served_at(port: int, folder: Path) -> Generator[str]:
    """A service at a port, which another had before and another will have again."""
    app = create_app(load_settings(database=database_url(folder)))
    with running(app, port=port) as url:
        yield url


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def test_the_page_says_that_the_service_is_gone_and_goes_on_when_it_is_back(
    browser: Browser, tmp_path: Path
) -> None:
    port = free_port()
    with visiting(browser, f"http://127.0.0.1:{port}") as visit:
        with served_at(port, tmp_path):
            page = visit.open()
            shown = page.inner_text("#metric-score")
        page.fill("#latency", "117")
        page.press("#latency", "Tab")
        page.wait_for_selector("#connection:not([hidden])")
        assert "does not answer" in page.inner_text("#connection")
        assert page.inner_text("#metric-score") == shown
        with served_at(port, tmp_path):
            page.wait_for_selector("#connection", state="hidden")
            settle(page)
            assert page.input_value("#latency") == "117"
        assert [line for line in visit.complaints if REFUSED not in line] == []
        assert visit.outside == []
