"""Planners side by side as a picture: distance and accuracy over the deadline, device by device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

from benchmarks.accuracy.headline import LOAD, OPTIMAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from benchmarks.accuracy.figures import PlannerFigure

PANEL_WIDTH, PANEL_HEIGHT = 250, 190
LEFT, TOP, GAP, FOOT = 66, 62, 64, 56
LEAST_DISTANCE = 1e-5
"""Where the logarithmic axis ends; the full model itself is at 0."""
US_PER_MS = 1000
COLOURS = {
    OPTIMAL: "#2f6fae",
    "uniform": "#b7791f",
    "sti-largest": "#c2553d",
    "sti-deepest": "#7a5195",
    LOAD: "#6b7280",
}
STYLE = """
.paper { fill: #ffffff } text { fill: #24292f; font: 12px system-ui, sans-serif }
.strong { font-weight: 600 } .end { text-anchor: end } .middle { text-anchor: middle }
.grid { stroke: #d8dee4 } .frame { fill: none; stroke: #8c959f }
@media (prefers-color-scheme: dark) {
  .paper { fill: #0d1117 } text { fill: #e6edf3 } .grid { stroke: #30363d }
}
"""


class Value(NamedTuple):
    """One planner at one deadline, with its interval."""

    latency_us: int
    middle: float
    low: float
    high: float


Series = dict[str, list[Value]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """From values to a height in a panel, and where its lines are."""

    ticks: tuple[float, ...]
    label: Callable[[float], str]
    scale: Callable[[float], float]

    def height(self, value: float) -> float:
        """0 at the lowest line, PANEL_HEIGHT at the highest."""
        low, high = self.scale(self.ticks[0]), self.scale(self.ticks[-1])
        share = (self.scale(value) - low) / (high - low)
        return PANEL_HEIGHT * min(1.0, max(0.0, share))


def planner_plot(figures: Sequence[PlannerFigure], unit: str) -> str:
    """One SVG: a column for each device, without preload; distances above, accuracy below."""
    shown = [f for f in figures if f.planner in COLOURS and not f.point.preload_bytes]
    devices = list(dict.fromkeys(figure.point.device for figure in shown))
    rows = [(f"distance, {unit}", _distances(shown), _distance_axis(shown))]
    if any(figure.accuracies for figure in shown):
        rows.append(("accuracy", _accuracies(shown), _accuracy_axis(shown)))
    width = LEFT + len(devices) * (PANEL_WIDTH + GAP)
    height = TOP + len(rows) * (PANEL_HEIGHT + GAP) + FOOT - GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>Planners under the same deadlines, without preload</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
        *_legend(),
    ]
    for row, (title, by_device, axis) in enumerate(rows):
        for column, device in enumerate(devices):
            x, y = LEFT + column * (PANEL_WIDTH + GAP), TOP + row * (PANEL_HEIGHT + GAP)
            parts.append(f'<g transform="translate({x} {y})">')
            parts += _panel(f"{device}: {title}", by_device.get(device, {}), axis)
            parts.append("</g>")
    return "\n".join((*parts, "</svg>\n"))


def _distances(figures: Iterable[PlannerFigure]) -> dict[str, Series]:
    return _by_device(
        (figure, Value(figure.point.latency_us, *figure.distance)) for figure in figures
    )


def _accuracies(figures: Iterable[PlannerFigure]) -> dict[str, Series]:
    return _by_device(
        (
            figure,
            Value(
                figure.point.latency_us,
                sum(figure.accuracies) / len(figure.accuracies),
                min(figure.accuracies),
                max(figure.accuracies),
            ),
        )
        for figure in figures
        if figure.accuracies
    )


def _by_device(values: Iterable[tuple[PlannerFigure, Value]]) -> dict[str, Series]:
    found: dict[str, Series] = {}
    for figure, value in values:
        series = found.setdefault(figure.point.device, {})
        series.setdefault(figure.planner, []).append(value)
    return found


def _distance_axis(figures: Iterable[PlannerFigure]) -> Axis:
    values = [max(figure.distance.mean, LEAST_DISTANCE) for figure in figures]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return Axis(
        ticks=tuple(10.0**power for power in range(low, max(high, low + 1) + 1)),
        label=lambda value: f"{value:g}",
        scale=lambda value: math.log10(max(value, LEAST_DISTANCE)),
    )


def _accuracy_axis(figures: Iterable[PlannerFigure]) -> Axis:
    values = [value for figure in figures for value in figure.accuracies]
    low, high = math.floor(20 * min(values)), math.ceil(20 * max(values))
    return Axis(
        ticks=tuple(step / 20 for step in range(low, max(high, low + 1) + 1)),
        label=lambda value: f"{value:.0%}",
        scale=lambda value: value,
    )


def _legend() -> Iterator[str]:
    x = LEFT
    for planner, colour in COLOURS.items():
        yield f'<line x1="{x}" x2="{x + 22}" y1="20" y2="20" stroke="{colour}" stroke-width="3"/>'
        yield f'<text x="{x + 28}" y="24">{escape(planner)}</text>'
        x += 50 + 7 * len(planner)


def _panel(title: str, series: Series, axis: Axis) -> Iterator[str]:
    yield f'<text class="strong" x="0" y="-10">{escape(title)}</text>'
    for tick in axis.ticks:
        y = PANEL_HEIGHT - axis.height(tick)
        yield f'<line class="grid" x1="0" x2="{PANEL_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="end" x="-6" y="{y + 4:.1f}">{axis.label(tick)}</text>'
    deadlines = sorted({value.latency_us for values in series.values() for value in values})
    places = {
        latency: (index + 0.5) * PANEL_WIDTH / len(deadlines)
        for index, latency in enumerate(deadlines)
    }
    for latency, x in places.items():
        label = f"{latency / US_PER_MS:g} ms"
        yield f'<text class="middle" x="{x:.1f}" y="{PANEL_HEIGHT + 18}">{label}</text>'
    for index, planner in enumerate(COLOURS):
        if planner in series:
            aside = 6 * (index - len(COLOURS) / 2)
            yield from _line(planner, series[planner], places, axis, aside)
    yield f'<rect class="frame" width="{PANEL_WIDTH}" height="{PANEL_HEIGHT}"/>'


def _line(
    planner: str, values: Sequence[Value], places: dict[int, float], axis: Axis, aside: float
) -> Iterator[str]:
    """Points with their intervals, joined; a little aside, so that planners do not hide others."""
    colour = COLOURS[planner]
    spots = [
        (places[value.latency_us] + aside, PANEL_HEIGHT - axis.height(value.middle), value)
        for value in values
    ]
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in spots)
    yield f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-opacity=".5"/>'
    for x, y, value in spots:
        low, high = (PANEL_HEIGHT - axis.height(end) for end in (value.low, value.high))
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="{colour}"/>'
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}">'
        yield f"<title>{escape(planner)}: {value.middle:.4g}</title></circle>"
