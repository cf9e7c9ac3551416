"""axe-core finds nothing serious on any page, in either theme, at a desk and on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from browser import settle, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

GRAVE = {"serious", "critical"}
KINDS = ("plans", "devices", "models", "importance", "runs")


def grave(page: Page) -> list[str]:
    """The rules of axe-core that a page breaks, as far as they are serious or critical."""
    ran: Any = Axe().run(page)  # pyright: ignore[reportUnknownMemberType] - its types are bare
    return [
        f"{one['id']}: {[node['html'][:200] for node in one['nodes']]}"
        for one in ran.response["violations"]
        if one["impact"] in GRAVE
    ]


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_grave_on_the_page(browser: Browser, url: str, theme: str, width: int) -> None:
    with visiting(browser, url, theme=theme, width=width) as visit:
        page = visit.open()
        assert grave(page) == []
        page.click("#keep")
        page.fill("#latency", "1")
        page.press("#latency", "Tab")
        settle(page)
        assert grave(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_grave_on_the_registry_pages(
    browser: Browser, url: str, kind: str, theme: str
) -> None:
    with visiting(browser, url, theme=theme) as visit:
        visit.page.goto(f"{url}/web/registry.html?kind={kind}")
        visit.page.wait_for_selector("#content:not([aria-busy])")
        assert grave(visit.page) == []
        assert visit.complaints == []
        assert visit.outside == []
