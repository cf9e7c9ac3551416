"""Runs as a Gantt picture: an SVG with the threads of each run on one axis of time."""

from __future__ import annotations

from itertools import accumulate, groupby
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from simulator.svg import page
from simulator.trace import has_decode_worker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plan_contracts import RunTrace, Span

WIDTH, LEFT, RIGHT = 960, 76, 24
HEAD, NAME, LANE, FOOT = 58, 28, 38, 46
LANES = {"read": 0, "decode": 1, "compute": 1, "stall": 1}
LANE_NAMES = ("flash", "compute", "decode")
WORKER_LANE = 2
LEAST_LABEL = 18
MOST_TICKS = 10
MICROSECONDS_PER_MS = 1000
LARGEST_SHOWN_IN_US = 2000
STYLE = """.read { fill: #2f6fae } .decode { fill: #b7791f } .compute { fill: #2f855a }
.read.odd { fill: #23588c } .decode.odd { fill: #96621a } .compute.odd { fill: #246b48 }
.read { stroke: #ffffff; stroke-width: .25 }
.stall { fill: url(#stripes); stroke: #c2553d; stroke-width: .5 }
.label { fill: #ffffff; text-anchor: middle; font-size: 11px; font-weight: 600 }
.deadline { stroke: #c2255c; stroke-width: 1.5; stroke-dasharray: 5 4 }
.deadline-label { fill: #c2255c; font-weight: 600 }
"""
DARK = """  .read { stroke: #0d1117 } .label { fill: #ffffff }
  .deadline { stroke: #ff7eb0 } .deadline-label { fill: #ff7eb0 }
"""
STRIPES = (
    '<pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect width="2.5" height="6" fill="#c2553d"/></pattern>'
)


def gantt(*traces: RunTrace, deadline_us: int | None = None) -> str:
    """One SVG of all runs, one above the other, with the deadline if there is one.

    Colours and text follow a light or dark page; every bar carries its numbers as a tooltip.
    """
    latest = max(*(trace.latency_us for trace in traces), deadline_us or 0, 1)
    scale = (WIDTH - LEFT - RIGHT) / latest
    tops = list(accumulate((_height(trace) for trace in traces), initial=HEAD))
    height = tops[-1] + FOOT
    parts = [f"<defs>{STRIPES}</defs>", *_legend(), *_axis(latest, scale, height - FOOT)]
    for trace, top in zip(traces, tops, strict=False):
        parts.extend(_run(trace, scale, top))
    if deadline_us is not None:
        parts.extend(_deadline(deadline_us, scale, height - FOOT))
    return page((WIDTH, height), parts, title=_title(traces), style=STYLE, dark=DARK)


def _title(traces: Iterable[RunTrace]) -> str:
    return "; ".join(_run_name(trace) for trace in traces)


def _run_name(trace: RunTrace) -> str:
    return f"{trace.source} on {trace.device}: {_time(trace.latency_us)}"


def _time(us: int) -> str:
    if us < LARGEST_SHOWN_IN_US:
        return f"{us} µs"
    return f"{us / MICROSECONDS_PER_MS:.4g} ms"


def _legend() -> Iterator[str]:
    for place, kind in enumerate(LANES):
        left = LEFT + 92 * place
        yield f'<rect class="{kind}" x="{left}" y="15" width="14" height="14" rx="2"/>'
        yield f'<text x="{left + 20}" y="26">{kind}</text>'


def _axis(latest_us: int, scale: float, bottom: int) -> Iterator[str]:
    unit, per_unit = ("µs", 1) if latest_us < LARGEST_SHOWN_IN_US else ("ms", MICROSECONDS_PER_MS)
    for at in range(0, latest_us + 1, _tick_step(latest_us)):
        x = LEFT + at * scale
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{HEAD - 10}" y2="{bottom}"/>'
        yield (
            f'<text class="faint" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">'
            f"{at / per_unit:g}</text>"
        )
    yield f'<text class="faint" x="{LEFT}" y="{bottom + 36}">{unit} from the first read</text>'


def _tick_step(latest_us: int) -> int:
    """The least of 1, 2, 5, 10, 20, 50... that gives at most MOST_TICKS ticks."""
    step = 1
    while latest_us > MOST_TICKS * step:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return step


def _lanes(trace: RunTrace) -> dict[str, int]:
    """The lane of every kind of span."""
    return LANES | ({"decode": WORKER_LANE} if has_decode_worker(trace) else {})


def _height(trace: RunTrace) -> int:
    return NAME + LANE * len(set(_lanes(trace).values()))


def _run(trace: RunTrace, scale: float, top: int) -> Iterator[str]:
    lanes = _lanes(trace)
    yield f'<text class="strong" x="{LEFT}" y="{top + 10}">{escape(_run_name(trace))}</text>'
    for lane in sorted(set(lanes.values())):
        y, name = _lane(top, lane) + 19, LANE_NAMES[lane]
        yield f'<text x="{LEFT - 8}" y="{y}" text-anchor="end">{name}</text>'
    for span in trace.spans:
        yield _bar(span, scale, _lane(top, lanes[span.kind]))
    for span in _labelled(trace):
        yield from _label(span, scale, _lane(top, lanes[span.kind]))


def _lane(top: int, lane: int) -> int:
    return top + 18 + lane * LANE


def _bar(span: Span, scale: float, top: int) -> str:
    odd = " odd" if span.layer % 2 else ""
    return (
        f'<rect class="{span.kind}{odd}" x="{LEFT + span.start_us * scale:.2f}" '
        f'y="{top}" height="{LANE - 10}" '
        f'width="{(span.end_us - span.start_us) * scale:.2f}">'
        f"<title>{_tooltip(span)}</title></rect>"
    )


def _tooltip(span: Span) -> str:
    slices = ", ".join(map(str, span.slices))
    size = f", {span.bytes} bytes" if span.bytes else ""
    return (
        f"{span.kind} layer {span.layer}, slices {slices}{size}: "
        f"{_time(span.start_us)} to {_time(span.end_us)}"
    )


def _labelled(trace: RunTrace) -> Iterator[Span]:
    """One span for each layer's reads, and each layer's compute."""
    reads = (span for span in trace.spans if span.kind == "read")
    for _, group in groupby(reads, key=lambda span: span.layer):
        first, *rest = group
        last = rest[-1] if rest else first
        yield first.model_copy(update={"end_us": last.end_us})
    yield from (span for span in trace.spans if span.kind == "compute")


def _label(span: Span, scale: float, top: int) -> Iterator[str]:
    if (span.end_us - span.start_us) * scale < LEAST_LABEL:
        return
    middle = LEFT + (span.start_us + span.end_us) / 2 * scale
    yield f'<text class="label" x="{middle:.1f}" y="{top + 18}">{span.layer}</text>'


def _deadline(deadline_us: int, scale: float, bottom: int) -> Iterator[str]:
    x = LEFT + deadline_us * scale
    yield f'<line class="deadline" x1="{x:.1f}" x2="{x:.1f}" y1="{HEAD - 14}" y2="{bottom}"/>'
    anchor = "end" if x > WIDTH / 2 else "start"
    yield (
        f'<text class="deadline-label" x="{x:.1f}" y="{HEAD - 20}" text-anchor="{anchor}">'
        f"deadline {_time(deadline_us)}</text>"
    )
