"""A service that wants a key: the page asks for it, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from browser import visiting
from service import served

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Browser, Dialog

KEY = "a-key-of-enough-letters"
REFUSED = "401"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A service with a key."""
    with served(tmp_path_factory.mktemp("guarded"), api_keys=KEY) as client:
        yield str(client.base_url).rstrip("/")


def test_the_key_is_asked_for_once(browser: Browser, guarded: str) -> None:
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept(KEY)

    with visiting(browser, guarded) as visit:
        visit.page.on("dialog", answer)
        page = visit.open()
        expect(page.locator("#metric-score")).not_to_have_text("…")
        visit.open("/?latency_us=140000")
        assert len(asked) == 1
        assert "key" in asked[0]
        assert [line for line in visit.complaints if REFUSED not in line] == []


def test_without_a_key_the_page_says_what_is_missing(browser: Browser, guarded: str) -> None:
    with visiting(browser, guarded) as visit:
        visit.page.on("dialog", lambda dialog: dialog.dismiss())
        visit.page.goto(guarded)
        expect(visit.page.locator("#problem")).to_contain_text("key")
