"""Plans: asking for one, fetching it, listing them; and the runs that devices report."""

from http import HTTPStatus
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Path, Response

from plan_contracts import Plan, PlanRequest, PlanResponse, RunTrace
from planner_api.routes.body import JsonBody
from planner_api.routes.caching import IMMUTABLE, IfNoneMatch, json_or_304
from planner_api.routes.openapi import gives, takes
from planner_api.routes.paging import USUAL_PAGE, Before, PageSize
from planner_api.routes.wiring import UsedLimiter, UsedRegistry
from planner_api.services.make_plan import Made, make_plan
from planner_api.services.plans import PlanPage, page_of_plans, plan_json, response_json
from planner_api.services.runs import PlanRuns, RunComparison, report_run, runs_of

router = APIRouter(prefix="/v1/plans", tags=["plans"])

PlanId = Annotated[str, Path(description="Id of a plan, sha256:…")]


@router.post(
    "",
    summary="Make a plan",
    openapi_extra=takes(PlanRequest),
    responses=gives(404, 413, 415, 422, ok=PlanResponse, created=PlanResponse),
)
async def post_plan(body: JsonBody, registry: UsedRegistry, limiter: UsedLimiter) -> Response:
    """201 with a new plan; 200 with a known one, or with an answer that holds none."""

    def work() -> Made:
        return make_plan(PlanRequest.from_json(body), registry)

    made = await to_thread.run_sync(work, limiter=limiter)
    return Response(
        made.response,
        status_code=HTTPStatus.CREATED if made.is_new else HTTPStatus.OK,
        media_type="application/json",
        headers={"Location": f"/v1/plans/{made.plan_id}"} if made.plan_id else {},
    )


@router.get("", summary="List plans, the newest first", responses=gives(422, ok=PlanPage))
def list_plans(
    registry: UsedRegistry, before: Before = None, limit: PageSize = USUAL_PAGE
) -> Response:
    """A page; `next` of the answer is the `before` of the next page."""
    page = page_of_plans(registry, before=before, limit=limit)
    return Response(page.model_dump_json(), media_type="application/json")


@router.get("/{plan_id}", summary="Fetch a plan", responses=gives(404, ok=Plan, not_modified=True))
def get_plan(
    plan_id: PlanId, registry: UsedRegistry, if_none_match: IfNoneMatch = None
) -> Response:
    """The plan with its id as ETag."""
    return json_or_304(
        plan_json(registry, plan_id),
        digest=plan_id,
        if_none_match=if_none_match,
        cache_control=IMMUTABLE,
    )


@router.get(
    "/{plan_id}/response",
    summary="Fetch the response that brought a plan",
    responses=gives(404, ok=PlanResponse),
)
def get_response(plan_id: PlanId, registry: UsedRegistry) -> Response:
    """Plan, certificate, simulation and baselines."""
    return Response(response_json(registry, plan_id), media_type="application/json")


@router.post(
    "/{plan_id}/runs",
    summary="Report a run",
    openapi_extra=takes(RunTrace),
    responses=gives(404, 409, 413, 415, 422, ok=RunComparison, created=RunComparison),
)
def post_run(plan_id: PlanId, body: JsonBody, registry: UsedRegistry) -> Response:
    """The run beside the simulation of its plan; 200 if the same run was reported before."""
    comparison, is_new = report_run(registry, plan_id, RunTrace.from_json(body))
    return Response(
        comparison.model_dump_json(),
        status_code=HTTPStatus.CREATED if is_new else HTTPStatus.OK,
        media_type="application/json",
    )


@router.get("/{plan_id}/runs", summary="List the runs of a plan", responses=gives(404, ok=PlanRuns))
def list_runs(plan_id: PlanId, registry: UsedRegistry) -> Response:
    """All runs, the oldest first, and the median of the measured ones."""
    return Response(runs_of(registry, plan_id).model_dump_json(), media_type="application/json")
