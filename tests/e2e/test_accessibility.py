"""axe-core finds nothing serious on any page, in either theme, at a desk and on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from browser import LISTS, list_of, settle, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from workshop import Workshop

GRAVE = {"serious", "critical"}


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
        page.click("#heatmap td[tabindex='0']")
        page.wait_for_selector("#pin-dialog[open]")
        assert grave(page) == []


def test_nothing_grave_beside_a_measured_run_and_a_trial(browser: Browser, shop: Workshop) -> None:
    shop.run(shop.plan())
    with visiting(browser, shop.url) as visit:
        page = visit.open(shop.query)
        page.fill("#try-text", "a b")
        page.click("#try-run")
        page.wait_for_selector("#try-result table")
        page.wait_for_selector("#measured-legend:not([hidden])")
        page.click("#gantt-details summary")
        page.click("details:has(#commands) summary")
        assert grave(page) == []


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_grave_on_the_registry_pages(
    browser: Browser, shop: Workshop, theme: str, width: int
) -> None:
    shop.run(shop.plan())
    with visiting(browser, shop.url, theme=theme, width=width) as visit:
        for kind in LISTS:
            page = list_of(visit, kind)
            assert grave(page) == []
            page.click("#content tbody a >> nth=0")
            page.wait_for_selector("#content:not([aria-busy])")
            assert grave(page) == []
        assert visit.complaints == []
