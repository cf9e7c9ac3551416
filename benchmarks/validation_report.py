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
    from benchmarks.validation_runs import Compared, ComparedPlan

BEGIN = "<!-- figures: written by `python -m benchmarks validate --markdown` -->\n"
END = "<!-- end of the figures -->\n"
BUSY = " (a busy machine: errors are then mostly those of its compute)"
MICROSECONDS_PER_MS = 1000
PLAN_HEADS = ("plan", "simulated ms", "measured ms", "error", "spread", "work error", "stall order")
LAYER_HEADS = ("plan", "end of each layer: error", "stall of each layer, ms: simulated / measured")
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


def described_machine(others_cores: float | None, rounds: int) -> str:
    """Where and how it was measured."""
    others = "an unknown part" if others_cores is None else f"{others_cores:.2f}"
    return (
        f"shardstream {__version__}, {platform.machine()}, {os.cpu_count()} cores, of which other "
        f"programs took {others}; medians of {rounds} rounds"
        + (BUSY if others_cores is not None and others_cores > QUIET_CORES else "")
    )


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
        f"{described_machine(validation.others_cores, validation.rounds)}.\n",
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
        f"{plan.work.error:+.1%}",
        f"{right} of {differ}",
    )


def _layer_row(plan: ComparedPlan) -> tuple[str, ...]:
    ends = ", ".join(f"{layer.end.error:+.1%}" for layer in plan.layers)
    return plan.name, ends, ", ".join(_stall(layer.stall) for layer in plan.layers)


def _stall(stall: Compared) -> str:
    return f"{_ms(stall.simulated_us)} / {_ms(stall.measured_us)}"


def _ms(us: int) -> str:
    return f"{us / MICROSECONDS_PER_MS:.1f}"
