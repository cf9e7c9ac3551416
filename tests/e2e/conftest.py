"""The page as somebody uses it: a real service, a real browser, and nothing said on the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browser import Visit, chromium, visiting
from service import served
from workshop import Workshop, workshop

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """One browser for the tests of a file."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """One service for the tests of a file, with the documents it ships."""
    with served(tmp_path_factory.mktemp("page")) as client:
        yield str(client.base_url).rstrip("/")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Generator[Workshop]:
    """One workshop for the tests of a file."""
    with workshop(tmp_path_factory.mktemp("workshop")) as made:
        yield made


@pytest.fixture
def visit(browser: Browser, url: str) -> Generator[Visit]:
    """Somebody at the page, at a desk, by daylight; nothing may go wrong behind it."""
    with visiting(browser, url) as visit:
        yield visit
        assert visit.complaints == []
        assert visit.outside == []
