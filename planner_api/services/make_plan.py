"""A plan for a request: the stored answer if the request is known, or a new one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from plan_contracts import __version__
from planner_api.services.answer import answer
from planner_api.services.documents import find, to_stored
from planner_api.services.plans import summary_of
from planner_api.services.ports import NewAnswer, NewPlan
from planner_api.services.resolve import resolve

if TYPE_CHECKING:
    from plan_contracts import Plan, PlanRequest
    from planner_api.services.answer import Answer
    from planner_api.services.ports import Records, Registry
    from planner_api.services.resolve import ResolvedRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """The JSON of a response; `plan_id` is None without a plan, `is_new` if that was unknown."""

    response: str
    plan_id: str | None
    is_new: bool


def make_plan(request: PlanRequest, registry: Registry) -> Made:
    """Answer a request and remember the answer.

    Nothing is locked while the plan is made: what was looked up before cannot change, and all
    that is written comes in one transaction after it.
    """
    with registry.reading() as records:
        resolved = resolve(request, partial(find, records.documents))
        known = records.plans.answer(resolved.digest, __version__)
    if known is not None:
        return Made(response=known.response, plan_id=known.plan_id, is_new=False)
    found = answer(resolved.inputs)
    with registry.writing() as records:
        return remember(records, resolved, found)


def remember(records: Records, resolved: ResolvedRequest, found: Answer) -> Made:
    """Keep documents, plan and answer; the first answer stays if another request was faster."""
    raced = records.plans.answer(resolved.digest, __version__)
    if raced is not None:
        return Made(response=raced.response, plan_id=raced.plan_id, is_new=False)
    inputs, plan = resolved.inputs, found.response.plan
    records.documents.add(to_stored("device", inputs.device))
    records.documents.add(to_stored("model", inputs.model))
    records.documents.add(to_stored("importance", inputs.importance))
    response = found.response.to_json()
    response_digest = records.plans.add_response(response)
    is_new = plan is not None and records.plans.add_plan(_new_plan(plan, found, response_digest))
    made = Made(response=response, plan_id=plan and plan.id, is_new=is_new)
    if not found.truncated:
        records.plans.add_answer(
            NewAnswer(
                request_digest=resolved.digest,
                planner_version=__version__,
                request=resolved.request.to_json(),
                response_digest=response_digest,
                plan_id=made.plan_id,
            )
        )
    return made


def _new_plan(plan: Plan, found: Answer, response_digest: str) -> NewPlan:
    return NewPlan(
        id=plan.id or plan.computed_id(),
        content=plan.to_json(),
        summary=summary_of(plan, found.response.status).model_dump_json(),
        response_digest=response_digest,
        device_digest=plan.device_digest,
        model_digest=plan.model_digest,
        importance_digest=plan.importance_digest,
    )
