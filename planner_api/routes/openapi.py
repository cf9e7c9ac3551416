"""The OpenAPI document: schemas straight from the contracts, one set for both directions.

Bodies are validated from their raw bytes (strict mode refuses what FastAPI makes of JSON), so
FastAPI sees no body models; what it would have written is written here.
"""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from plan_contracts import (
    DeviceProfile,
    ImportanceTable,
    ModelManifest,
    Plan,
    PlanRequest,
    PlanResponse,
    RunTrace,
)
from planner_api.routes.problems import Problem
from planner_api.routes.schemas import Check, DocumentList, ListedDocument
from planner_api.services.calibrate import CalibrationReport, DeviceCalibrations
from planner_api.services.explore import ExploredAnswer, ExploredFrontier, ExploreRequest
from planner_api.services.plans import PlanPage
from planner_api.services.runs import PlanRuns, RunComparison, RunPage
from planner_api.services.trials import TriableModels, Trial, TrialRequest

MODELS = (
    CalibrationReport,
    Check,
    DeviceCalibrations,
    DeviceProfile,
    DocumentList,
    ExploreRequest,
    ExploredAnswer,
    ExploredFrontier,
    ImportanceTable,
    ListedDocument,
    ModelManifest,
    Plan,
    PlanPage,
    PlanRequest,
    PlanResponse,
    PlanRuns,
    Problem,
    RunComparison,
    RunPage,
    RunTrace,
    TriableModels,
    Trial,
    TrialRequest,
)
REF_TEMPLATE = "#/components/schemas/{model}"
ALWAYS = (401, 500, 503)
MEANING_OF = {
    200: "As asked.",
    201: "New.",
    304: "The client has the current content.",
    401: "No key, or one that is not known.",
    404: "Nothing is known by this name, digest or id.",
    409: "The run is of another plan or device; or there is no store to try the plan on.",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
    422: "A rule is broken; `errors` points to the fields.",
    500: "An error inside the service.",
    503: "The database does not answer, or as much is going on as the settings allow.",
}


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """`openapi_extra` of a route whose JSON body is this document."""
    return {"requestBody": {"required": True, "content": _json(model)}}


def gives(
    *problems: int,
    ok: type[BaseModel] | None = None,
    created: type[BaseModel] | None = None,
    not_modified: bool = False,
) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route: documents of 200 and 201, and the statuses of its problems."""
    content: dict[int, dict[str, Any] | None] = {
        **({200: _json(ok)} if ok else {}),
        **({201: _json(created)} if created else {}),
        **({304: None} if not_modified else {}),
        **dict.fromkeys((*problems, *ALWAYS), _PROBLEM),
    }
    return {
        status: {"description": MEANING_OF[status], **({"content": body} if body else {})}
        for status, body in content.items()
    }


def streams(*problems: int, events: tuple[type[BaseModel], ...]) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that answers with Server-Sent Events, each of these as its data."""
    data = {"oneOf": [_reference(event) for event in (*events, Problem)]}
    described = {
        "description": "Events, the last one `final`; each holds one of these as JSON.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "x-event-data": data}},
    }
    return {200: described, **gives(*problems)}


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": _reference(model)}}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF_TEMPLATE.format(model=model.__name__)}


_PROBLEM = {"application/problem+json": {"schema": _reference(Problem)}}


def openapi_of(app: FastAPI, *, keys: bool) -> Callable[[], dict[str, Any]]:
    """The function that makes the OpenAPI document of an application, once."""

    def make() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _document(app, keys=keys)
        return app.openapi_schema

    return make


def _document(app: FastAPI, *, keys: bool) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    _, schemas = models_json_schema(
        [(model, "validation") for model in MODELS], ref_template=REF_TEMPLATE
    )
    components = document.setdefault("components", {})
    components["schemas"] = schemas["$defs"]
    if keys:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]
    return document
