"""`shardstream explain`: a plan's room, and the shards that are next in line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from plan_contracts import Plan
from planner_api.commands.tables import in_bytes, milliseconds, score
from planner_api.services.explain import explain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from planner_api.commands.resolved import MadeFrom
    from planner_api.services.explain import Explanation, NextShard, Shortage


def explain_plan(place: Path, documents: MadeFrom, *, count: int, as_json: bool) -> None:
    """Print why the plan in a file is as it is."""
    plan = Plan.from_file(place).sealed()
    explanation = explain(plan, *documents, count=count)
    if as_json:
        print(explanation.model_dump_json())  # noqa: T201 - the command's output
    else:
        show_explanation(Console(), explanation)


def show_explanation(console: Console, explanation: Explanation) -> None:
    """Room below each limit, layers, and both lists of shards next in line."""
    room = explanation.room
    console.print(f"[bold]plan[/bold] {escape(explanation.plan_id)}")
    console.print(f"score {score(explanation.objective)}, {milliseconds(explanation.latency_us)}")
    least = explanation.least
    limits = Table("limit", "left", "least at which a plan exists")
    limits.add_row("latency", milliseconds(room.latency_us), milliseconds(least.latency_us))
    limits.add_row("preload", in_bytes(room.preload_bytes), _in_bytes(least.preload_bytes))
    limits.add_row("memory", in_bytes(room.memory_bytes), _in_bytes(least.memory_bytes))
    console.print(limits)
    console.print(_layers(explanation))
    console.print(_next("next in line, streamed", explanation.next_streamed))
    console.print(_next("next in line, preloaded", explanation.next_preloaded))


def _in_bytes(size_bytes: int | None) -> str:
    return "-" if size_bytes is None else in_bytes(size_bytes)


def _layers(explanation: Explanation) -> Table:
    table = Table("layer", "reads", "computes", "waits", "slack of reads")
    for layer in explanation.layers:
        times = (layer.read_us, layer.compute_us, layer.stall_us, layer.slack_us)
        table.add_row(str(layer.layer), *map(milliseconds, times))
    return table


def _next(title: str, shards: Iterable[NextShard]) -> Table:
    table = Table("layer", "slice", "bits", "score", "needs", title=title, title_justify="left")
    for shard in shards:
        table.add_row(
            str(shard.layer),
            str(shard.slice),
            f"{shard.bits_before} -> {shard.bits}",
            f"{shard.score_gain:+.4g}",
            _needs(shard.needs),
        )
    return table


def _needs(needs: Shortage) -> str:
    parts = [
        f"{milliseconds(needs.latency_us)} of latency" if needs.latency_us else "",
        f"{in_bytes(needs.preload_bytes)} of preload" if needs.preload_bytes else "",
        f"{in_bytes(needs.memory_bytes)} of memory" if needs.memory_bytes else "",
    ]
    return ", ".join(part for part in parts if part) or "nothing"
