"""The figures of a validation as tables, for a terminal and for docs/validation.md."""

from __future__ import annotations

import os
import platform
import statistics
from typing import TYPE_CHECKING

from rich.table import Table

from benchmarks.machine_load import QUIET_CORES
from plan_contracts import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.validate import Validation
    from benchmarks.validation_compare import Compared, ComparedPlan

BEGIN = "<!-- figures: written by `python -m benchmarks validate --markdown` -->\n"
END = "<!-- end of the figures -->\n"
BUSY = " (a busy machine: errors are then mostly those of its compute)"
MICROSECONDS_PER_MS = 1000
MOST_REASONS = 10
PART_NAMES = ("waits", "decoding", "layers", "fixed")
PLAN_HEADS = (
    "plan",
    "simulated ms",
    "measured ms",
    "error",
    "spread",
    "of waits, decoding, layers, fixed: ms",
    "stall order",
)
LAYER_HEADS = (
    "plan",
    "end of each layer: error (spread)",
    "stall of each layer, ms: simulated / measured",
)
LEFT = {"plan", *LAYER_HEADS}


def tables(plans: Sequence[ComparedPlan]) -> Iterable[Table]:
    """For a terminal: one line a plan, then its layers, for every bandwidth."""
    for bandwidth, of_bandwidth in _by_bandwidth(plans):
        for title, heads, rows in (
            (f"{bandwidth} MB/s: plans", PLAN_HEADS, map(_plan_row, of_bandwidth)),
            (f"{bandwidth} MB/s: layers", LAYER_HEADS, map(_layer_row, of_bandwidth)),
        ):
            table = Table(title=title, title_justify="left")
            for head in heads:
                table.add_column(
                    head, justify="left" if head in LEFT else "right", no_wrap=head == "plan"
                )
            for row in rows:
                table.add_row(*row)
            yield table


def described_machine(validation: Validation) -> str:
    """Where and how it was measured."""
    load = validation.others_cores
    others = "an unknown part" if load is None else f"{load:.2f}"
    repeated = f", {validation.repeated} repeated" if validation.repeated else ""
    return (
        f"shardstream {__version__}, {platform.machine()}, {os.cpu_count()} cores, of which other "
        f"programs took {others}; trimmed means of {validation.rounds} rounds a "
        f"bandwidth{repeated}" + (BUSY if load is not None and load > QUIET_CORES else "")
    )


def reasons(validation: Validation) -> list[str]:
    """The plans whose error is larger than their spread, the worst first, and why it is."""
    wrong = [p for p in validation.plans if abs(p.latency.error) > p.latency.spread]
    return [_reason(p) for p in sorted(wrong, key=lambda p: -abs(p.latency.error))[:MOST_REASONS]]


def _reason(plan: ComparedPlan) -> str:
    latency, parts = plan.latency, plan.parts
    late = [(name, getattr(parts, name).late_us) for name in PART_NAMES]
    changes = ", ".join(f"{name} {_signed_ms(us)}" for name, us in late)
    return (
        f"{plan.name} at {plan.bandwidth_mb_s} MB/s, {latency.error:+.1%} where runs spread "
        f"{latency.spread:.1%}: {changes} ms; {_why(plan)}"
    )


def _why(plan: ComparedPlan) -> str:
    """In words, by what decides the latency."""
    if not plan.waits:
        slower = plan.latency.late_us > 0
        return f"nothing waits, and computing was {'slower' if slower else 'faster'} than profiled"
    if plan.read_ahead_layers == 0:
        return "every layer is waited for: caches go cold, the reading thread has to be woken up"
    if plan.layers[-1].stall.simulated_us > 0:
        return "reads decide: only the last layer and the fixed part can differ from the profile"
    return "reads decide the first layers, computing the last ones"


def with_results(document: str, validation: Validation) -> str:
    """The document with the figures between its two marks, or at its end, written anew."""
    figures = f"{BEGIN}{_markdown(validation)}{END}"
    if BEGIN not in document:
        return f"{document}\n{figures}"
    before, rest = document.split(BEGIN)
    return before + figures + rest.split(END)[1]


def _markdown(validation: Validation) -> str:
    errors = validation.errors
    orders = [plan.stall_order() for plan in validation.plans]
    right, differ = (sum(column) for column in zip(*orders, strict=True))
    parts = [
        "## Figures\n",
        f"{described_machine(validation)}.\n",
        *_markdown_table(
            ("plans", "median absolute error", "worst", "pairs of layers in order of stall"),
            [
                (
                    str(len(errors)),
                    f"{statistics.median(errors):.1%}",
                    f"{max(errors):.1%}",
                    f"{right} of {differ}",
                )
            ],
        ),
    ]
    explained = reasons(validation)
    if explained:
        parts.append("Errors larger than the spread of the runs, the worst first:\n")
        parts.append("\n".join(f"- {line}" for line in explained) + "\n")
    for bandwidth, of_bandwidth in _by_bandwidth(validation.plans):
        parts.append(f"### {bandwidth} MB/s\n")
        parts += _markdown_table(PLAN_HEADS, map(_plan_row, of_bandwidth))
        parts += _markdown_table(LAYER_HEADS, map(_layer_row, of_bandwidth))
    return "\n".join(parts)


def _markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    ruled = ["---" if head in LEFT else "---:" for head in heads]
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, ruled, *rows)]
    return ["\n".join(lines) + "\n"]


def _by_bandwidth(plans: Sequence[ComparedPlan]) -> list[tuple[int, list[ComparedPlan]]]:
    bandwidths = dict.fromkeys(plan.bandwidth_mb_s for plan in plans)
    return [(b, [plan for plan in plans if plan.bandwidth_mb_s == b]) for b in bandwidths]


def _plan_row(plan: ComparedPlan) -> tuple[str, ...]:
    latency = plan.latency
    right, differ = plan.stall_order()
    return (
        plan.name,
        _ms(latency.simulated_us),
        _ms(latency.measured_us),
        f"{latency.error:+.1%}",
        f"{latency.spread:.1%}",
        ", ".join(_signed_ms(getattr(plan.parts, name).late_us) for name in PART_NAMES),
        f"{right} of {differ}",
    )


def _layer_row(plan: ComparedPlan) -> tuple[str, ...]:
    ends = ", ".join(f"{y.end.error:+.1%} ({y.end.spread:.1%})" for y in plan.layers)
    return plan.name, ends, ", ".join(_stall(layer.stall) for layer in plan.layers)


def _stall(stall: Compared) -> str:
    return f"{_ms(stall.simulated_us)} / {_ms(stall.measured_us)}"


def _signed_ms(us: int) -> str:
    return f"{us / MICROSECONDS_PER_MS:+.1f}"


def _ms(us: int) -> str:
    return f"{us / MICROSECONDS_PER_MS:.1f}"
