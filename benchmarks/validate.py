"""`python -m benchmarks validate`: plans run on this machine beside their simulation.

The example model's store is built in a work folder, or found there. For each bandwidth the paced
flash and this machine are measured and plans are made for the profile; then profile and plans are
measured in turns, round after round, so that what slows the machine for a while slows all alike.
Rounds in which other programs were at work are repeated as long as --patience allows.
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

from benchmarks.validation_report import described_machine, reasons, tables, with_results
from benchmarks.validation_runs import Effort, validate_at
from planner_api.demo.material import example_store
from shard_runtime.__main__ import THREADS

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from benchmarks.validation_compare import ComparedPlan
    from benchmarks.validation_runs import ValidatedBandwidth

WORK = Path(__file__).parent / ".work"
BANDWIDTHS_MB_S = (25, 50, 100)
ROUNDS = 100
LARGEST_MEDIAN = 0.03
LARGEST_WORST = 0.08


@dataclass(frozen=True, kw_only=True, slots=True)
class Validation:
    """All plans at all bandwidths, each from so many rounds.

    `repeated`: rounds beyond them, run because others were at work. `others_cores`: what other
    programs took of the machine in the rounds that count.
    """

    plans: tuple[ComparedPlan, ...]
    rounds: int
    repeated: int
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
    effort = Effort(
        rounds=chosen.rounds, patience_s=chosen.patience / max(1, len(chosen.bandwidth))
    )
    validation = validate(chosen.work, chosen.bandwidth, effort)
    console = Console()
    for table in tables(validation.plans):
        console.print(table)
    shortfalls = list(validation.shortfalls())
    for line in (
        described_machine(validation),
        *reasons(validation),
        *(shortfalls or ["the figures are as they should be"]),
    ):
        console.print(line, highlight=False)
    if chosen.json:
        chosen.json.write_text(json.dumps(asdict(validation), indent=2) + "\n")
    if chosen.markdown:
        before = chosen.markdown.read_text() if chosen.markdown.exists() else ""
        chosen.markdown.write_text(with_results(before, validation))
    if chosen.check and shortfalls:
        sys.exit(1)


def validate(work: Path, bandwidths_mb_s: Sequence[int], effort: Effort) -> Validation:
    """Everything at every bandwidth, each in a fresh process."""
    store = example_store(work / "store").folder
    parts: list[ValidatedBandwidth] = []
    for bandwidth in bandwidths_mb_s:
        with _one_blas_thread(), _one_process() as process:
            parts.append(process.submit(validate_at, store, bandwidth, effort).result())
    loads = [part.others_cores for part in parts if part.others_cores is not None]
    return Validation(
        plans=tuple(plan for part in parts for plan in part.plans),
        rounds=effort.rounds,
        repeated=sum(part.rounds_run - effort.rounds for part in parts),
        others_cores=statistics.fmean(loads) if loads else None,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks validate", description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK, help="folder of the store")
    parser.add_argument("--bandwidth", type=int, nargs="+", default=BANDWIDTHS_MB_S, metavar="MB/s")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="runs of each plan")
    parser.add_argument(
        "--patience", type=float, default=120.0, help="seconds to repeat rounds for"
    )
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
