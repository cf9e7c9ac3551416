"""Runs that devices report, each beside what was simulated for its plan.

Signed errors are measured minus simulated: positive means slower, or more, than simulated.
"""

from __future__ import annotations

from statistics import median_low
from typing import TYPE_CHECKING, Literal

from plan_contracts import Part, Plan, PlanResponse, RunTrace
from plan_contracts.units import Bytes, Count, Microseconds, Positive, Sha256
from planner_api.errors import InvalidRequestError, NotFoundError, PlanMismatchError
from planner_api.services.calibrate import StalePlan
from planner_api.services.documents import DIGEST
from planner_api.services.plans import require_plan
from planner_api.services.ports import NewRun

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plan_contracts import SimulationSummary, Span
    from planner_api.services.ports import Records, Registry


class ComparedTime(Part):
    """A duration as it was and as it was simulated; `relative_error` is null beside a 0."""

    measured_us: Microseconds
    simulated_us: Microseconds
    error_us: int
    relative_error: float | None


class ComparedBytes(Part):
    """A size as it was and as it was simulated."""

    measured_bytes: Bytes
    simulated_bytes: Bytes
    error_bytes: int


class ComparedLayer(Part):
    """When the compute of a layer ended."""

    layer: Count
    compute_end: ComparedTime


class RunComparison(Part):
    """One run beside the simulation of its plan; `run_id` is the digest of its trace."""

    run_id: Sha256
    plan_id: Sha256
    source: Literal["simulated", "measured"]
    device: str
    within_target: bool
    latency: ComparedTime
    stall: ComparedTime
    io_busy: ComparedTime
    compute_busy: ComparedTime
    peak_memory: ComparedBytes
    layers: tuple[ComparedLayer, ...]


class PlanRuns(Part):
    """All runs of a plan, the oldest first; the median is over the measured ones.

    `stale` says why the device should ask for a newer plan, null if it need not.
    """

    plan_id: Sha256
    runs: tuple[RunComparison, ...]
    median_latency: ComparedTime | None
    stale: StalePlan | None


class ListedRun(Part):
    """A run in a list; `created_us` in microseconds since 1970 UTC."""

    number: Positive
    created_us: Microseconds
    run: RunComparison


class RunPage(Part):
    """Some runs, the newest first; `next` is the `before` of the next page, null at the end."""

    items: tuple[ListedRun, ...]
    next: Positive | None


def report_run(registry: Registry, plan_id: str, trace: RunTrace) -> tuple[RunComparison, bool]:
    """Keep a run of a plan; returns it beside its simulation, and whether it was new.

    NotFoundError for an unknown plan, PlanMismatchError for a trace of another plan or device,
    InvalidRequestError for one that stalls longer than it lasts.
    """
    with registry.writing() as records:
        plan = Plan.from_json(require_plan(records.plans, plan_id))
        _require_run_of(plan, trace)
        simulation = _simulation(records, plan_id)
        comparison = compare(plan, simulation, trace)
        run = NewRun(
            id=comparison.run_id,
            plan_id=plan_id,
            trace=trace.to_json(),
            comparison=comparison.model_dump_json(),
        )
        return comparison, records.runs.add(run)


def runs_of(registry: Registry, plan_id: str) -> PlanRuns:
    """All runs of a plan; NotFoundError for an unknown one."""
    with registry.reading() as records:
        require_plan(records.plans, plan_id)
        stored = records.runs.of_plan(plan_id)
        reason = records.calibrations.stale([plan_id]).get(plan_id)
    runs = tuple(RunComparison.model_validate_json(run.comparison) for run in stored)
    return PlanRuns(
        plan_id=plan_id,
        runs=runs,
        median_latency=_median_latency(runs),
        stale=None if reason is None else StalePlan.model_validate_json(reason),
    )


def page_of_runs(registry: Registry, *, before: int | None, limit: int) -> RunPage:
    """At most `limit` runs of all plans numbered below `before`, the newest first."""
    with registry.reading() as records:
        rows = records.runs.newest(before=before, limit=limit + 1)
    items = tuple(
        ListedRun(
            number=row.number,
            created_us=row.created_us,
            run=RunComparison.model_validate_json(row.summary),
        )
        for row in rows[:limit]
    )
    return RunPage(items=items, next=items[-1].number if len(rows) > limit else None)


def trace_json(registry: Registry, run_id: str) -> str:
    """The trace of a run as it was reported; NotFoundError if nothing is known by this id."""
    with registry.reading() as records:
        trace = records.runs.trace(run_id) if DIGEST.fullmatch(run_id) else None
    if trace is None:
        message = f"no run is known by {run_id!r}"
        raise NotFoundError(message)
    return trace


def compare(plan: Plan, simulation: SimulationSummary, trace: RunTrace) -> RunComparison:
    """A run beside the simulation of its plan; what is no stall counts as compute."""
    stall_us = busy_us(trace.spans, "stall")
    return RunComparison(
        run_id=trace.content_digest(),
        plan_id=trace.plan_id,
        source=trace.source,
        device=trace.device,
        within_target=trace.latency_us <= plan.target.latency_us,
        latency=_times(trace.latency_us, simulation.latency_us),
        stall=_times(stall_us, simulation.stall_us),
        io_busy=_times(busy_us(trace.spans, "read"), simulation.io_busy_us),
        compute_busy=_times(trace.latency_us - stall_us, simulation.compute_busy_us),
        peak_memory=_sizes(trace.peak_memory_bytes, simulation.peak_memory_bytes),
        layers=tuple(_layers(plan, trace)),
    )


def busy_us(spans: Iterable[Span], kind: str) -> int:
    """Microseconds during which at least one span of this kind lasted."""
    busy = until = 0
    for start, end in sorted((s.start_us, s.end_us) for s in spans if s.kind == kind):
        busy += max(0, end - max(start, until))
        until = max(until, end)
    return busy


def _layers(plan: Plan, trace: RunTrace) -> Iterable[ComparedLayer]:
    for layer, predicted in enumerate(plan.predicted.layers):
        computed = [s for s in trace.spans if s.kind == "compute" and s.layer == layer]
        ends = [s.end_us for s in computed if s.slices]  # embeddings and head have none
        if ends:
            end = _times(max(ends), predicted.compute_end_us)
            yield ComparedLayer(layer=layer, compute_end=end)


def _times(measured_us: int, simulated_us: int) -> ComparedTime:
    error_us = measured_us - simulated_us
    return ComparedTime(
        measured_us=measured_us,
        simulated_us=simulated_us,
        error_us=error_us,
        relative_error=error_us / simulated_us if simulated_us else None,
    )


def _sizes(measured_bytes: int, simulated_bytes: int) -> ComparedBytes:
    return ComparedBytes(
        measured_bytes=measured_bytes,
        simulated_bytes=simulated_bytes,
        error_bytes=measured_bytes - simulated_bytes,
    )


def _median_latency(runs: Sequence[RunComparison]) -> ComparedTime | None:
    measured = [run.latency for run in runs if run.source == "measured"]
    if not measured:
        return None
    return _times(median_low(latency.measured_us for latency in measured), measured[0].simulated_us)


def _simulation(records: Records, plan_id: str) -> SimulationSummary:
    response = PlanResponse.from_json(records.plans.response(plan_id) or "")
    if response.simulation is None:
        message = f"plan {plan_id} has no simulation to compare with"
        raise NotFoundError(message)
    return response.simulation


def _require_run_of(plan: Plan, trace: RunTrace) -> None:
    if trace.plan_id != plan.id:
        message = f"plan_id must be {plan.id}, to which the run is posted, got {trace.plan_id}"
        raise PlanMismatchError(message)
    if trace.device != plan.device:
        message = f"device must be the plan's {plan.device!r}, got {trace.device!r}"
        raise PlanMismatchError(message)
    stall_us = busy_us(trace.spans, "stall")
    if stall_us > trace.latency_us:
        message = f"stalls must last at most the latency_us of {trace.latency_us}, got {stall_us}"
        raise InvalidRequestError(message)
    beyond = [span.layer for span in trace.spans if span.layer >= plan.depth]
    if beyond:
        message = f"layers of spans must be 0..{plan.depth - 1} as in the plan, got {beyond[0]}"
        raise PlanMismatchError(message)
