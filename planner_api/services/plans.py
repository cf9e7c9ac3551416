"""Finding plans and their responses again, and listing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plan_contracts import Part, Plan
from plan_contracts.request import Policy
from plan_contracts.response import Status
from plan_contracts.units import Bytes, Microseconds, Positive, Sha256
from planner_api.errors import NotFoundError
from planner_api.services.documents import DIGEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner_api.services.ports import PlanRecords, Registry


class PlanSummary(Part):
    """One line about a plan."""

    id: Sha256
    status: Status
    policy: Policy
    model: str
    device: str
    depth: Positive
    width: Positive
    mean_bits: float
    objective: float
    target_latency_us: Microseconds
    latency_us: Microseconds
    read_bytes: Bytes
    preload_bytes: Bytes


class ListedPlan(Part):
    """A plan in a list; `created_us` in microseconds since 1970 UTC.

    `stale`: on a newer profile of its device it keeps to its target too seldom.
    """

    number: Positive
    created_us: Microseconds
    plan: PlanSummary
    stale: bool


class PlanPage(Part):
    """Some plans, the newest first; `next` is the `before` of the next page, null at the end."""

    items: tuple[ListedPlan, ...]
    next: Positive | None


def summary_of(plan: Plan, status: Status) -> PlanSummary:
    """One line about a plan."""
    shards = [shard for layer in plan.layers for shard in layer.shards]
    return PlanSummary(
        id=plan.id or plan.computed_id(),
        status=status,
        policy=plan.provenance.policy,
        model=plan.model,
        device=plan.device,
        depth=plan.depth,
        width=plan.width,
        mean_bits=sum(shard.bits for shard in shards) / len(shards),
        objective=plan.predicted.objective,
        target_latency_us=plan.target.latency_us,
        latency_us=plan.predicted.latency_us,
        read_bytes=sum(read.bytes for read in plan.reads),
        preload_bytes=sum(read.bytes for read in plan.preload_reads),
    )


def plan_json(registry: Registry, plan_id: str) -> str:
    """The plan as it was stored; NotFoundError if nothing is known by this id."""
    with registry.reading() as records:
        return require_plan(records.plans, plan_id)


def response_json(registry: Registry, plan_id: str) -> str:
    """The first response that brought a plan; NotFoundError if nothing is known by this id."""
    with registry.reading() as records:
        return _found(records.plans.response, plan_id)


def require_plan(plans: PlanRecords, plan_id: str) -> str:
    """The JSON of a plan; NotFoundError if nothing is known by this id."""
    return _found(plans.plan, plan_id)


def _found(look_up: Callable[[str], str | None], plan_id: str) -> str:
    content = look_up(plan_id) if DIGEST.fullmatch(plan_id) else None
    if content is None:
        message = f"no plan is known by {plan_id!r}"
        raise NotFoundError(message)
    return content


def page_of_plans(registry: Registry, *, before: int | None, limit: int) -> PlanPage:
    """At most `limit` plans numbered below `before`, the newest first."""
    with registry.reading() as records:
        rows = records.plans.newest(before=before, limit=limit + 1)
        plans = [PlanSummary.model_validate_json(row.summary) for row in rows[:limit]]
        stale = records.calibrations.stale([plan.id for plan in plans])
    items = tuple(
        ListedPlan(number=row.number, created_us=row.created_us, plan=plan, stale=plan.id in stale)
        for row, plan in zip(rows, plans, strict=False)
    )
    return PlanPage(items=items, next=items[-1].number if len(rows) > limit else None)
