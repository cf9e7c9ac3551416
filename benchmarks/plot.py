"""How long the optimiser and its rivals take to a proof, as a picture: a dot for every case."""

from __future__ import annotations

import statistics
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.sax.saxutils import escape

import numpy as np

from simulator.svg import page

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from _typeshed import DataclassInstance

WIDTH, LEFT, RIGHT = 960, 230, 110
HEAD, ROW, FOOT = 54, 30, 46
SHORTEST_MS, LONGEST_MS = 1.0, 20_000.0
TICKS_MS = (1, 10, 100, 1_000, 10_000)
OWN = "certified"
"""The way that is no rival."""
TITLE = "Time to a plan proven within 0.1 % of the best score"
STYLE = """.case { fill: #2f6fae; fill-opacity: .45 } .rival { fill: #b7791f; fill-opacity: .6 }
.median { stroke: #24292f; stroke-width: 2 } .unproven { fill: #c2255c; font-weight: 600 }
"""
DARK = """  .case { fill: #6cb0f0 } .rival { fill: #e0a948 } .median { stroke: #e6edf3 }
  .unproven { fill: #ff7eb0 }
"""


class Strip(NamedTuple):
    """Milliseconds of each case, None where the gap was not reached."""

    name: str
    times_ms: Sequence[float | None]
    is_rival: bool


def strips_of(measured: Iterable[Iterable[DataclassInstance]]) -> list[Strip]:
    """One for every series that holds the times of its cases to 0.1 %."""
    rows = [asdict(row) for rows in measured for row in rows]
    return [
        Strip(_name(row), row["times_ms"], is_rival=row.get("way", OWN) != OWN)
        for row in rows
        if any(ms is not None for ms in row.get("times_ms", ()))
    ]


def _name(row: dict[str, Any]) -> str:
    return f"{row['series']}: {row['way']}" if "way" in row else row["series"]


def times_to_gap(strips: Sequence[Strip]) -> str:
    """An SVG: a row for each series, time on a logarithmic axis, a tick at the median."""
    bottom = HEAD + ROW * len(strips)
    parts = [f'<text class="strong" x="{LEFT}" y="24">{TITLE}</text>', *_axis(bottom)]
    for place, strip in enumerate(strips):
        parts.extend(_strip(strip, HEAD + ROW * place + ROW // 2))
    return page((WIDTH, bottom + FOOT), parts, title=TITLE, style=STYLE, dark=DARK)


def _axis(bottom: int) -> Iterator[str]:
    for ms in TICKS_MS:
        x = _x(ms)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{HEAD - 8}" y2="{bottom}"/>'
        yield (
            f'<text class="faint" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{ms:,}</text>'
        )
    yield f'<text class="faint" x="{LEFT}" y="{bottom + 36}">milliseconds, one dot a case</text>'


def _x(ms: float) -> float:
    share = np.log(min(max(ms, SHORTEST_MS), LONGEST_MS) / SHORTEST_MS)
    return LEFT + (WIDTH - LEFT - RIGHT) * float(share / np.log(LONGEST_MS / SHORTEST_MS))


def _strip(strip: Strip, y: int) -> Iterator[str]:
    kind = "rival" if strip.is_rival else "case"
    yield f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(strip.name)}</text>'
    reached = [ms for ms in strip.times_ms if ms is not None]
    for ms in reached:
        yield (
            f'<circle class="{kind}" cx="{_x(ms):.1f}" cy="{y}" r="4">'
            f"<title>{ms:,.1f} ms</title></circle>"
        )
    if 2 * len(reached) > len(strip.times_ms):
        middle = _x(statistics.median(np.inf if ms is None else ms for ms in strip.times_ms))
        ends = f'x1="{middle:.1f}" x2="{middle:.1f}" y1="{y - 9}" y2="{y + 9}"'
        yield f'<line class="median" {ends}/>'
    missed = len(strip.times_ms) - len(reached)
    if missed:
        yield (
            f'<text class="unproven" x="{WIDTH - RIGHT + 8}" y="{y + 4}">{missed} not proven</text>'
        )
