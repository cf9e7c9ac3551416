"""The address says the scenario: it can be shared, and gone back to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from browser import settle, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from browser import Visit


def seen(page: Page) -> tuple[str, str, list[str]]:
    """What somebody sees of an answer."""
    cells = page.locator("#heatmap td").all_inner_texts()
    return page.input_value("#latency"), page.inner_text("#metric-score"), cells


def aim(page: Page, milliseconds: str) -> None:
    """Set the deadline, a while after what was done before: another step of history."""
    page.wait_for_timeout(900)
    page.fill("#latency", milliseconds)
    page.press("#latency", "Tab")
    settle(page)


def test_a_shared_link_shows_the_same(browser: Browser, visit: Visit) -> None:
    page = visit.open()
    aim(page, "120")
    page.check("#read-ahead-on")
    settle(page)
    page.click("#share")
    link = page.evaluate("navigator.clipboard.readText()")
    with visiting(browser, visit.url) as friend:
        theirs = friend.open(link.removeprefix(visit.url))
        assert seen(theirs) == seen(page)
        assert theirs.is_checked("#read-ahead-on")


def test_back_and_forward_go_through_scenarios(visit: Visit) -> None:
    page = visit.open()
    aim(page, "150")
    first = seen(page)
    aim(page, "90")
    second = seen(page)
    assert first != second
    page.go_back()
    expect(page.locator("#latency")).to_have_value("150")
    settle(page)
    assert seen(page) == first
    page.go_forward()
    expect(page.locator("#latency")).to_have_value("90")
    settle(page)
    assert seen(page) == second


def test_a_mistake_in_a_link_is_named_and_the_rest_kept(visit: Visit) -> None:
    page = visit.open("/?latency_us=140000&policy=silly")
    assert "policy" in page.inner_text("#notice")
    assert "silly" in page.inner_text("#notice")
    assert page.input_value("#latency") == "140"
    assert page.input_value("#policy") == "optimal"


def test_starting_over_forgets_the_scenario(visit: Visit) -> None:
    page = visit.open("/?latency_us=140000&policy=uniform")
    page.click("#reset")
    expect(page.locator("#policy")).to_have_value("optimal")
    settle(page)
    assert page.input_value("#latency") != "140"


def test_a_shared_comparison_shows_both_scenarios(browser: Browser, visit: Visit) -> None:
    page = visit.open()
    page.click("#keep")
    aim(page, "120")
    page.wait_for_selector("#compare-table td")
    with visiting(browser, visit.url) as friend:
        theirs = friend.open(page.url.removeprefix(visit.url))
        theirs.wait_for_selector("#compare-table td")
        assert theirs.inner_text("#compare-table") == page.inner_text("#compare-table")
