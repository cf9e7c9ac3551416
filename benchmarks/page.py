"""A slider moved on the what-if page in a real Chromium: how long until the page is repainted."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import numpy as np

from benchmarks.explore import (
    KIND,
    MICROSECONDS_PER_MS,
    MOST_P50_MS,
    MOST_P95_MS,
    MOVES,
    SEED,
    SLACKEST,
    TIGHTEST,
    WARM_UP,
    Share,
    share_of,
)
from benchmarks.instances import generate, least_latency
from planner_api.demo.service import running_service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from planner_api.demo.service import Service
    from planner_api.optimizer.problem import PlanInputs

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PARTS = ("wait", "transfer", "render", "total")
MOVE = """([name, latencyUs]) => {
  const slider = document.getElementById(`${name}-range`);
  slider.value = String(latencyUs);
  slider.dispatchEvent(new Event("input", { bubbles: true }));
}"""
PAINTED = "() => performance.getEntriesByName('explore:total').length"
TAKEN = """(part) => performance.getEntriesByName(`explore:${part}`)
  .map(({ duration, detail }) => ({ duration, server: detail.server }))"""
MOST_WAIT_MS = 10_000
LOOK_AGAIN_MS = 5


class Painted(Share):
    """From the slider's input event to the frame that shows the first answer."""

    def shortfalls(self) -> list[str]:
        """Slower than a hand that drags the slider allows."""
        taken_ms = {"p50": (self.p50_ms, MOST_P50_MS), "p95": (self.p95_ms, MOST_P95_MS)}
        return [
            f"page: repainted page {name} {ms:.1f} ms, at most {most:.0f} ms are allowed"
            for name, (ms, most) in taken_ms.items()
            if ms > most
        ]


def measure() -> tuple[Share, ...]:
    """100 moves of the deadline's slider at 12x12, each painted before the next.

    The page measures itself (performance.measure); five moves before the first warm it up.
    `solve` and the other parts of the service are within `transfer`.
    """
    inputs = generate(KIND, SEED)
    with tempfile.TemporaryDirectory() as folder, running_service(Path(folder)) as service:
        service.register("devices", inputs.device)
        service.register("models", inputs.model)
        service.register("importance", inputs.importance)
        taken = _dragged(service, inputs)
    return tuple(_shares(taken))


def _dragged(service: Service, inputs: PlanInputs) -> dict[str, list[dict[str, Any]]]:
    """What the page noted of each part of each move."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - a tool of this case alone

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{service.url}/?{_query(inputs)}")
        page.wait_for_selector("#charts:not([aria-busy])")
        least = least_latency(inputs.model, inputs.device)
        for share in np.linspace(TIGHTEST, SLACKEST, WARM_UP + MOVES).tolist():
            _move(page, round(least * share))
        taken = {part: page.evaluate(TAKEN, part)[-MOVES:] for part in PARTS}
        browser.close()
    return taken


def _chromium() -> str:
    """The system's Chromium."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        message = f"the page is measured in Chromium: none of {', '.join(PROGRAMS)} was found"
        raise SystemExit(message)
    return found


def _query(inputs: PlanInputs) -> str:
    return urlencode(
        {
            "device": inputs.device.name,
            "model": inputs.model.model,
            "importance": f"{inputs.importance.model}/{inputs.importance.task}",
            "preload_bytes": inputs.target.preload_bytes,
            "sequence_length": inputs.target.sequence_length,
        }
    )


def _move(page: Page, latency_us: int) -> None:
    """Move the slider, and wait for the paint."""
    before = page.evaluate(PAINTED)
    page.evaluate(MOVE, ["latency", latency_us])
    for _ in range(MOST_WAIT_MS // LOOK_AGAIN_MS):
        if page.evaluate(PAINTED) > before:
            return
        page.wait_for_timeout(LOOK_AGAIN_MS)
    message = f"no answer was painted within {MOST_WAIT_MS} ms for a deadline of {latency_us} us"
    raise SystemExit(message)


def _shares(taken: dict[str, list[dict[str, Any]]]) -> Iterator[Share]:
    for part in ("prepare", "solve", "simulate"):
        spent_us = [move["server"][part] for move in taken["total"]]
        yield share_of(Share, part, (us / MICROSECONDS_PER_MS for us in spent_us))
    for part in PARTS:
        kind = Painted if part == "total" else Share
        yield share_of(kind, part, (move["duration"] for move in taken[part]))
