"""`python -m benchmarks [NAME ...]`: run named cases, print a table for each, write JSON.

`simulator` stands for every name that begins with `simulator-`. `validate` and `accuracy` are
commands of their own, with options of their own: they take minutes, and need a model; `validate`
also a quiet machine, `accuracy` a labelled task.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from benchmarks.plot import strips_of, times_to_gap
from benchmarks.registry import BENCHMARKS, Benchmark, measured_by, rows_of, shortfalls_of
from plan_contracts import __version__
from shard_runtime.__main__ import compute_on_one_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _typeshed import DataclassInstance

Row = dict[str, Any]
WIDTH_IN_FILES = 140
NOT_IN_TABLES = {"falls_short", "times_ms"}
COMMANDS = {"validate": "benchmarks.validate", "accuracy": "benchmarks.accuracy.command"}


def main(arguments: Sequence[str]) -> None:
    """Run the named cases, all of them without a name."""
    command = COMMANDS.get(arguments[0]) if arguments else None
    if command is not None:
        compute_on_one_thread()  # before numpy is loaded
        import_module(command).main(arguments[1:])
        return
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {sorted(BENCHMARKS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the optimiser's times to 0.1 %% as SVG"
    )
    parser.add_argument("--check", action="store_true", help="fail if a figure falls short")
    parser.add_argument("--quick", action="store_true", help="few cases, where a name has many")
    chosen = parser.parse_args(arguments)
    names = [name for given in chosen.names for name in _named(given)] or list(BENCHMARKS)
    if chosen.plot and not any(name.startswith("optimizer-") for name in names):
        parser.error(f"--plot needs a name that begins with optimizer-, got {names}")
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"a name must be one of {sorted(BENCHMARKS)}, got {unknown}")
    measured = {name: _shown(BENCHMARKS[name], quick=chosen.quick) for name in names}
    if chosen.json:
        results = {name: rows_of(rows) for name, rows in measured.items()}
        chosen.json.write_text(json.dumps({**_machine(), "results": results}, indent=2) + "\n")
    if chosen.plot:
        chosen.plot.write_text(times_to_gap(strips_of(measured.values())))
    shortfalls = [f"{name}: {s}" for name, rows in measured.items() for s in shortfalls_of(rows)]
    if chosen.check and shortfalls:
        sys.exit("\n".join(shortfalls))


def _named(given: str) -> list[str]:
    """The names that begin with the given one as a word; itself if there are none."""
    return [name for name in BENCHMARKS if name.startswith(f"{given}-")] or [given]


def _shown(benchmark: Benchmark, *, quick: bool) -> tuple[DataclassInstance, ...]:
    console = Console()
    console = console if console.is_terminal else Console(width=WIDTH_IN_FILES)
    with console.status(benchmark.about):
        measured = measured_by(benchmark, quick=quick)
    rows = [_shown_of(row) for row in rows_of(measured)]
    table = Table(title=benchmark.about, title_justify="left", box=None, pad_edge=False)
    for column in rows[0]:
        table.add_column(column.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*map(_text, row.values()))
    console.print(table)
    return measured


def _shown_of(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in NOT_IN_TABLES}


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
