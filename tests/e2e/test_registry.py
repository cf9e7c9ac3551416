"""The pages of the registry: every list, every thing on it, and every link."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

from browser import LISTS, Visit, list_of, registry_page, settle, visiting
from service import post
from workshop import DEVICE, LATENCY_US, TASKS

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Browser, Page

    from workshop import Workshop

PAGE_SIZE = 50
TITLES = {
    "plans": ("Plans", "Plan"),
    "devices": ("Devices", "Device"),
    "models": ("Models", "Model"),
    "importance": ("Importance tables", "Importance table"),
    "runs": ("Runs", "Run"),
}
HREFS = "all => all.map(one => one.getAttribute('href'))"


@pytest.fixture(scope="module")
def plan_id(shop: Workshop) -> str:
    """A stored plan that was run twice."""
    plan_id = shop.plan()
    shop.run(plan_id, times=2)
    return plan_id


@pytest.fixture
def visit(browser: Browser, shop: Workshop, plan_id: str) -> Generator[Visit]:
    """Somebody at a registry that has a plan and runs of it."""
    del plan_id
    with visiting(browser, shop.url) as visit:
        yield visit
        assert visit.complaints == []
        assert visit.outside == []


def text(page: Page) -> str:
    """What the page says."""
    return page.inner_text("#main")


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_leads_to_each_thing(visit: Visit, kind: str) -> None:
    page = list_of(visit, kind)
    of_all, of_one = TITLES[kind]
    assert page.inner_text("h1") == of_all
    assert page.get_attribute("nav [aria-current]", "href") == f"/web/registry.html?kind={kind}"
    first = page.locator("#content tbody a").first
    name = first.inner_text()
    first.click()
    page.wait_for_selector("#content:not([aria-busy])")
    assert page.inner_text("h1").startswith(f"{of_one} {name[:8]}")
    assert page.inner_text("#problem") == ""


def test_no_link_leads_nowhere(visit: Visit, shop: Workshop) -> None:
    seen: set[str] = set()
    ahead = [f"/web/registry.html?kind={kind}" for kind in LISTS]
    while ahead:
        path = ahead.pop()
        seen.add(path)
        if not path.startswith("/web/registry.html"):
            assert shop.client.get(path).status_code == 200, path
            continue
        page = registry_page(visit, path)
        assert page.inner_text("#problem") == "", path
        links = page.locator("a[href^='/']").evaluate_all(HREFS)
        ahead += sorted({link for link in links if link not in seen and link not in ahead})
    assert len(seen) > 2 * len(LISTS)


def test_the_list_of_plans_says_what_each_is(visit: Visit) -> None:
    row = list_of(visit, "plans").locator("#content tbody tr").first
    headings = visit.page.locator("#content thead th").all_inner_texts()
    cells = dict(zip(headings, row.locator("th, td").all_inner_texts(), strict=True))
    assert cells["Device"] == DEVICE
    assert cells["Policy"] == "optimal"
    assert cells["Deadline"] == "6.00\u202fms"
    assert cells["Latency"].endswith("ms")
    assert cells["Reads"].endswith("KiB")


def test_a_plan_is_opened_as_a_scenario(visit: Visit, plan_id: str) -> None:
    page = registry_page(visit, f"/web/registry.html?kind=plans&id={plan_id}")
    cells = page.locator("table.heatmap td").all_inner_texts()
    page.click("text=Open as a scenario")
    settle(page)
    assert page.input_value("#latency") == str(LATENCY_US // 1000)
    assert page.locator("#heatmap td").all_inner_texts() == cells


def test_a_plan_shows_its_runs(visit: Visit, plan_id: str) -> None:
    page = registry_page(visit, f"/web/registry.html?kind=plans&id={plan_id}")
    assert "of 2 runs, simulated" in text(page)
    assert page.locator("table:has(th:text('Against simulated')) tbody tr").count() == 2


def test_a_run_is_drawn(visit: Visit) -> None:
    page = list_of(visit, "runs")
    page.click("#content tbody a >> nth=0")
    expect(page.locator("svg path.compute")).to_have_count(1)
    assert page.locator(".gantt svg").get_attribute("aria-label")


def test_a_device_says_its_times(visit: Visit) -> None:
    page = registry_page(visit, f"/web/registry.html?kind=devices&id={DEVICE}")
    assert "cpu, 8 tokens, hidden 24, 3 heads, ffn 48" in text(page)
    assert "cpu, 16 tokens" in text(page)
    assert "700\u202fµs" in text(page)


def test_a_table_says_what_each_shard_is_worth(visit: Visit, shop: Workshop) -> None:
    page = registry_page(visit, f"/web/registry.html?kind=importance&id={shop.model}/{TASKS[0]}")
    assert "Gain of every shard at 32 bit" in text(page)
    assert page.locator("table").first.locator("tbody tr").count() == 4


def test_the_document_is_shown_whole(visit: Visit) -> None:
    page = registry_page(visit, f"/web/registry.html?kind=devices&id={DEVICE}")
    page.click("summary")
    assert json.loads(page.inner_text("pre.document"))["name"] == DEVICE


def test_long_lists_come_in_pages(browser: Browser, shop: Workshop, plan_id: str) -> None:
    run_id = shop.client.get("/v1/runs").json()["items"][0]["run"]["run_id"]
    trace = shop.client.get(f"/v1/runs/{run_id}").json()
    for later_us in range(1, 1 + PAGE_SIZE):
        timed = {**trace, "latency_us": trace["latency_us"] + later_us}
        assert post(shop.client, f"/v1/plans/{plan_id}/runs", timed).status_code == 201
    with visiting(browser, shop.url) as visit:
        page = list_of(visit, "runs")
        assert page.locator("#content tbody tr").count() == PAGE_SIZE
        page.click("a[rel=next]")
        page.wait_for_url("**before=*")
        page.wait_for_selector("#content:not([aria-busy])")
        assert 0 < page.locator("#content tbody tr").count() < PAGE_SIZE
        page.click(".pages a:text-is('Newest')")
        expect(page.locator("#content tbody tr")).to_have_count(PAGE_SIZE)
        assert visit.complaints == []


@pytest.mark.parametrize("kind", ["plans", "runs"])
def test_an_empty_list_says_so(browser: Browser, url: str, kind: str) -> None:
    with visiting(browser, url) as visit:
        assert f"No {kind} yet." in text(list_of(visit, kind))
        assert visit.complaints == []


def test_what_is_not_there_is_named(browser: Browser, url: str) -> None:
    with visiting(browser, url) as visit:
        page = registry_page(visit, "/web/registry.html?kind=devices&id=nowhere")
        assert "nowhere" in page.inner_text("#problem")
        assert unquote(page.url).endswith("id=nowhere")


def test_the_keyboard_reaches_every_link_of_a_list(visit: Visit) -> None:
    page = list_of(visit, "devices")
    links = page.locator("#content a").evaluate_all(HREFS)
    page.focus("#theme")
    reached: list[str] = []
    for _ in range(len(links) + 2):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.getAttribute('href')"))
    assert [href for href in reached if href in links] == links


def test_the_theme_is_chosen_here_too(visit: Visit) -> None:
    page = list_of(visit, "devices")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert page.get_attribute("#theme", "aria-pressed") == "true"
