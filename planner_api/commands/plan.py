"""`shardstream plan`: a request answered here, without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from plan_contracts import PlanResponse
from planner_api.commands.exit_codes import ExitCode
from planner_api.commands.inputs import local_registry, lookup_in, read_request
from planner_api.commands.tables import show_response
from planner_api.services.answer import answer
from planner_api.services.make_plan import make_plan
from planner_api.services.resolve import resolve
from shard_runtime.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from plan_contracts import Plan
    from planner_api.services.ports import Kind


def plan(
    place: str,
    *,
    given: Mapping[Kind, str],
    database: str | None,
    as_json: bool,
    out: Path | None,
) -> ExitCode:
    """Print the answer to the request in a file; the plan goes to `out`, whole or not at all.

    NO_PLAN if there is none to write. With a database, names are looked up there too, and the
    answer is remembered.
    """
    content = _answer(place, given, database)
    response = PlanResponse.from_json(content)
    if as_json:
        print(content)  # noqa: T201 - the command's output
    else:
        show_response(Console(), response)
    return write_plan(response.plan, out)


def write_plan(plan: Plan | None, out: Path | None) -> ExitCode:
    """Write a plan if there is a file for it; NO_PLAN if there is no plan."""
    if out is None:
        return ExitCode.DONE
    if plan is None:
        return ExitCode.NO_PLAN
    write_atomically(out, plan.to_json(indent=2) + "\n")
    return ExitCode.DONE


def _answer(place: str, given: Mapping[Kind, str], database: str | None) -> str:
    with local_registry(database) as registry:
        lookup = lookup_in(registry)
        request = read_request(place, given, lookup)
        if registry is not None:
            return make_plan(request, registry).response
        return answer(resolve(request, lookup).inputs).response.to_json()
