"""The page at three widths in both themes: whole, nothing cut, nothing over another.

With SHARDSTREAM_SCREENSHOTS=FOLDER (`make screenshots`) the pictures stay there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from browser import LISTS, list_of, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from workshop import Workshop

SHOWN = "registry-plans-1440-light.png"
"""The picture of the registry that is kept: a plan, its runs and its simulation."""
CUT = """
() => [...document.querySelectorAll('button, label, h2, h3, dt, dd, th, td, p, select, .badge')]
  .filter(one => one.checkVisibility() && !one.closest('.scroll, .hidden, .heatmap-box')
    && one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== 'visible')
  .map(one => `${one.tagName} ${one.id} ${one.textContent.trim().slice(0, 40)}`)
"""
OVER = """
() => {
  const cards = [...document.querySelectorAll('.card, aside')]
    .map(one => [one.id, one.getBoundingClientRect()]);
  return cards.flatMap(([a, p], i) => cards.slice(i + 1).filter(([, q]) =>
    p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1)
    .map(([b]) => `${a} and ${b}`));
}
"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def kept(folder: Path, name: str) -> Path:
    """Where a picture goes."""
    return Path(os.environ.get("SHARDSTREAM_SCREENSHOTS", folder)) / name


def drawn(page: Page) -> None:
    """Wait for the charts, which follow the answer."""
    page.wait_for_selector("#frontier .main-svg")
    page.wait_for_selector("#latency-chart .main-svg")
    expect(page.locator("#frontier-state")).to_contain_text("certified")


def whole(page: Page) -> None:
    """Nothing is wider than the window, cut off, or over another thing."""
    assert page.evaluate(WIDER) <= 0
    assert page.evaluate(CUT) == []
    assert page.evaluate(OVER) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_the_page_is_whole(
    browser: Browser, url: str, tmp_path: Path, width: int, theme: str
) -> None:
    with visiting(browser, url, width=width, theme=theme) as visit:
        page = visit.open()
        drawn(page)
        page.screenshot(path=kept(tmp_path, f"what-if-{width}-{theme}.png"), full_page=True)
        whole(page)
        assert visit.complaints == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_the_registry_is_whole(
    browser: Browser, shop: Workshop, tmp_path: Path, width: int, theme: str
) -> None:
    shop.run(shop.plan(), times=2)
    with visiting(browser, shop.url, width=width, theme=theme) as visit:
        for kind in LISTS:
            page = list_of(visit, kind)
            page.screenshot(path=tmp_path / f"{kind}-{width}-{theme}.png", full_page=True)
            whole(page)
            page.click("#content tbody a >> nth=0")
            page.wait_for_selector("#content:not([aria-busy])")
            name = f"registry-{kind}-{width}-{theme}.png"
            folder = kept(tmp_path, name) if name == SHOWN else tmp_path / name
            page.screenshot(path=folder, full_page=True)
            whole(page)
        assert visit.complaints == []
