"""Answers for a person: the same numbers as the JSON, with units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from planner_api.services.plans import summary_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from plan_contracts import Baseline, Plan, PlanResponse, SimulationSummary

KIBIBYTE = 1024
PLAIN_UNIT = "1"
"""The unit of scores that have none, such as cosines."""


def milliseconds(us: int | None) -> str:
    """Microseconds as milliseconds."""
    return "-" if us is None else f"{us / 1000:,.3f} ms"


def kibibytes(size_bytes: int) -> str:
    """Bytes as KiB."""
    return f"{size_bytes / KIBIBYTE:,.1f} KiB"


def in_bytes(size_bytes: int) -> str:
    """Bytes to the last one."""
    return f"{size_bytes:,} bytes"


def score(value: float | None) -> str:
    """A score in the unit of its table."""
    return "-" if value is None else f"{value:,.6g}"


def with_unit(number: str, unit: str) -> str:
    """A number and its unit, if it has one."""
    return number if unit == PLAIN_UNIT else f"{number} {unit}"


def in_unit(name: str, unit: str) -> str:
    """What scores are called, and their unit, if they have one."""
    return name if unit == PLAIN_UNIT else f"{name} in {unit}"


def show_response(console: Console, response: PlanResponse) -> None:
    """Status, plan, certificate, simulation, baselines, and why not."""
    plan = response.plan
    status = response.status.replace("_", " ")
    console.print(f"[bold]{status}[/bold]{f' {plan.id}' if plan else ''}", soft_wrap=True)
    if response.infeasibility is not None:
        console.print(escape(response.infeasibility.message))
    facts = [
        *_of_plan(plan, response),
        *_of_simulation(response.simulation),
        *_of_proof(response),
    ]
    if facts:
        console.print(facts_table(facts))
    if response.skipped_widths:
        widths = ", ".join(map(str, response.skipped_widths))
        console.print(f"widths without compute times on the device, left out: {widths}")
    if response.baselines:
        console.print(_baselines(response.baselines))


def _of_plan(plan: Plan | None, response: PlanResponse) -> Iterable[tuple[str, str]]:
    if plan is None:
        return
    summary = summary_of(plan, response.status)
    yield "model on device", escape(f"{plan.model} on {plan.device}")
    yield "depth x width", f"{plan.depth} x {plan.width}"
    yield "mean bits", f"{summary.mean_bits:.2f}"
    yield "bytes read", kibibytes(summary.read_bytes)
    yield "bytes preloaded", kibibytes(summary.preload_bytes)
    yield "peak memory", kibibytes(plan.predicted.peak_memory_bytes)
    yield "target latency", milliseconds(plan.target.latency_us)
    yield "predicted latency", milliseconds(plan.predicted.latency_us)
    yield "predicted score", score(plan.predicted.objective)
    if plan.provenance.truncated:
        yield "search", "cut short by the time limit"


def _of_simulation(simulation: SimulationSummary | None) -> Iterable[tuple[str, str]]:
    if simulation is None:
        return
    yield "simulated latency", milliseconds(simulation.latency_us)
    yield "simulated stall", milliseconds(simulation.stall_us)
    for quantile, us in simulation.quantiles_us.items():
        yield f"quantile {quantile}", milliseconds(us)
    yield "deadline met", f"{simulation.hit_probability:.1%} of {simulation.runs} runs"


def _of_proof(response: PlanResponse) -> Iterable[tuple[str, str]]:
    certificate, prices = response.certificate, response.shadow_prices
    if certificate is not None:
        yield "upper bound", score(certificate.upper_bound)
        yield "relative gap", f"{certificate.relative_gap:.3%}"
    if prices is not None:
        yield "one more ms", f"{prices.score_per_ms:+.3g} score"
        yield "one more KiB preload", f"{prices.score_per_kib_preload:+.3g} score"


def show_simulation(console: Console, plan: Plan, simulation: SimulationSummary) -> None:
    """What the simulator says of a plan, beside what the planner predicted."""
    console.print(f"plan {plan.id}", soft_wrap=True)
    facts = [
        ("predicted latency", milliseconds(plan.predicted.latency_us)),
        *_of_simulation(simulation),
        ("target latency", milliseconds(plan.target.latency_us)),
        ("flash busy", milliseconds(simulation.io_busy_us)),
        ("compute busy", milliseconds(simulation.compute_busy_us)),
        ("peak memory", kibibytes(simulation.peak_memory_bytes)),
    ]
    console.print(facts_table(facts))


def facts_table(facts: Sequence[tuple[str, str]]) -> Table:
    """A name and a value a line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for fact in facts:
        table.add_row(*fact)
    return table


def _baselines(baselines: Iterable[Baseline]) -> Table:
    table = Table(
        "policy", "score", "latency", "fits", title="other policies", title_justify="left"
    )
    for baseline in baselines:
        table.add_row(
            baseline.policy,
            score(baseline.objective),
            milliseconds(baseline.latency_us),
            "yes" if baseline.feasible else "no",
        )
    return table
