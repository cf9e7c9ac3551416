"""`shardstream diff`: two plans side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from plan_contracts import Plan
from planner_api.commands.tables import in_bytes, milliseconds, score
from planner_api.services.diff import diff

if TYPE_CHECKING:
    from pathlib import Path

    from planner_api.services.diff import (
        LayerTotals,
        PlanDifference,
        PlanTotals,
        ShardState,
    )


def diff_plans(before: Path, after: Path, *, as_json: bool) -> None:
    """Print what changes from one plan file to the other."""
    difference = diff(Plan.from_file(before).sealed(), Plan.from_file(after).sealed())
    if as_json:
        print(difference.model_dump_json())  # noqa: T201 - the command's output
    else:
        show_difference(Console(), difference)


def show_difference(console: Console, difference: PlanDifference) -> None:
    """Targets and totals that differ, layers, and the shards that change."""
    for name in difference.other_documents:
        console.print(f"[yellow]the plans have different {name.removesuffix('_digest')}s[/yellow]")
    console.print(_totals(difference))
    console.print(_layers(difference))
    if difference.shards:
        console.print(_shards(difference))
    else:
        console.print("every shard is the same")


def _totals(difference: PlanDifference) -> Table:
    table = Table("", "before", "after")
    for change in difference.target:
        table.add_row(f"target {change.field}", str(change.before), str(change.after))
    before, after = _told(difference.before), _told(difference.after)
    for name in before:
        style = None if before[name] == after[name] else "bold"
        table.add_row(name, before[name], after[name], style=style)
    return table


def _told(totals: PlanTotals) -> dict[str, str]:
    return {
        "depth x width": f"{totals.depth} x {totals.width}",
        "score": score(totals.objective),
        "latency": milliseconds(totals.latency_us),
        "bytes read": in_bytes(totals.read_bytes),
        "bytes preloaded": in_bytes(totals.preload_bytes),
        "peak memory": in_bytes(totals.peak_memory_bytes),
    }


def _layers(difference: PlanDifference) -> Table:
    table = Table("layer", "reads", "", "preloads", "", "computed at", "")
    for change in difference.layers:
        before, after = _of_layer(change.before), _of_layer(change.after)
        cells = [cell for pair in zip(before, after, strict=True) for cell in pair]
        table.add_row(str(change.layer), *cells, style=None if before == after else "bold")
    return table


def _of_layer(totals: LayerTotals | None) -> tuple[str, str, str]:
    if totals is None:
        return ("-", "-", "-")
    return (
        in_bytes(totals.read_bytes),
        in_bytes(totals.preload_bytes),
        milliseconds(totals.compute_end_us),
    )


def _shards(difference: PlanDifference) -> Table:
    table = Table("layer", "slice", "before", "after")
    for change in difference.shards:
        states = _of_shard(change.before), _of_shard(change.after)
        table.add_row(str(change.layer), str(change.slice), *states)
    return table


def _of_shard(state: ShardState | None) -> str:
    if state is None:
        return "-"
    return f"{state.bits} bit" + (", preloaded" if state.preload else "")
