"""`shardstream least`: what it takes, at the least, to reach a score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from planner_api.commands.exit_codes import ExitCode
from planner_api.commands.tables import in_bytes, milliseconds, score
from planner_api.services.inverse import least_that_reaches
from shard_runtime.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from planner_api.optimizer.problem import PlanInputs
    from planner_api.optimizer.questions.inverse import Quantity
    from planner_api.services.inverse import LeastAnswer

NAMES: Mapping[Quantity, str] = {
    "latency": "latency",
    "bytes": "number of bytes read",
    "preload": "preload buffer",
}
AFTER_AMOUNT: Mapping[Quantity, str] = {
    "latency": "of latency",
    "bytes": "read",
    "preload": "of preload buffer",
}


def show_least(
    inputs: PlanInputs, quantity: Quantity, wanted: float, *, as_json: bool, out: Path | None
) -> ExitCode:
    """Print the least and its proof; its plan goes to `out`. NO_PLAN if there is none to write."""
    with Console(stderr=True).status(f"the least {NAMES[quantity]}"):
        answer = least_that_reaches(inputs, quantity, wanted)
    if as_json:
        print(answer.model_dump_json())  # noqa: T201 - the command's output
    else:
        _show(Console(), answer)
    if out is None:
        return ExitCode.DONE
    if answer.plan is None:
        return ExitCode.NO_PLAN
    write_atomically(out, answer.plan.to_json(indent=2) + "\n")
    return ExitCode.DONE


def _show(console: Console, answer: LeastAnswer) -> None:
    wanted = f"a score of {score(answer.score)}"
    name = NAMES[answer.quantity]
    if answer.lower_bound is None:
        console.print(f"no {name} reaches {wanted} (proven)")
        return
    bound = _amount(answer.quantity, answer.lower_bound)
    if answer.plan is None or answer.amount is None:
        console.print(f"{wanted} takes at least {bound}; no plan was found")
        return
    proof = "proven least" if answer.proven else f"no plan needs less than {bound}"
    amount = _amount(answer.quantity, answer.amount)
    console.print(f"[bold]{amount}[/bold] {AFTER_AMOUNT[answer.quantity]} ({proof})")
    plan = answer.plan
    console.print(
        f"plan of {plan.depth} x {plan.width} with a score of {score(plan.predicted.objective)} "
        f"in {milliseconds(plan.predicted.latency_us)}"
    )


def _amount(quantity: Quantity, amount: int) -> str:
    return milliseconds(amount) if quantity == "latency" else in_bytes(amount)
