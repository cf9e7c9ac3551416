"""Every control of the what-if page changes the request, the address and the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from browser import list_of, settle

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from browser import Visit


SERIES = """() => document.getElementById("frontier").data.map(({ name, x, y }) =>
  ({ name, points: [...x].map((at, i) => [at, y[i]]) }))"""


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


@pytest.mark.parametrize(
    ("field", "part"),
    [
        ("#preload", "preload_bytes"),
        ("#bandwidth-factor", "bandwidth_factor"),
        ("#compute-factor", "compute_factor"),
        ("#memory", "memory_bytes"),
        ("#read-ahead", "read_ahead_layers"),
        ("#quantile", "latency_quantile"),
    ],
)
def test_every_slider_is_asked_for(visit: Visit, field: str, part: str) -> None:
    page = visit.open()
    if page.is_disabled(field):
        page.check(f"{field}-on")
        settle(page)
    before = page.input_value(field)
    page.press(f"{field}-range", "ArrowLeft")
    settle(page)
    assert page.input_value(field) != before
    assert float(said(page)[part]) == pytest.approx(float(page.input_value(f"{field}-range")))


def test_arrow_keys_step_a_number(visit: Visit) -> None:
    page = visit.open()
    before = float(page.input_value("#latency"))
    page.press("#latency", "ArrowUp")
    raised = float(page.input_value("#latency"))
    page.press("#latency", "ArrowDown")
    settle(page)
    assert raised > before
    assert float(page.input_value("#latency")) == before


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


def test_more_preload_is_offered_where_it_would_do(visit: Visit) -> None:
    page = visit.open("/?latency_us=1&preload_bytes=0")
    page.click("#set-latency")
    settle(page)
    least = float(page.input_value("#latency"))
    enter(page, "#latency", str(least - 0.2))
    page.click("#set-preload")
    settle(page)
    assert page.get_attribute("#answer", "data-status") in {"optimal", "feasible"}
    assert float(page.input_value("#preload")) > 0


def test_more_memory_is_offered_where_it_would_do(visit: Visit) -> None:
    page = visit.open("/?memory_bytes=1")
    page.click("#set-memory")
    settle(page)
    assert page.get_attribute("#answer", "data-status") in {"optimal", "feasible"}
    assert int(said(page)["memory_bytes"]) > 1


@pytest.mark.parametrize("policy", ["optimal", "full"])
def test_the_deadline_offered_is_kept_at_the_quantile(visit: Visit, policy: str) -> None:
    page = visit.open(f"/?latency_us=1000&latency_quantile=0.95&policy={policy}")
    assert page.get_attribute("#answer", "data-status") == "infeasible"
    page.click("#set-latency")
    settle(page)
    assert page.get_attribute("#answer", "data-status") in {"optimal", "feasible"}


def test_the_quantile_is_kept_by_the_runs(visit: Visit) -> None:
    page = visit.open()
    page.check("#quantile-on")
    settle(page)
    share = page.inner_text("#metric-hit")
    assert float(share.removesuffix("%").strip().rstrip("\u202f\xa0 ")) >= 95


def test_the_frontier_at_a_quantile_is_one_that_no_plan_passes(visit: Visit) -> None:
    page = visit.open()
    state = page.locator("#frontier-state")
    expect(state).to_contain_text("certified: bounds within")
    assert "jitter aside" not in state.inner_text()
    page.check("#quantile-on")
    settle(page)
    expect(state).to_contain_text("certified: bounds within")
    expect(state).to_contain_text("jitter aside: no plan that keeps to the quantile scores more")
    charts = page.evaluate(SERIES)
    own = next(one for one in charts if one["name"] == "this plan")
    at_most = [
        y for one in charts if one is not own for x, y in one["points"] if x >= own["points"][0][0]
    ]
    assert own["points"][0][1] <= max(at_most)


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


def deadlines(page: Page) -> tuple[str, str]:
    """Of the two scenarios, A and B."""
    row = page.locator("#compare-table tr", has_text="deadline T")
    kept, shown, *_ = row.locator("td").all_inner_texts()
    return kept, shown


def test_two_scenarios_stand_side_by_side(visit: Visit) -> None:
    page = visit.open()
    page.click("#keep")
    enter(page, "#latency", str(float(page.input_value("#latency")) * 0.6))
    page.wait_for_selector("#compare-table td")
    assert "latency" in page.inner_text("#compare-table").lower()
    assert page.locator("#compare-table tr.differs").count() > 0
    kept, shown = deadlines(page)
    page.click("#swap")
    settle(page)
    assert deadlines(page) == (shown, kept)
    page.click("#drop")
    assert page.is_hidden("#compare-body")


@pytest.mark.parametrize(
    ("state", "place", "rule"),
    [("in", "", "pins=0.0"), ("6", "preload", "pins=0.0b6p"), ("out", "", "forbids=0.0")],
)
def test_a_shard_is_pinned_by_a_click(visit: Visit, state: str, place: str, rule: str) -> None:
    page = visit.open()
    page.click("#heatmap td >> nth=0")
    page.check(f"#pin-{state}")
    page.select_option("#pin-place", place)
    page.click("#pin-apply")
    settle(page)
    assert rule in page.url.split("?")[1].split("&")
    shown = page.inner_text("#heatmap td >> nth=0")
    assert shown == {"in": shown, "6": "6", "out": "\u00d7"}[state]
    assert page.locator("#rules button").count() == 1


def test_cancelling_pins_nothing(visit: Visit) -> None:
    page = visit.open()
    page.click("#heatmap td >> nth=0")
    page.check("#pin-6")
    page.click("#pin-cancel")
    assert page.locator("#pin-dialog[open]").count() == 0
    assert page.locator("#rules button").count() == 0


def test_another_policy_is_taken_from_the_table(visit: Visit) -> None:
    page = visit.open()
    page.click("#baselines button:text-is('uniform')")
    settle(page)
    assert page.input_value("#policy") == "uniform"
    assert page.locator("#baselines tbody th").first.inner_text() == "uniform"


def test_commands_are_copied(visit: Visit) -> None:
    page = visit.open()
    page.click("details:has(#commands) summary")
    for command, begins in (("curl", "curl --json '{"), ("command line", "printf %s '{")):
        page.click(f"button[aria-label='copy the {command} command']")
        expect(page.locator("#commands button:text-is('Copied')").first).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()").startswith(begins)


def test_the_run_is_told_layer_by_layer(visit: Visit) -> None:
    page = visit.open()
    page.click("#gantt-details summary")
    depth = int(page.inner_text("#metric-submodel").split()[0])
    expect(page.locator("#gantt-table tbody tr")).to_have_count(depth)


def test_pictures_say_what_is_pointed_at(visit: Visit) -> None:
    page = visit.open()
    page.hover("#heatmap td >> nth=0")
    assert "layer 0, slice 0" in page.inner_text("#heatmap-readout")
    page.hover("#gantt svg", position={"x": 90, "y": 92})
    assert "layer 0" in page.inner_text("#gantt .readout")


def test_a_plan_for_a_device_that_does_not_exist_is_not_stored(visit: Visit) -> None:
    page = visit.open("/?bandwidth_factor=2")
    assert page.is_disabled("#store")
    assert page.get_attribute("#store", "title") == "The device of these factors does not exist"
    asked = request_of(page)
    assert asked["what_if"] == {"bandwidth_factor": 2, "compute_factor": 1}


def test_the_head_leads_to_every_page(visit: Visit) -> None:
    hrefs = "all => all.map(one => one.getAttribute('href'))"
    paths = visit.open().locator("header a").evaluate_all(hrefs)
    assert len(paths) == 8
    page = list_of(visit, "devices")
    assert page.locator("header a").evaluate_all(hrefs) == paths
    for path in paths:
        list_of(visit, "devices")
        page.click(f"header a[href='{path}'] >> nth=0")
        page.wait_for_url(f"{visit.url}{path}{'**' if path == '/' else ''}")
        expect(page.locator("h1").first).not_to_be_empty()


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
