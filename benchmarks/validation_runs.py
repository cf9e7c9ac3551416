"""Measures a device profile, makes plans for it, and runs them beside their simulation.

`validate_at` runs in a process of its own that starts with one BLAS thread, as `shard-runtime`
does: the reads have their own thread, and one compute thread is what a profile measures.
"""

from __future__ import annotations

import datetime as dt
import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.machine_load import QUIET_CORES, Usage
from benchmarks.validation_cases import SEQUENCE_LENGTH, plans_of
from benchmarks.validation_compare import compare
from shard_runtime.engine import load_engine
from shard_runtime.execution import Machine
from shard_runtime.executor import PlanRunner
from shard_runtime.measure import (
    MeasureOptions,
    choose_configurations,
    measure,
    observe_round,
    to_profile,
)
from shard_runtime.reader import PacedReader, PlainReader
from shard_runtime.store import ShardStore
from shard_runtime.tokens import pad_tokens
from simulator.calibration import moved_to

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.validation_compare import ComparedPlan
    from shard_runtime.execution import Run
    from shard_runtime.measure import Observation

BYTES_PER_MB = 1_000_000
REQUEST_OVERHEAD_US = 100
TOKEN = 101


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """Every configuration of a profile and every plan, run once.

    `others_cores`: what other programs took of the machine meanwhile, None if unknown.
    """

    observed: list[Observation]
    runs: list[Run]
    seconds: float
    others_cores: float | None

    @property
    def load(self) -> float:
        """Cores that others took, as far as is known."""
        return self.others_cores or 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidatedBandwidth:
    """Every plan at one bandwidth, from the `rounds` that were kept of all that were run."""

    plans: tuple[ComparedPlan, ...]
    rounds_run: int
    others_cores: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """How many rounds to keep, and for how long to repeat those that others disturbed."""

    rounds: int
    patience_s: float


def validate_at(store_folder: Path, bandwidth_mb_s: int, effort: Effort) -> ValidatedBandwidth:
    """Profile, plan, run, and compare; prints what it is doing.

    In each round the profile is measured and then every plan runs once; what is compared in the
    end are the trimmed means of both. So what slows the machine for a while meets both.
    """
    store = ShardStore.open(store_folder)
    paced = PacedReader(PlainReader(), bandwidth_mb_s * BYTES_PER_MB, REQUEST_OVERHEAD_US)
    machine = Machine(store=store, engine=load_engine("auto", store), reader=paced)
    tokens = pad_tokens([TOKEN] * SEQUENCE_LENGTH, SEQUENCE_LENGTH)
    configurations = choose_configurations(store.manifest, [SEQUENCE_LENGTH])
    options = _measure_options(bandwidth_mb_s)
    _say(f"{bandwidth_mb_s} MB/s: a first profile, and plans for it")
    first = measure(machine, options)
    runners = [PlanRunner(p, machine, device=first) for p in plans_of(first, store.manifest)]

    def run_round() -> Round:
        before, start = Usage.now(), time.monotonic()
        observed = observe_round(configurations, machine, cold=False)
        runs = [runner.run(tokens) for runner in runners]
        after = Usage.now()
        others = after.others_since(before) if before and after else None
        seconds = time.monotonic() - start
        _say(f"{bandwidth_mb_s} MB/s: a round of {seconds:.1f} s, others took {others or 0:.2f}")
        return Round(observed=observed, runs=runs, seconds=seconds, others_cores=others)

    run_round()
    rounds = rounds_until_quiet(run_round, effort)
    paced.close()
    kept = quietest(rounds, effort.rounds)
    device = to_profile(store.manifest, [r.observed for r in kept], options)
    return ValidatedBandwidth(
        plans=tuple(
            compare(
                bandwidth_mb_s,
                moved_to(runner.plan, device),
                device,
                store.manifest,
                [r.runs[index] for r in kept],
            )
            for index, runner in enumerate(runners)
        ),
        rounds_run=len(rounds),
        others_cores=mean_load(kept),
    )


def rounds_until_quiet(run_round: Callable[[], Round], effort: Effort) -> list[Round]:
    """As many rounds as are wanted without others at work, or with them if patience ends.

    Patience is what rounds may take beyond the wanted number.
    """
    rounds = [run_round() for _ in range(effort.rounds)]
    while _quiet_rounds(rounds) < effort.rounds and (
        sum(r.seconds for r in rounds[effort.rounds :]) < effort.patience_s
    ):
        rounds.append(run_round())
    return rounds


def quietest(rounds: Sequence[Round], count: int) -> list[Round]:
    """The rounds that others disturbed the least."""
    return sorted(rounds, key=lambda r: r.load)[:count]


def mean_load(rounds: Sequence[Round]) -> float | None:
    """Cores that others took in these rounds; None if that is unknown."""
    loads = [r.others_cores for r in rounds if r.others_cores is not None]
    return statistics.fmean(loads) if loads else None


def _quiet_rounds(rounds: Sequence[Round]) -> int:
    return sum(r.load < QUIET_CORES for r in rounds)


def _measure_options(bandwidth_mb_s: int) -> MeasureOptions:
    return MeasureOptions(
        sequence_lengths=(SEQUENCE_LENGTH,),
        name="this-machine",
        description=f"paced at {bandwidth_mb_s} MB/s + {REQUEST_OVERHEAD_US} us a read",
        source="python -m benchmarks validate",
        date=dt.datetime.now(dt.UTC).date(),
        rounds=2,
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress of a long command
