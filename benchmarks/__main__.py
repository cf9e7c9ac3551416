"""`python -m benchmarks [NAME ...]`: run named cases, print a table for each, write JSON."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from benchmarks.registry import BENCHMARKS, Benchmark, rows_of
from plan_contracts import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = dict[str, Any]


def main(arguments: Sequence[str]) -> None:
    """Run the named cases, all of them without a name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {sorted(BENCHMARKS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON")
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"a name must be one of {sorted(BENCHMARKS)}, got {unknown}")
    results = {name: _shown(BENCHMARKS[name]) for name in chosen.names or BENCHMARKS}
    if chosen.json:
        chosen.json.write_text(json.dumps({**_machine(), "results": results}, indent=2) + "\n")


def _shown(benchmark: Benchmark) -> list[Row]:
    console = Console()
    with console.status(benchmark.about):
        rows = rows_of(benchmark)
    table = Table(title=benchmark.about, title_justify="left")
    for column in rows[0]:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*map(_text, row.values()))
    console.print(table)
    return rows


def _text(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def _machine() -> Row:
    return {
        "shardstream": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": platform.processor(),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
