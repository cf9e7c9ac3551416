"""Simulate a plan: once by SimPy, or many times under the device's jitter by the recursion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import SimulationSummary
from simulator.jitter import sample
from simulator.pipeline import run_pipeline
from simulator.recursion import recur
from simulator.report import make_report
from simulator.workload import Deadlock, Timeline, compute_entry, durations_of, workload_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plan_contracts import DeviceProfile, ModelManifest, Plan
    from simulator.report import SimulationReport
    from simulator.workload import Durations, Workload

QUANTILES = (0.5, 0.95, 0.99)


def simulate(plan: Plan, device: DeviceProfile, model: ModelManifest) -> SimulationReport:
    """One deterministic run in SimPy; ContractError if the plan was made from other documents."""
    return execute(workload_of(plan, device, model), durations_of(plan, device, model))


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
    return make_report(work, durations, _finished(run_pipeline(work, durations)))


def monte_carlo(
    plan: Plan, device: DeviceProfile, model: ModelManifest, *, runs: int, seed: int
) -> NDArray[np.int64]:
    """(runs,) latencies under the device's jitter, microseconds; equal seeds, equal latencies."""
    compute = compute_entry(plan, device, model)
    work = workload_of(plan, device, model)
    samples = sample(
        durations_of(plan, device, model),
        storage=device.storage.jitter,
        compute_sigma=compute.jitter_sigma,
        runs=runs,
        seed=seed,
    )
    return _finished(recur(work, samples)).end_us[-1] + samples.fixed_us


def summarise(
    plan: Plan, device: DeviceProfile, model: ModelManifest, *, runs: int = 1000, seed: int
) -> SimulationSummary:
    """The deterministic run, and quantiles and hit probability over `runs` samples of jitter.

    Quantile q is the least sampled latency that at least a share q of the runs keep to; the hit
    probability is the share of runs that keep to the plan's target.
    """
    report = simulate(plan, device, model)
    latencies = monte_carlo(plan, device, model, runs=runs, seed=seed)
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


def _finished(outcome: Timeline | Deadlock) -> Timeline:
    if isinstance(outcome, Timeline):
        return outcome
    raise RuntimeError(str(outcome))
