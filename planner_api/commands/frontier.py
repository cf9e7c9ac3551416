"""`shardstream frontier`: the best score over latency targets and preload buffers."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Literal, TypeAlias

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from planner_api.commands.tables import in_bytes, milliseconds, score
from planner_api.errors import InvalidRequestError
from planner_api.services.frontier import ScorePoint, frontier

if TYPE_CHECKING:
    from planner_api.optimizer.problem import PlanInputs
    from planner_api.services.frontier import Frontier

Form: TypeAlias = Literal["table", "json", "csv"]


def show_frontier(inputs: PlanInputs, *, latencies: str, preloads: str, form: Form) -> None:
    """Print the frontier of a request; progress goes to stderr."""
    grid = steps("--latency-us", latencies), steps("--preload-bytes", preloads)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("points", total=len(grid[0]) * len(grid[1]))
        found = frontier(
            inputs, *grid, on_point=lambda _: progress.advance(task), stopped=lambda: False
        )
    match form:
        case "json":
            print(found.model_dump_json())  # noqa: T201 - the command's output
        case "csv":
            print(_as_csv(found), end="")  # noqa: T201 - the command's output
        case "table":
            console = Console()
            console.print(f"best score ({escape(found.unit)}) and depth x width, by preload buffer")
            console.print(_as_table(found))


def steps(option: str, text: str) -> list[int]:
    """The integers of LOW:HIGH:COUNT, evenly spaced and rounded, or the one of a single number."""
    parts = text.split(":")
    if len(parts) == 1 and _is_count(text):
        return [int(text)]
    if len(parts) == 3 and all(map(_is_count, parts)):  # noqa: PLR2004 - LOW:HIGH:COUNT
        low, high, count = map(int, parts)
        if low <= high and count >= 1:
            span = max(1, count - 1)
            return sorted({low + (high - low) * index // span for index in range(count)})
    message = f"{option} must be a number, or LOW:HIGH:COUNT with LOW <= HIGH, got {text!r}"
    raise InvalidRequestError(message)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _as_csv(found: Frontier) -> str:
    lines = io.StringIO()
    writer = csv.DictWriter(lines, list(ScorePoint.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(point.model_dump() for point in found.points)
    return lines.getvalue()


def _as_table(found: Frontier) -> Table:
    """A row a latency, a column a buffer; - where there is no plan, ? where that is open."""
    preloads = sorted({point.preload_bytes for point in found.points})
    table = Table("latency", *map(in_bytes, preloads))
    for latency in sorted({point.latency_us for point in found.points}):
        row = [point for point in found.points if point.latency_us == latency]
        table.add_row(milliseconds(latency), *map(_cell, row))
    return table


def _cell(point: ScorePoint) -> str:
    if point.lower_bound is None:
        return "-" if point.upper_bound is None else "?"
    return f"{score(point.lower_bound)}  {point.depth} x {point.width}"
