"""Choices of documents, measured runs and trials, where a small model has a store."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from browser import Visit, settle, visiting
from workshop import DEVICE, TASKS

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Browser, Page

    from workshop import Workshop

RUNS = 2
UNPROCESSABLE = "422"
SHIPPED = "all-MiniLM-L6-v2"
MILLISECONDS = re.compile(r"^[\d.,]+\s(ms|µs|s)$")


@pytest.fixture
def visit(browser: Browser, shop: Workshop) -> Generator[Visit]:
    with visiting(browser, shop.url) as visit:
        yield visit
        assert visit.complaints == []
        assert visit.outside == []


def said(page: Page, part: str) -> str | None:
    """What the address says of a part of the scenario."""
    return parse_qs(urlsplit(page.url).query).get(part, [None])[0]


def another(page: Page, choice: str) -> str:
    """A value of a choice that is not chosen."""
    values = page.locator(f"{choice} option").evaluate_all("all => all.map(one => one.value)")
    return next(value for value in values if value != page.input_value(choice))


def test_another_model_brings_its_table_and_its_shape(visit: Visit, shop: Workshop) -> None:
    page = visit.open(shop.query)
    assert page.locator("#heatmap tbody tr").count() == 4
    model = another(page, "#model")
    page.select_option("#model", model)
    settle(page)
    assert said(page, "model") == model
    assert page.input_value("#importance").startswith(f"{model}/")
    assert page.locator("#heatmap tbody tr").count() == 6


def test_a_model_that_the_device_has_no_times_for_is_said_at_the_device(
    visit: Visit, shop: Workshop
) -> None:
    page = visit.open(shop.query)
    page.select_option("#model", another(page, "#model"))
    settle(page)
    assert f"{DEVICE} has no times for layers like" in page.inner_text("#device-error")
    assert page.inner_text("#problem") == page.inner_text("#device-error")
    page.select_option("#model", shop.model)
    settle(page)
    assert page.is_hidden("#problem")
    assert page.get_attribute("#answer", "data-status") in {"optimal", "feasible"}


def test_another_importance_table_makes_another_plan(visit: Visit, shop: Workshop) -> None:
    page = visit.open(shop.query)
    cells = page.locator("#heatmap td").all_inner_texts()
    page.select_option("#importance", f"{shop.model}/{TASKS[1]}")
    settle(page)
    assert said(page, "importance") == f"{shop.model}/{TASKS[1]}"
    assert page.locator("#heatmap td").all_inner_texts() != cells


def test_another_compute_entry_is_planned_for(visit: Visit, shop: Workshop) -> None:
    page = visit.open(shop.query)
    before = page.inner_text("#metric-latency")
    assert page.locator("#entry option:checked").inner_text() == "cpu, 8 tokens"
    page.select_option("#entry", label="cpu, 16 tokens")
    settle(page)
    assert said(page, "sequence_length") == "16"
    assert page.inner_text("#metric-latency") != before


def test_a_plan_that_was_never_run_offers_no_measured_runs(visit: Visit, shop: Workshop) -> None:
    page = visit.open(f"{shop.query}&policy=uniform")
    assert page.is_hidden("#measured-choice")
    assert page.is_hidden("#measured-legend")


def test_measured_runs_are_drawn_over_the_simulated_one(visit: Visit, shop: Workshop) -> None:
    runs = shop.run(shop.plan(), times=RUNS)
    page = visit.open(shop.query)
    drawn = page.locator("#gantt path.measured")
    expect(page.locator("#measured")).to_have_value(runs[-1])
    assert page.locator("#measured option").count() >= RUNS + 1
    expect(page.locator("#measured-legend")).to_be_visible()
    expect(drawn).to_have_attribute("d", re.compile("M"))
    newest = drawn.get_attribute("d")
    page.select_option("#measured", runs[0])
    expect(drawn).not_to_have_attribute("d", newest or "")
    page.select_option("#measured", label="none")
    expect(page.locator("#measured-legend")).to_be_hidden()


def test_a_measured_run_is_in_the_chrome_trace(visit: Visit, shop: Workshop) -> None:
    shop.run(shop.plan())
    page = visit.open(shop.query)
    expect(page.locator("#measured-legend")).to_be_visible()
    with page.expect_download() as download:
        page.click("#download-trace")
    text = download.value.path().read_text(encoding="utf-8")
    assert f"simulated on {DEVICE}" in text
    assert f"measured on {DEVICE}" in text


def test_a_sentence_is_answered_by_the_plan_beside_the_full_model(
    visit: Visit, shop: Workshop
) -> None:
    page = visit.open(shop.query)
    page.fill("#try-text", "a b a")
    page.click("#try-run")
    expect(page.locator("#try-state")).to_contain_text("3 tokens; the outputs' cosine is")
    assert page.locator("#try-result thead th").all_inner_texts()[1:] == ["this plan", "full model"]
    answers = page.locator("#try-result tr", has_text="answer").locator("td").all_inner_texts()
    assert all(answer.startswith(("no (", "yes (")) for answer in answers)
    measured = page.locator("#try-result tr", has_text="measured latency").locator("td")
    assert all(MILLISECONDS.match(text) for text in measured.all_inner_texts())
    assert page.is_enabled("#try-run")


def test_what_another_plan_answered_goes(visit: Visit, shop: Workshop) -> None:
    page = visit.open(shop.query)
    page.fill("#try-text", "a b")
    page.click("#try-run")
    expect(page.locator("#try-result table")).to_be_visible()
    page.select_option("#policy", "uniform")
    settle(page)
    expect(page.locator("#try-result table")).to_have_count(0)
    expect(page.locator("#try-run")).to_be_enabled()


def test_a_text_that_is_too_long_is_refused_in_words(browser: Browser, shop: Workshop) -> None:
    with visiting(browser, shop.url) as visit:
        page = visit.open(shop.query)
        page.fill("#try-text", "a " * 20)
        page.click("#try-run")
        expect(page.locator("#try-state")).to_contain_text("20")
        assert page.is_enabled("#try-run")
        assert [line for line in visit.complaints if UNPROCESSABLE not in line] == []


def test_memory_is_drawn_to_the_end_of_the_run(visit: Visit, shop: Workshop) -> None:
    page = visit.open(f"{shop.query}&latency_us=500".replace("latency_us=6000&", ""))
    expect(page.locator("#metric-submodel")).to_have_text("1 \u00d7 1")
    page.wait_for_selector("#memory-chart .main-svg")
    times = page.evaluate("document.getElementById('memory-chart').data[0].x")
    assert (times[0], times[-1]) == (0, 0.42)


def test_a_sentence_is_tried_with_the_keyboard_alone(visit: Visit, shop: Workshop) -> None:
    page = visit.open(shop.query)
    page.focus("#try-text")
    page.keyboard.press("Control+a")
    page.keyboard.type("b b")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#try-state")).to_contain_text("2 tokens")


def test_where_there_is_no_store_trying_is_not_offered(visit: Visit) -> None:
    page = visit.open(f"/?model={SHIPPED}")
    assert page.is_disabled("#try-run")
    assert "--store FOLDER" in page.inner_text("#try-state")
