"""How fast the recursion samples latencies beside SimPy, and how often the models agree."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, fields, replace
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.instances import Kind, Size, generate
from plan_contracts import StorageJitter
from planner_api.optimizer.assemble import to_plan
from planner_api.optimizer.choice import ABSENT, Choice, evaluate
from planner_api.optimizer.policies import full
from planner_api.optimizer.problem import build_problem
from planner_api.optimizer.solution import Candidate, Solution
from simulator import Conditions, PageCache, SpeedSchedule, monte_carlo
from simulator.conditions import with_cache_hits
from simulator.jitter import sample
from simulator.pipeline import run_pipeline
from simulator.recursion import recur
from simulator.speed import STEADY
from simulator.workload import Deadlock, compute_entry, durations_of, workload_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from plan_contracts import DeviceProfile, ModelManifest, Plan
    from planner_api.optimizer.problem import Problem
    from simulator.workload import Durations, Timeline, Workload

RUNS = 1_000
BLOCKS = 5
REPEATS = 9
"""How often the recursion samples all runs in each block; SimPy simulates a fifth of them."""

MOST_MS = 25
LEAST_RATIO = 300
CONFIGURATIONS = 1_000
SIZES = (Size(layers=2, slices=3), Size(layers=4, slices=6), Size(layers=12, slices=12))
JITTER = StorageJitter(bandwidth_sigma=0.25, autocorrelation=0.5)
COMPUTE_SIGMA = 0.05
MILLISECOND_S = 1e-3


class Case(NamedTuple):
    """What a simulation takes."""

    plan: Plan
    device: DeviceProfile
    model: ModelManifest


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """1,000 latencies of one plan: milliseconds by recursion and by SimPy, medians of blocks."""

    recursion_ms: float
    simpy_ms: float
    ratio: float
    equal_runs: int

    def shortfalls(self) -> Iterator[str]:
        """What the figures should show and do not."""
        if self.recursion_ms >= MOST_MS:
            yield f"recursion_ms must be below {MOST_MS}, got {self.recursion_ms:.1f}"
        if self.ratio < LEAST_RATIO:
            yield f"ratio must be at least {LEAST_RATIO}, got {self.ratio:.0f}"
        if self.equal_runs != RUNS:
            yield f"equal_runs must be {RUNS}, got {self.equal_runs}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """In how many of the configurations the computations were equal, bit for bit."""

    configurations: int
    models_equal: int
    prediction_equal: int
    deadlocks: int

    def shortfalls(self) -> Iterator[str]:
        """What the figures should show and do not."""
        for name in ("models_equal", "prediction_equal"):
            if getattr(self, name) != self.configurations:
                yield f"{name} must be {self.configurations}, got {getattr(self, name)}"


def measure_speed() -> Speed:
    """The whole model at 12x12, every shard streamed, under jitter; both from the documents."""
    case = _largest_case()
    sampled = monte_carlo(*case, runs=RUNS, seed=0)
    fast: list[float] = []
    slow: list[float] = []
    equal = 0
    for block in np.split(np.arange(RUNS), BLOCKS):
        fast.append(median(_recursion_ms(case) for _ in range(REPEATS)))
        began = time.perf_counter()
        latencies = simpy_latencies(case, block.tolist())
        slow.append((time.perf_counter() - began) / MILLISECOND_S * BLOCKS)
        equal += int((latencies == sampled[block]).sum())
    return Speed(
        recursion_ms=median(fast),
        simpy_ms=median(slow),
        ratio=median(s / f for s, f in zip(slow, fast, strict=True)),
        equal_runs=equal,
    )


def measure_agreement(configurations: int = CONFIGURATIONS) -> Agreement:
    """Random plans on random devices and models, under every kind of limit, with jitter."""
    equal = predicted = deadlocks = 0
    for seed in range(configurations):
        source = random.Random(seed)  # noqa: S311 - seeded on purpose, no secret
        case = _random_case(source, seed)
        predicted += _equals_prediction(case)
        work, durations = _limited(source, case)
        reference = run_pipeline(work, durations)
        equal += _equal(reference, recur(work, durations))
        deadlocks += isinstance(reference, Deadlock)
    return Agreement(
        configurations=configurations,
        models_equal=equal,
        prediction_equal=predicted,
        deadlocks=deadlocks,
    )


def simpy_latencies(case: Case, runs: list[int]) -> NDArray[np.int64]:
    """Latencies of some of the runs that `monte_carlo` samples with seed 0, one by one in SimPy."""
    work, samples = workload_of(*case), _samples(case, runs=RUNS, seed=0)
    ends = [_finished(run_pipeline(work, samples.of_run(run))).done_us for run in runs]
    return np.array(ends, dtype=np.int64)


def _recursion_ms(case: Case) -> float:
    began = time.perf_counter()
    monte_carlo(*case, runs=RUNS, seed=0)
    return (time.perf_counter() - began) / MILLISECOND_S


def _largest_case() -> Case:
    problem = _problem(Size(layers=12, slices=12), seed=0)
    candidate = full(problem)
    if candidate is None:
        message = "the device must have a time for layers of full width"
        raise RuntimeError(message)
    return _case(problem, candidate)


def _random_case(source: random.Random, seed: int) -> Case:
    problem = _problem(source.choice(SIZES), seed, source.choice((None, 0, 1, 2)))
    choice = _random_choice(source, problem)
    return _case(problem, Candidate(choice=choice, evaluation=evaluate(problem, choice)))


def _problem(size: Size, seed: int, read_ahead_layers: int | None = None) -> Problem:
    """A generated problem under jitter, without a preload buffer."""
    inputs = generate(Kind(size=size, spread=0.05, read_ahead_layers=read_ahead_layers), seed)
    device = inputs.device
    compute = tuple(c.model_copy(update={"jitter_sigma": COMPUTE_SIGMA}) for c in device.compute)
    storage = device.storage.model_copy(update={"jitter": JITTER})
    return build_problem(
        replace(
            inputs,
            device=device.model_copy(update={"storage": storage, "compute": compute}),
            target=inputs.target.model_copy(update={"preload_bytes": 0}),
        )
    )


def _random_choice(source: random.Random, problem: Problem) -> Choice:
    """Any pair, any slices at any bitwidth, about a quarter of them preloaded."""
    pair = source.choice(problem.pairs)
    bits = np.full((pair.depth, problem.slices), ABSENT, dtype=np.int64)
    preload = np.zeros(bits.shape, dtype=np.bool_)
    for layer in range(pair.depth):
        for index in source.sample(range(problem.slices), pair.width):
            bits[layer, index] = source.randrange(len(problem.bits))
            preload[layer, index] = source.random() < 0.25  # noqa: PLR2004 - a quarter
    return Choice(pair=pair, bits=bits, preload=preload)


def _case(problem: Problem, candidate: Candidate) -> Case:
    solution = Solution(
        candidate=candidate, bounds=(), upper_bound=np.inf, truncated=False, shadow_prices=None
    )
    return Case(to_plan(problem, solution), problem.inputs.device, problem.inputs.model)


def _equals_prediction(case: Case) -> bool:
    """Whether both models, without jitter, end every layer when the optimiser says."""
    work, durations = workload_of(*case), durations_of(*case)
    predicted = [layer.compute_end_us for layer in case.plan.predicted.layers]
    return all(
        _finished(outcome).end_us.tolist() == predicted
        for outcome in (run_pipeline(work, durations), recur(work, durations))
    )


def _limited(source: random.Random, case: Case) -> tuple[Workload, Durations]:
    """The case with a queue and random conditions, and one sample of its durations."""
    conditions = Conditions(
        decode_worker=source.random() < 0.5,  # noqa: PLR2004 - every other time
        flash_speed=_random_speed(source),
        compute_speed=_random_speed(source),
    )
    work = replace(workload_of(*case, conditions), queue_depth=source.randint(1, 4))
    whole = sum(work.encoded_bytes())
    if whole and source.random() < 0.5:  # noqa: PLR2004 - every other time
        work = work.limited_to(source.randint(whole // (2 * work.depth) + 1, whole))
    seed = source.randrange(2**32)
    cache = PageCache(bandwidth_bytes_per_s=10**9, probability=source.choice((0.0, 0.3)))
    samples = _samples(case, runs=1, seed=seed)
    return work, with_cache_hits(work, samples, cache, runs=1, seed=seed).of_run(0)


def _random_speed(source: random.Random) -> SpeedSchedule:
    """Nominal, or slower after half a second and faster after another."""
    slower = SpeedSchedule(((0, 1000), (500_000, source.randint(0, 999)), (1_000_000, 1200)))
    return source.choice((STEADY, slower))


def _samples(case: Case, *, runs: int, seed: int) -> Durations:
    return sample(
        durations_of(*case),
        storage=case.device.storage.jitter,
        compute_sigma=compute_entry(*case).jitter_sigma,
        runs=runs,
        seed=seed,
    )


def _equal(reference: Timeline | Deadlock, other: Timeline | Deadlock) -> bool:
    if isinstance(reference, Deadlock) or isinstance(other, Deadlock):
        return reference == other
    return all(
        np.array_equal(getattr(reference, field.name), getattr(other, field.name))
        for field in fields(reference)
    )


def _finished(outcome: Timeline | Deadlock) -> Timeline:
    if isinstance(outcome, Deadlock):
        raise TypeError(str(outcome))
    return outcome
