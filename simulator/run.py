"""Simulate a plan: once by SimPy, or many times under the device's jitter by the recursion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import ContractError, SimulationSummary
from simulator.conditions import UNDISTURBED, with_cache_hits
from simulator.jitter import sample
from simulator.pipeline import run_pipeline
from simulator.recursion import recur
from simulator.report import make_report
from simulator.speed import LONGEST_US
from simulator.workload import Deadlock, Timeline, compute_entry, durations_of, workload_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plan_contracts import DeviceProfile, ModelManifest, Plan
    from simulator.conditions import Conditions
    from simulator.report import SimulationReport
    from simulator.workload import Durations, Workload

QUANTILES = (0.5, 0.95, 0.99)


def simulate(
    plan: Plan,
    device: DeviceProfile,
    model: ModelManifest,
    *,
    conditions: Conditions = UNDISTURBED,
    seed: int = 0,
) -> SimulationReport:
    """One run without jitter in SimPy; the seed only draws page cache hits of a probability.

    ContractError if the plan was made from other documents.
    """
    work = workload_of(plan, device, model, conditions)
    durations = durations_of(plan, device, model)
    return execute(work, under(conditions, work, durations, runs=1, seed=seed).of_run(0))


def simulate_with_buffer(
    plan: Plan, device: DeviceProfile, model: ModelManifest, *, read_ahead_bytes: int
) -> SimulationReport | Deadlock:
    """As `simulate`, holding at most `read_ahead_bytes` of encoded shards at once."""
    work = workload_of(plan, device, model).limited_to(read_ahead_bytes)
    durations = durations_of(plan, device, model)
    outcome = run_pipeline(work, durations)
    return outcome if isinstance(outcome, Deadlock) else make_report(work, durations, outcome)


def execute(work: Workload, durations: Durations) -> SimulationReport:
    """One run of a workload that no byte limit can stop, in SimPy."""
    return make_report(work, durations, finished(run_pipeline(work, durations)))


def monte_carlo(  # noqa: PLR0913 - the three documents, and how to run them
    plan: Plan,
    device: DeviceProfile,
    model: ModelManifest,
    *,
    runs: int,
    seed: int,
    conditions: Conditions = UNDISTURBED,
) -> NDArray[np.int64]:
    """(runs,) latencies under the device's jitter, microseconds; equal seeds, equal latencies."""
    work = workload_of(plan, device, model, conditions)
    samples = sample(
        durations_of(plan, device, model),
        storage=device.storage.jitter,
        compute_sigma=compute_entry(plan, device, model).jitter_sigma,
        runs=runs,
        seed=seed,
    )
    return finished(recur(work, under(conditions, work, samples, runs=runs, seed=seed))).done_us


def summarise(  # noqa: PLR0913 - the three documents, and how to run them
    plan: Plan,
    device: DeviceProfile,
    model: ModelManifest,
    *,
    runs: int = 1000,
    seed: int,
    conditions: Conditions = UNDISTURBED,
) -> SimulationSummary:
    """The run without jitter, and quantiles and hit probability over `runs` samples of it.

    Quantile q is the least sampled latency that at least a share q of the runs keep to; the hit
    probability is the share of runs that keep to the plan's target.
    """
    report = simulate(plan, device, model, conditions=conditions, seed=seed)
    latencies = monte_carlo(plan, device, model, runs=runs, seed=seed, conditions=conditions)
    quantiles = np.quantile(latencies, QUANTILES, method="inverted_cdf")
    return SimulationSummary(
        latency_us=report.latency_us,
        stall_us=report.stall_us,
        io_busy_us=report.io_busy_us,
        compute_busy_us=report.compute_busy_us,
        peak_memory_bytes=report.peak_memory_bytes,
        quantiles_us={str(q): int(us) for q, us in zip(QUANTILES, quantiles, strict=True)},
        hit_probability=float(np.mean(latencies <= plan.target.latency_us)),
        runs=runs,
    )


def under(
    conditions: Conditions, work: Workload, durations: Durations, *, runs: int, seed: int
) -> Durations:
    """The durations with the hits of the page cache, if there is one.

    ContractError if they are too long to follow a speed that changes.
    """
    steady = conditions.flash_speed.is_nominal and conditions.compute_speed.is_nominal
    if not steady and durations.longest_work_us() >= LONGEST_US:
        message = (
            f"the work of a run must stay below {LONGEST_US} us where speeds change, "
            f"got {durations.longest_work_us()}"
        )
        raise ContractError(message)
    if conditions.page_cache is None:
        return durations
    return with_cache_hits(work, durations, conditions.page_cache, runs=runs, seed=seed)


def finished(outcome: Timeline | Deadlock) -> Timeline:
    """The timeline of a workload that no byte limit can stop."""
    if isinstance(outcome, Timeline):
        return outcome
    raise RuntimeError(str(outcome))
