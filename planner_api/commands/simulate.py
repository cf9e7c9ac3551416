"""`shardstream simulate`: a plan run by the simulator."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from plan_contracts import ContractError, Plan, RunTrace
from planner_api.commands.inputs import device_of, local_registry, lookup_in, model_of
from planner_api.commands.tables import show_simulation
from shard_runtime.files import write_atomically
from simulator import chrome_trace, gantt, simulate, summarise, to_trace

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """How often to run, and what to write where."""

    runs: int
    seed: int
    as_json: bool
    plot: Path | None
    trace: Path | None
    measured: tuple[Path, ...] = ()


def simulate_plan(
    place: Path, *, device: str, model: str, database: str | None, wanted: Wanted
) -> None:
    """Print what the simulator says of a plan; picture and trace are written whole.

    The trace has the runs of `measured`, RunTraces of this plan, beside the simulated one.
    """
    plan = Plan.from_file(place).sealed()
    measured = [_run_of(plan, path) for path in wanted.measured]
    with local_registry(database) as registry:
        lookup = lookup_in(registry)
        profile, manifest = device_of(device, lookup), model_of(model, lookup)
    summary = summarise(plan, profile, manifest, runs=wanted.runs, seed=wanted.seed)
    run = to_trace(simulate(plan, profile, manifest), plan)
    if wanted.trace is not None:
        write_atomically(wanted.trace, json.dumps(chrome_trace(run, *measured)) + "\n")
    if wanted.plot is not None:
        write_atomically(wanted.plot, gantt(run, deadline_us=plan.target.latency_us))
    if wanted.as_json:
        print(summary.model_dump_json())  # noqa: T201 - the command's output
    else:
        show_simulation(Console(), plan, summary)


def _run_of(plan: Plan, path: Path) -> RunTrace:
    """A run that was measured; ContractError if it is another plan's."""
    run = RunTrace.from_file(path)
    if run.plan_id != plan.id:
        message = f"{path}: the run must be of plan {plan.id}, got {run.plan_id}"
        raise ContractError(message)
    return run
