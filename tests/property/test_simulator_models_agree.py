"""SimPy, the recursion and the optimiser's evaluation give the same times, bit for bit."""

from __future__ import annotations

from dataclasses import fields

import pytest

from instances import midsize, problem_of
from plan_contracts import StorageJitter
from planner_api.optimizer.choice import evaluate
from plans import made_of, random_choice
from simulator import simulate
from simulator.conditions import PageCache, with_cache_hits
from simulator.jitter import sample
from simulator.pipeline import run_pipeline
from simulator.recursion import recur
from simulator.workload import Deadlock, Timeline
from workloads import loaded_first, random_durations, random_workload, seeded

JITTER = StorageJitter(bandwidth_sigma=0.4, autocorrelation=0.6)


def assert_equal(reference: Timeline | Deadlock, other: Timeline | Deadlock) -> None:
    if isinstance(reference, Deadlock) or isinstance(other, Deadlock):
        assert reference == other
        return
    for field in fields(Timeline):
        assert getattr(reference, field.name).tolist() == getattr(other, field.name).tolist()


@pytest.mark.parametrize("block", range(10))
def test_simpy_and_recursion_agree_on_a_thousand_random_configurations(block: int) -> None:
    for seed in range(100 * block, 100 * (block + 1)):
        source = seeded(seed)
        work = random_workload(source)
        durations = random_durations(source, work)
        assert_equal(run_pipeline(work, durations), recur(work, durations))


@pytest.mark.parametrize("seed", range(100))
def test_simpy_and_recursion_agree_on_loading_first(seed: int) -> None:
    source = seeded(seed)
    work = loaded_first(random_workload(source))
    durations = random_durations(source, work)
    assert_equal(run_pipeline(work, durations), recur(work, durations))


def test_the_random_configurations_deadlock_sometimes_and_not_always() -> None:
    outcomes: list[bool] = []
    for seed in range(200):
        source = seeded(seed)
        work = random_workload(source)
        outcome = recur(work, random_durations(source, work))
        outcomes.append(isinstance(outcome, Deadlock))
    assert 10 < sum(outcomes) < 150


@pytest.mark.parametrize("seed", range(40))
def test_simpy_and_recursion_agree_sample_by_sample_under_jitter_and_cache_hits(seed: int) -> None:
    source = seeded(seed)
    work = random_workload(source, deadlocks=False)
    jittered = sample(
        random_durations(source, work), storage=JITTER, compute_sigma=0.1, runs=8, seed=seed
    )
    cache = PageCache(bandwidth_bytes_per_s=5_000_000, probability=source.choice((0, 0.5)))
    samples = with_cache_hits(work, jittered, cache, runs=8, seed=seed)
    many = recur(work, samples)
    assert isinstance(many, Timeline)
    for run in range(8):
        assert_equal(run_pipeline(work, samples.of_run(run)), of_run(many, run))


def of_run(many: Timeline, run: int) -> Timeline:
    return Timeline(**{f.name: getattr(many, f.name)[..., run] for f in fields(Timeline)})


@pytest.mark.parametrize("seed", range(60))
def test_a_deterministic_run_takes_what_the_optimiser_predicts(seed: int) -> None:
    problem = problem_of(midsize(seed))
    source = seeded(seed)
    choice = random_choice(problem, source)
    report, evaluation = simulate(*made_of(problem, choice)), evaluate(problem, choice)
    assert report.latency_us == evaluation.latency_us
    assert [s.end_us for s in report.layers] == [t.compute_end_us for t in evaluation.layers]
    assert report.peak_memory_bytes <= evaluation.peak_memory_bytes
