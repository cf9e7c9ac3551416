"""`shardstream plan --re-measure`: the best plans are measured on text before one is taken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from plan_contracts import ContractError
from planner_api.commands.build import progress
from planner_api.commands.plan import write_plan
from planner_api.commands.tables import in_unit, milliseconds, show_response
from planner_api.errors import InvalidRequestError
from planner_api.services.re_measure import Measured, re_measure
from shard_builder.evaluate import Evaluator, score_of
from shard_builder.inputs import many_at_a_time
from shard_builder.plan_evaluation import accuracies
from shard_runtime.engine import load_engine
from shard_runtime.executor import check_model
from shard_runtime.store import ShardStore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plan_contracts import Plan
    from planner_api.commands.evaluate import Texts
    from planner_api.commands.exit_codes import ExitCode
    from planner_api.optimizer.problem import PlanInputs
    from planner_api.services.re_measure import Measure, MeasuredPlan, ReMeasured
    from shard_builder.progress import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class ReMeasuring:
    """How many of the best plans to measure, on which store and texts."""

    plans: int
    store: Path
    texts: Texts


def plan_by_measurement(
    inputs: PlanInputs, wanted: ReMeasuring, *, as_json: bool, out: Path | None
) -> ExitCode:
    """Print the answer with the plan that measured best, and what the others measured.

    Nothing is remembered: the answer depends on texts that no request names.
    """
    found = re_measured(inputs, wanted)
    if as_json:
        print(found.model_dump_json())  # noqa: T201 - the command's output
    else:
        _show(Console(), found, inputs.importance.unit)
    return write_plan(found.plan, out)


def re_measuring(plans: int, store: Path | None, model: str | None, texts: Texts) -> ReMeasuring:
    """From the options of a command: a --model that is a store folder needs no --store."""
    folder = store or Path(model or "")
    if store is None and not (model and folder.is_dir()):
        message = f"--re-measure needs a --store to measure on, got none and --model {model}"
        raise InvalidRequestError(message)
    return ReMeasuring(plans=plans, store=folder, texts=texts)


def re_measured(inputs: PlanInputs, wanted: ReMeasuring) -> ReMeasured:
    """The answer after measuring; ContractError if the store is of another model."""
    store = ShardStore.open(wanted.store)
    if store.digest != inputs.model.computed_digest():
        message = (
            f"--store must be of the request's model {inputs.model.model!r} "
            f"{inputs.model.computed_digest()}, got {store.manifest.model!r} {store.digest}"
        )
        raise ContractError(message)
    with progress("texts of a plan") as report:
        measure = measure_on(store, wanted.texts, inputs.target.sequence_length, report)
        return re_measure(inputs, wanted.plans, measure)


def measure_on(store: ShardStore, texts: Texts, sequence_length: int, report: Progress) -> Measure:
    """Measures plans on these texts, many at a time."""
    task = texts.read(store)
    inputs = many_at_a_time(store, task.texts, sequence_length)
    evaluator = Evaluator(store, inputs, load_engine("auto", store), progress=report)

    def measure(plan: Plan) -> Measured:
        check_model(plan, store)
        outputs = evaluator.outputs(plan.layers)
        found = score_of(evaluator.distances(outputs))
        right = accuracies(outputs, evaluator.reference, task.labels) if task.labels else None
        return Measured(found.mean, found.standard_error, right and right.plan.share)

    return measure


def _show(console: Console, found: ReMeasured, unit: str) -> None:
    """The response, then what every plan was predicted and measured to score."""
    show_response(console, found.response)
    if found.plan is not None:
        console.print(_table(found.plans, unit))
        console.print(f"[bold]chosen[/bold] {found.plan.id}", soft_wrap=True)


def _table(plans: Iterable[MeasuredPlan], unit: str) -> Table:
    """The best first, which is the one chosen; fits 80 characters."""
    title = in_unit("measured plans, scores", unit)
    table = Table(title=title, title_justify="left", box=SIMPLE)
    for head in ("policy", "size", "latency", "predicted", "measured", "s.e.", "accuracy"):
        table.add_column(head, justify="left" if head == "policy" else "right", no_wrap=True)
    for plan in plans:
        table.add_row(
            plan.policy,
            f"{plan.depth} x {plan.width}",
            milliseconds(plan.latency_us),
            f"{plan.predicted_score:.4g}",
            f"{plan.score:.4g}",
            f"{plan.standard_error:.2g}",
            "-" if plan.accuracy is None else f"{plan.accuracy:.1%}",
        )
    return table
