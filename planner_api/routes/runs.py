"""Runs that devices reported, of whatever plan; reporting them is part of plans.py."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from plan_contracts import RunTrace
from planner_api.routes.caching import IMMUTABLE, IfNoneMatch, json_or_304
from planner_api.routes.openapi import gives
from planner_api.routes.paging import USUAL_PAGE, Before, PageSize
from planner_api.routes.wiring import UsedRegistry
from planner_api.services.runs import RunPage, page_of_runs, trace_json

router = APIRouter(prefix="/v1/runs", tags=["runs"])

RunId = Annotated[str, Path(description="Id of a run, sha256:…")]


@router.get("", summary="List runs, the newest first", responses=gives(422, ok=RunPage))
def list_runs(
    registry: UsedRegistry, before: Before = None, limit: PageSize = USUAL_PAGE
) -> Response:
    """A page; `next` of the answer is the `before` of the next page."""
    page = page_of_runs(registry, before=before, limit=limit)
    return Response(page.model_dump_json(), media_type="application/json")


@router.get(
    "/{run_id}",
    summary="Fetch the trace of a run",
    responses=gives(404, ok=RunTrace, not_modified=True),
)
def get_trace(run_id: RunId, registry: UsedRegistry, if_none_match: IfNoneMatch = None) -> Response:
    """The trace as it was reported, with its id as ETag."""
    return json_or_304(
        trace_json(registry, run_id),
        digest=run_id,
        if_none_match=if_none_match,
        cache_control=IMMUTABLE,
    )
