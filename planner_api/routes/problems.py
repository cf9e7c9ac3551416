"""One table from errors to HTTP statuses; every error leaves as RFC 9457 problem+json."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from plan_contracts import ContractError
from plan_contracts.errors import fields_of, rule_of
from planner_api import errors

STATUS_OF: dict[type[Exception], HTTPStatus] = {
    ContractError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidRequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.PlanMismatchError: HTTPStatus.CONFLICT,
    errors.ChangedMeanwhileError: HTTPStatus.CONFLICT,
    errors.NoStoreError: HTTPStatus.CONFLICT,
    errors.TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedFormatError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.NotAuthenticatedError: HTTPStatus.UNAUTHORIZED,
    errors.UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.BusyError: HTTPStatus.SERVICE_UNAVAILABLE,
}
HEADERS_OF: dict[HTTPStatus, dict[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "5"},
}
SHOWN_FIELDS = 50
UNEXPECTED = "an error inside the service"
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


class FieldProblem(BaseModel):
    """One broken rule of a document; `pointer` is a JSON pointer into the body."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """An error (RFC 9457); `errors` lists the fields of an invalid document."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []


def handle_problems(app: FastAPI) -> None:
    """Map every error of the application to problem+json."""
    for kind in STATUS_OF:
        app.add_exception_handler(kind, _known_error)
    app.add_exception_handler(RequestValidationError, _bad_parameters)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected_error)


def problem_of(error: Exception) -> Problem:
    """An error as a problem; what is none of ours is said without its details."""
    kinds = [kind for kind in type(error).__mro__ if kind in STATUS_OF]
    if not kinds:
        return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, UNEXPECTED)
    return _problem(STATUS_OF[kinds[0]], str(error), fields=_fields(error.__cause__))


def _problem(status: HTTPStatus, detail: str, *, fields: Sequence[FieldProblem] = ()) -> Problem:
    return Problem(title=status.phrase, status=status, detail=detail, errors=list(fields))


def _response(problem: Problem, *, headers: Mapping[str, str] | None = None) -> JSONResponse:
    own = HEADERS_OF.get(HTTPStatus(problem.status), {})
    return JSONResponse(
        problem.model_dump(exclude_defaults=True),
        status_code=problem.status,
        headers={**own, **(headers or {})},
        media_type="application/problem+json",
    )


async def _known_error(_request: Request, error: Exception) -> JSONResponse:
    return _response(problem_of(error))


def _fields(cause: BaseException | None) -> list[FieldProblem]:
    if not isinstance(cause, ValidationError):
        return []
    return [_field(error) for error in cause.errors(include_url=False)[:SHOWN_FIELDS]]


def _field(error: Mapping[str, Any]) -> FieldProblem:
    fields = fields_of(error["loc"])
    parts = [field.replace("~", "~0").replace("/", "~1") for field in fields]
    return FieldProblem(pointer="".join(f"/{part}" for part in parts), detail=rule_of(error))


async def _bad_parameters(_request: Request, error: Exception) -> JSONResponse:
    found: Sequence[Any] = error.errors() if isinstance(error, RequestValidationError) else ()
    said = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}" for e in found]
    return _response(_problem(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(said)))


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
    path = request.url.path
    if status == HTTPStatus.NOT_FOUND:
        return _response(_problem(status, f"nothing is served at {path}"))
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods_at(request))
        detail = f"method must be one of {allowed} at {path}, got {request.method}"
        return _response(_problem(status, detail), headers={"Allow": allowed})
    return _response(_problem(status, status.description))


def _methods_at(request: Request) -> list[str]:
    """Every method that is served at the path of the request."""
    path: dict[str, Any] = {"type": "http", "path": request.url.path, "headers": []}
    return [
        method
        for method in METHODS
        if any(r.matches({**path, "method": method})[0] == Match.FULL for r in request.app.routes)
    ]


async def _unexpected_error(_request: Request, _error: Exception) -> JSONResponse:
    """What went wrong stands in the server's log, not in the answer."""
    return _response(_problem(HTTPStatus.INTERNAL_SERVER_ERROR, UNEXPECTED))
