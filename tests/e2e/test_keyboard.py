"""Everything can be done with the keyboard alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from browser import settle

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from browser import Visit

FOCUSED = "document.activeElement.id || document.activeElement.className"
MOST_STOPS = 200
REACHED = {
    "theme", "device", "model", "importance", "entry", "latency", "latency-range", "preload",
    "preload-range", "bandwidth-factor", "bandwidth-factor-range", "compute-factor",
    "compute-factor-range", "memory-on", "read-ahead-on", "quantile-on", "policy",
    "bitwidths-2", "bitwidths-32", "share", "reset", "show-worth", "store", "download-plan",
    "download-request", "download-report", "download-trace", "keep", "upload-kind", "upload-file",
}  # fmt: skip


def stops(page: Page) -> list[str]:
    """What the Tab key visits, until it comes round."""
    visited: list[str] = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        visited.append(page.evaluate(FOCUSED))
        if visited.count(visited[0]) > 1:
            break
    return visited


def test_the_tab_key_reaches_every_control(visit: Visit) -> None:
    page = visit.open()
    assert set(stops(page)) >= REACHED


def test_a_scenario_is_made_and_kept_with_keys(visit: Visit) -> None:
    page = visit.open()
    for control, key in (
        ("#policy", "ArrowDown"), ("#bitwidths-2", "Space"), ("#quantile-on", "Space"),
        ("#keep", "Enter"), ("#quantile-on", "Space"),
    ):  # fmt: skip
        page.press(control, key)
        settle(page)
    assert page.input_value("#policy") == "sti-largest"
    assert not page.is_checked("#bitwidths-2")
    page.wait_for_selector("#compare-table tr.differs")
    page.press("#reset", "Enter")
    expect(page.locator("#policy")).to_have_value("optimal")


def test_what_would_do_is_set_with_a_key(visit: Visit) -> None:
    page = visit.open("/?latency_us=1")
    page.press("#set-latency", "Enter")
    settle(page)
    assert page.get_attribute("#answer", "data-status") in {"optimal", "feasible"}


def test_the_first_stop_skips_to_the_answer(visit: Visit) -> None:
    page = visit.open()
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_what_has_the_focus_shows_it(visit: Visit) -> None:
    page = visit.open()
    page.focus("#policy")
    page.keyboard.press("Tab")
    outline = page.evaluate(
        "(style => style.outlineStyle + style.boxShadow)(getComputedStyle(document.activeElement))"
    )
    assert outline != "nonenone"


def test_arrow_keys_move_through_the_heat_map(visit: Visit) -> None:
    page = visit.open()
    place = "document.activeElement.getAttribute('aria-label').split(':')[0]"
    page.focus("#heatmap td[tabindex='0']")
    assert page.evaluate(place) == "layer 0, slice 0"
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    assert page.evaluate(place) == "layer 1, slice 1"
    page.keyboard.press("End")
    assert page.evaluate(place) == "layer 1, slice 11"
    assert page.locator("#heatmap td[tabindex='0']").count() == 1


def test_a_shard_is_pinned_and_freed_by_keys(visit: Visit) -> None:
    page = visit.open()
    page.focus("#heatmap td[tabindex='0']")
    page.keyboard.press("Enter")
    page.wait_for_selector("#pin-dialog[open]")
    page.focus("#pin-6")
    page.keyboard.press("Space")
    page.focus("#pin-apply")
    page.keyboard.press("Enter")
    settle(page)
    assert page.inner_text("#heatmap td[data-layer='0'][data-slice='0']") == "6"
    assert "pins=0.0b6" in page.url
    page.focus("#rules button")
    page.keyboard.press("Enter")
    settle(page)
    assert "pins=" not in page.url


def test_escape_closes_the_dialog_and_gives_the_focus_back(visit: Visit) -> None:
    page = visit.open()
    page.focus("#heatmap td[tabindex='0']")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("#pin-dialog[open]")
    page.keyboard.press("Escape")
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert label.startswith("layer 1, slice 0")
