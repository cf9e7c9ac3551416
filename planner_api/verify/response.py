"""A response against itself: status, simulation, baselines, and why there is no plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner_api.verify.findings import ROUNDING, differing, same_score

if TYPE_CHECKING:
    from collections.abc import Callable

    from plan_contracts import Certificate, Infeasibility, Plan, PlanResponse, SimulationSummary
    from planner_api.verify.documents import Documents, Numbers
    from planner_api.verify.findings import Messages

PARTS = {
    "optimal": {"plan", "certificate", "simulation"},
    "feasible": {"plan", "certificate", "simulation"},
    "rejected_by_simulation": {"certificate", "simulation"},
    "infeasible": {"infeasibility"},
}
"""What a response of each status has; the others are null."""


def check_status(numbers: Numbers, response: PlanResponse) -> Messages:
    """The parts that belong to the status, and `optimal` where the gap allows it."""
    for part in ("plan", "certificate", "simulation", "infeasibility"):
        has, due = getattr(response, part) is not None, part in PARTS[response.status]
        if has != due:
            rule = "have a" if due else "have no"
            yield f"a response of status {response.status} must {rule} {part}"
    if response.plan is None or response.certificate is None:
        return
    most = numbers.documents.options.max_relative_gap
    gap = response.certificate.relative_gap
    if response.status == "optimal" and gap > most + ROUNDING:
        yield f"status must be feasible at a gap of {gap!r}, more than {most!r}, got optimal"
    if response.status == "feasible" and gap <= most and not response.plan.provenance.truncated:
        yield f"status must be optimal at a gap of {gap!r}, at most {most!r}, got feasible"


def check_skipped(numbers: Numbers, response: PlanResponse) -> Messages:
    """The model's widths that the device has no compute time for."""
    due = tuple(m for m in numbers.documents.model.widths if numbers.layer_us[m - 1] < 0)
    yield from differing("skipped_widths", response.skipped_widths, due)


def check_agreement(numbers: Numbers, response: PlanResponse) -> Messages:
    """What plan, certificate and simulation say of the same plan."""
    plan = response.plan
    if plan is not None and response.certificate is not None:
        yield from _certified(plan, response.certificate)
    if plan is not None and response.simulation is not None:
        yield from _simulated(numbers.documents, plan, response.simulation)


def _certified(plan: Plan, certificate: Certificate) -> Messages:
    objective = plan.predicted.objective
    yield from differing("certificate.objective", certificate.objective, objective)
    for bound in certificate.bounds:
        below = bound.upper_bound < objective
        if (bound.depth, bound.width) != (plan.depth, plan.width) or not below:
            continue
        if not same_score(bound.upper_bound, objective, certificate.range):
            yield f"the bound {bound.upper_bound!r} of the plan's pair must reach {objective!r}"


def _simulated(documents: Documents, plan: Plan, simulation: SimulationSummary) -> Messages:
    """The run without jitter; samples are only held against each other."""
    predicted, storage = plan.predicted, documents.device.storage
    read_us = sum(storage.read_us(read.bytes) for read in plan.reads)
    steps = [layer.compute_end_us - layer.compute_start_us for layer in predicted.layers]
    work_us = sum(steps) + documents.compute.fixed_us
    if storage.queue_depth == 1:
        yield from differing("simulation.latency_us", simulation.latency_us, predicted.latency_us)
        yield from differing("simulation.io_busy_us", simulation.io_busy_us, read_us)
    elif simulation.latency_us > predicted.latency_us or simulation.io_busy_us > read_us:
        yield "simulated latency and busy storage must be at most the predicted ones"
    yield from differing("simulation.compute_busy_us", simulation.compute_busy_us, work_us)
    stall_us = simulation.latency_us - work_us
    yield from differing("simulation.stall_us", simulation.stall_us, stall_us)
    if simulation.peak_memory_bytes > predicted.peak_memory_bytes:
        yield f"simulated memory must be at most {predicted.peak_memory_bytes} bytes"
    yield from _sampled(simulation, documents.target.latency_us)


def _sampled(simulation: SimulationSummary, latency_us: int) -> Messages:
    share, runs = simulation.hit_probability, simulation.runs
    if not 0 <= share <= 1 or abs(share * runs - round(share * runs)) > ROUNDING * max(1, runs):
        yield f"simulation.hit_probability must be a share of {runs} runs, got {share!r}"
    by_share = sorted((float(q), us) for q, us in simulation.quantiles_us.items())
    if [us for _, us in by_share] != sorted(us for _, us in by_share):
        yield "simulation.quantiles_us must rise"
    for quantile, us in by_share:
        clear = abs(share - quantile) > ROUNDING
        if clear and (us <= latency_us) != (share >= quantile):
            yield f"simulation.hit_probability {share!r} must agree with quantile {quantile}: {us}"


def check_baselines(numbers: Numbers, response: PlanResponse) -> Messages:
    """Each other policy once; none that keeps to the target above the upper bound or our plan."""
    own = numbers.documents.options.policy
    policies = [baseline.policy for baseline in response.baselines]
    if own in policies or len(set(policies)) < len(policies):
        yield f"baselines must be other policies than {own}, each once, got {policies}"
    certificate = response.certificate
    for baseline in response.baselines:
        if not baseline.feasible:
            continue
        if baseline.objective is None or baseline.latency_us is None:
            yield f"baseline {baseline.policy} must have a score and a latency to be feasible"
        elif baseline.latency_us > numbers.documents.target.latency_us:
            yield f"baseline {baseline.policy} must keep to the target latency to be feasible"
        elif certificate is not None:
            limit = certificate.objective if own == "optimal" else certificate.upper_bound
            above = baseline.objective > limit
            if above and not same_score(baseline.objective, limit, certificate.range):
                yield f"baseline {baseline.policy} must score at most {limit!r}"
        elif own == "optimal":
            yield f"nothing is feasible, so baseline {baseline.policy} must not be"


def check_infeasibility(numbers: Numbers, response: PlanResponse) -> Messages:
    """Each least value lies beyond the limit that was given."""
    documents = numbers.documents
    target, options = documents.target, documents.options
    reason = response.infeasibility
    if reason is None or options.policy != "optimal" or target.latency_quantile is not None:
        return
    for name, least, limit in _limits(documents, reason):
        if least is not None and least <= limit:
            yield f"infeasibility.{name} must be more than the {limit} that is not enough"


def _limits(documents: Documents, reason: Infeasibility) -> list[tuple[str, int | None, int]]:
    target = documents.target
    return [
        ("least_latency_us", reason.least_latency_us, target.latency_us),
        ("least_preload_bytes", reason.least_preload_bytes, target.preload_bytes),
        ("least_memory_bytes", reason.least_memory_bytes, documents.memory_bytes),
    ]


CHECKS: dict[str, Callable[[Numbers, PlanResponse], Messages]] = {
    "status": check_status,
    "skipped widths": check_skipped,
    "agreement of the parts": check_agreement,
    "baselines": check_baselines,
    "infeasibility": check_infeasibility,
}


def left_open(response: PlanResponse) -> Messages:
    """What a response claims that only a simulator or an optimiser could recompute."""
    if response.simulation is not None:
        yield "quantiles and hit probability of the sampled runs need the simulator"
    if response.baselines:
        yield "the baselines' scores and latencies need their policies"
    if response.shadow_prices is not None:
        yield "shadow prices are estimates"
    if response.infeasibility is not None:
        yield "that nothing less would do, and that nothing is feasible, needs the optimiser"
