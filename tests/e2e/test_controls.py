"""Every control of the what-if page changes the request, the address and the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from browser import settle

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from browser import Visit


def said(page: Page) -> dict[str, str]:
    """What the address says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def request_of(page: Page) -> dict[str, Any]:
    """The request that the page lets take along."""
    with page.expect_download() as download:
        page.click("#download-request")
    return json.loads(Path(download.value.path()).read_text(encoding="utf-8"))


def enter(page: Page, field: str, value: str) -> None:
    """Type into a number field, and leave it."""
    page.fill(field, value)
    page.press(field, "Tab")
    settle(page)


@pytest.mark.parametrize(
    ("field", "typed", "part", "value"),
    [
        ("#latency", "321", "latency_us", "321000"),
        ("#preload", "96", "preload_bytes", "98304"),
        ("#bandwidth-factor", "2", "bandwidth_factor", "2"),
        ("#compute-factor", "0.5", "compute_factor", "0.5"),
    ],
)
def test_a_number_typed_is_asked_for(
    visit: Visit, field: str, typed: str, part: str, value: str
) -> None:
    page = visit.open()
    enter(page, field, typed)
    assert said(page)[part] == value
    step = float(page.get_attribute(f"{field}-range", "step") or 1)
    assert float(page.input_value(f"{field}-range")) == pytest.approx(float(value), abs=step)


@pytest.mark.parametrize(
    ("field", "typed", "part", "value"),
    [
        ("#memory", "64", "memory_bytes", "67108864"),
        ("#read-ahead", "1", "read_ahead_layers", "1"),
        ("#quantile", "90", "latency_quantile", "0.9"),
    ],
)
def test_a_limit_is_off_until_it_is_ticked(
    visit: Visit, field: str, typed: str, part: str, value: str
) -> None:
    page = visit.open()
    assert page.is_disabled(field)
    page.check(f"{field}-on")
    settle(page)
    enter(page, field, typed)
    assert said(page)[part] == value
    page.uncheck(f"{field}-on")
    settle(page)
    assert part not in said(page)


def test_a_slider_moves_the_number_and_the_answer(visit: Visit) -> None:
    page = visit.open()
    before = page.input_value("#latency"), page.inner_text("#metric-latency")
    page.focus("#latency-range")
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    settle(page)
    assert (page.input_value("#latency"), page.inner_text("#metric-latency")) != before
    assert float(page.input_value("#latency")) * 1000 == pytest.approx(
        float(page.input_value("#latency-range"))
    )


@pytest.mark.parametrize("policy", ["sti-largest", "sti-deepest", "uniform", "full"])
def test_each_policy_is_asked_for(visit: Visit, policy: str) -> None:
    page = visit.open()
    enter(page, "#latency", page.input_value("#latency"))
    page.select_option("#policy", policy)
    settle(page)
    assert said(page)["policy"] == policy
    assert request_of(page)["options"]["policy"] == policy


def test_only_allowed_bitwidths_are_in_the_plan(visit: Visit) -> None:
    page = visit.open()
    for bits in ("3", "5", "6", "32"):
        page.uncheck(f"#bitwidths-{bits}")
    settle(page)
    assert said(page)["bitwidths"] == "2.4"
    shown = set(page.locator("#heatmap td").all_inner_texts())
    assert shown & {"2", "4"}
    assert not shown & {"3", "5", "6", "32"}


def test_the_last_bitwidth_cannot_be_taken_away(visit: Visit) -> None:
    page = visit.open()
    for bits in ("3", "4", "5", "6", "32"):
        page.uncheck(f"#bitwidths-{bits}")
    page.click("#bitwidths-2")
    assert page.is_checked("#bitwidths-2")
    assert "at least one bitwidth must be allowed" in page.inner_text("#bitwidths-field")
    settle(page)


def test_another_device_and_model_bring_their_own_documents(visit: Visit) -> None:
    page = visit.open()
    devices = page.locator("#device option").evaluate_all("all => all.map(one => one.value)")
    assert len(devices) > 1
    other = next(device for device in devices if device != page.input_value("#device"))
    page.select_option("#device", other)
    settle(page)
    assert said(page)["device"] == other


def test_a_number_that_breaks_a_rule_is_refused_where_it_stands(visit: Visit) -> None:
    page = visit.open()
    shown = page.inner_text("#metric-latency")
    page.fill("#latency", "-3")
    assert "Deadline T must be at least" in page.inner_text("#latency-error")
    assert "-3" in page.inner_text("#latency-error")
    assert page.get_attribute("#latency", "aria-invalid") == "true"
    assert page.inner_text("#metric-latency") == shown


def test_what_cannot_be_met_offers_what_would_do(visit: Visit) -> None:
    page = visit.open()
    enter(page, "#latency", "1")
    assert page.get_attribute("#answer", "data-status") == "infeasible"
    page.click("#set-latency")
    settle(page)
    assert page.get_attribute("#answer", "data-status") in {"optimal", "feasible"}
    assert float(page.input_value("#latency")) > 1


def test_the_quantile_is_kept_by_the_runs(visit: Visit) -> None:
    page = visit.open()
    page.check("#quantile-on")
    settle(page)
    share = page.inner_text("#metric-hit")
    assert float(share.removesuffix("%").strip().rstrip("\u202f\xa0 ")) >= 95


@pytest.mark.parametrize("name", ["plan", "request", "report", "trace"])
def test_what_is_taken_along_is_json(visit: Visit, name: str) -> None:
    page = visit.open()
    with page.expect_download() as download:
        page.click(f"#download-{name}")
    assert download.value.suggested_filename == f"{name}.json"
    assert json.loads(Path(download.value.path()).read_text(encoding="utf-8"))


def test_a_stored_plan_has_a_page_of_its_own(visit: Visit) -> None:
    page = visit.open()
    page.click("#store")
    page.click("#stored a")
    page.wait_for_selector("#content:not([aria-busy])")
    assert "sha256:" in page.inner_text("#main")


def test_two_scenarios_stand_side_by_side(visit: Visit) -> None:
    page = visit.open()
    page.click("#keep")
    enter(page, "#latency", str(float(page.input_value("#latency")) * 0.6))
    page.wait_for_selector("#compare-table td")
    assert "latency" in page.inner_text("#compare-table").lower()
    assert page.locator("#compare-table tr.differs").count() > 0
    page.click("#swap")
    settle(page)
    page.click("#drop")
    assert page.is_hidden("#compare-body")


def test_importance_lies_over_the_bitwidths(visit: Visit) -> None:
    page = visit.open()
    page.check("#show-worth")
    assert "with-worth" in (page.get_attribute("#heatmap", "class") or "")


def test_the_theme_is_chosen_and_remembered(visit: Visit) -> None:
    page = visit.open()
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.reload()
    settle(page)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
