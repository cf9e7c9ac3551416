"""The Gantt picture shows what the trace says."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from builders import e2_json
from plans import made
from simulator import simulate, to_trace
from simulator.plot import gantt

PLAN, DEVICE, MODEL = made(e2_json(), [[6, 3], [6, 4]], {(0, 0)})
TRACE = to_trace(simulate(PLAN, DEVICE, MODEL), PLAN)
SVG = "{http://www.w3.org/2000/svg}"


def drawn(svg: str, tag: str, kind: str) -> list[ET.Element]:
    """The elements of one class that carry a tooltip or a line, the legend left out."""
    found = ET.fromstring(svg).iter(f"{SVG}{tag}")  # noqa: S314 - our own output
    return [e for e in found if kind in e.get("class", "").split() and e.get("rx") is None]


@pytest.mark.parametrize("kind", ["read", "decode", "compute", "stall"])
def test_every_span_is_a_bar(kind: str) -> None:
    spans = [span for span in TRACE.spans if span.kind == kind]
    assert len(drawn(gantt(TRACE), "rect", kind)) == len(spans) > 0


def test_bars_are_as_long_as_their_spans() -> None:
    bars = drawn(gantt(TRACE), "rect", "compute")
    widths = [float(bar.get("width", 0)) for bar in bars]
    assert widths == pytest.approx([100 * 860 / 253] * 2, abs=0.01)


def test_the_deadline_lies_on_the_same_axis() -> None:
    (line,) = drawn(gantt(TRACE, deadline_us=506), "line", "deadline")
    (_, last) = drawn(gantt(TRACE, deadline_us=506), "rect", "compute")
    end = float(last.get("x", 0)) + float(last.get("width", 0))
    assert float(line.get("x1", 0)) - 76 == pytest.approx(2 * (end - 76), abs=0.1)


def test_no_deadline_is_drawn_where_there_is_none() -> None:
    assert not drawn(gantt(TRACE), "line", "deadline")


def test_runs_stand_below_each_other() -> None:
    measured = TRACE.model_copy(update={"source": "measured"})
    rows = {bar.get("y") for bar in drawn(gantt(TRACE, measured), "rect", "compute")}
    assert len(rows) == 2


def test_a_tooltip_says_the_numbers() -> None:
    assert "read layer 1, slices 0, 60 bytes: 35 µs to 100 µs" in gantt(TRACE)


def test_names_cannot_break_the_picture() -> None:
    odd = TRACE.model_copy(update={"device": "<b>&"})
    assert drawn(gantt(odd), "rect", "read")


@pytest.mark.parametrize("latency_us", [1, 9, 10, 11, 99, 1234, 20_001, 987_654, 4_166_720])
def test_the_axis_has_a_readable_number_of_ticks(latency_us: int) -> None:
    longer = TRACE.model_copy(update={"latency_us": latency_us, "spans": ()})
    assert 2 <= len(drawn(gantt(longer), "line", "grid")) <= 11
