"""`shardstream demo`: the whole product on the example model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from planner_api.demo.report import show
from planner_api.demo.story import DemoOptions, run_demo
from shard_runtime.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path


def demo(options: DemoOptions, *, out: Path | None) -> None:
    """Run the demo, print its table, and write the same as JSON to `out`."""
    console = Console()
    report = run_demo(options, console)
    if out is not None:
        write_atomically(out, report.to_json(indent=2) + "\n")
    show(console, report)
