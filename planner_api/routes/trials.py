"""Trying a plan on a text, where the server has the model's store."""

from fastapi import APIRouter, Response

from planner_api.routes.body import JsonBody
from planner_api.routes.openapi import gives, takes
from planner_api.routes.wiring import UsedRegistry, UsedStores
from planner_api.services.trials import (
    TriableModels,
    Trial,
    TrialRequest,
    triable_models,
    try_plan,
)

router = APIRouter(prefix="/v1/trials", tags=["trials"])


@router.post(
    "",
    summary="Try a plan on a text",
    openapi_extra=takes(TrialRequest),
    responses=gives(404, 409, 413, 415, 422, ok=Trial),
)
def post_trial(body: JsonBody, registry: UsedRegistry, stores: UsedStores) -> Response:
    """What the plan answers, beside the full model, and how long each took on this server."""
    trial = try_plan(registry, stores, body)
    return Response(trial.model_dump_json(), media_type="application/json")


@router.get("", summary="List the models that can be tried", responses=gives(ok=TriableModels))
def list_models(stores: UsedStores) -> Response:
    """Those that the server was given a store of."""
    return Response(triable_models(stores).model_dump_json(), media_type="application/json")
