"""`python -m benchmarks validate`: plans run on this machine beside their simulation.

The example model's store is built in a work folder, or found there. For each bandwidth the paced
flash and this machine are measured and plans are made for the profile; then profile and plans are
measured in turns, round after round, so that what slows the machine for a while slows all alike.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from benchmarks.machine_load import Usage, wait_until_quiet
from benchmarks.validation_report import described_machine, tables, with_results
from benchmarks.validation_runs import ComparedPlan, validate_at
from planner_api.demo.material import example_store
from shard_runtime.__main__ import THREADS

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

WORK = Path(__file__).parent / ".work"
BANDWIDTHS_MB_S = (25, 50, 100)
ROUNDS = 9
LARGEST_MEDIAN = 0.03
LARGEST_WORST = 0.08


@dataclass(frozen=True, kw_only=True, slots=True)
class Validation:
    """All plans at all bandwidths; `others_cores`: what other programs took of the machine."""

    plans: tuple[ComparedPlan, ...]
    rounds: int
    others_cores: float | None

    @property
    def errors(self) -> list[float]:
        """Absolute error of every plan, as a share of its simulated latency."""
        return [abs(plan.latency.error) for plan in self.plans]

    def shortfalls(self) -> Iterator[str]:
        """What the figures should show and do not."""
        middle, worst = statistics.median(self.errors), max(self.errors)
        if middle > LARGEST_MEDIAN:
            yield f"median absolute error must be at most {LARGEST_MEDIAN:.0%}, got {middle:.1%}"
        if worst > LARGEST_WORST:
            yield f"worst absolute error must be at most {LARGEST_WORST:.0%}, got {worst:.1%}"
        for plan in self.plans:
            right, differ = plan.stall_order()
            if right < differ:
                place = f"{plan.name} at {plan.bandwidth_mb_s} MB/s"
                yield f"stalls of {differ} pairs of layers must be in order, got {right}: {place}"


def main(arguments: Sequence[str]) -> None:
    """Validate, print the tables; with --check exit 1 if the figures fall short."""
    chosen = _parser().parse_args(arguments)
    validation = validate(
        chosen.work, chosen.bandwidth, rounds=chosen.rounds, patience_s=chosen.patience
    )
    console = Console()
    for table in tables(validation.plans):
        console.print(table)
    shortfalls = list(validation.shortfalls())
    console.print(described_machine(validation.others_cores, validation.rounds), highlight=False)
    console.print("\n".join(shortfalls) or "the figures are as they should be", highlight=False)
    if chosen.json:
        chosen.json.write_text(json.dumps(asdict(validation), indent=2) + "\n")
    if chosen.markdown:
        before = chosen.markdown.read_text() if chosen.markdown.exists() else ""
        chosen.markdown.write_text(with_results(before, validation))
    if chosen.check and shortfalls:
        sys.exit(1)


def validate(
    work: Path, bandwidths_mb_s: Sequence[int], *, rounds: int, patience_s: float
) -> Validation:
    """Everything at every bandwidth, each in a fresh process."""
    store = example_store(work / "store").folder
    plans: list[ComparedPlan] = []
    before = Usage.now()
    for bandwidth in bandwidths_mb_s:
        wait_until_quiet(patience_s)
        with _one_blas_thread(), _one_process() as process:
            plans += process.submit(validate_at, store, bandwidth, rounds).result()
    after = Usage.now()
    others = after.others_since(before) if before and after else None
    return Validation(plans=tuple(plans), rounds=rounds, others_cores=others)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks validate", description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK, help="folder of the store")
    parser.add_argument("--bandwidth", type=int, nargs="+", default=BANDWIDTHS_MB_S, metavar="MB/s")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="runs of each plan")
    parser.add_argument("--patience", type=float, default=0.0, help="seconds to wait for quiet")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="put the tables in there")
    parser.add_argument("--check", action="store_true", help="fail if the figures fall short")
    return parser


def _one_process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


@contextmanager
def _one_blas_thread() -> Generator[None]:
    """Let processes started meanwhile begin with one BLAS thread: BLAS reads this only once."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
