"""The device's side of the planning service: fetch plans, report runs. Standard library only."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from plan_contracts import ContractError, DigestMismatchError, Plan
from shard_runtime.errors import ServiceError
from shard_runtime.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from plan_contracts import RunTrace

TIMEOUT_S = 30
LARGEST_ANSWER_BYTES = 64 * 2**20
DIGEST_PREFIX = "sha256:"


class Answer(NamedTuple):
    """Status and body of an HTTP answer."""

    status: int
    body: bytes


class FetchedPlan(NamedTuple):
    """A plan whose id has been checked, and whether it differs from the copy at hand."""

    plan: Plan
    is_new: bool


def fetch_plan(service: str, reference: str, copy: Path) -> FetchedPlan:
    """Bring `copy` up to date with the plan of this id or name.

    The copy is offered by its ETag, so an unchanged plan does not travel again; it is replaced
    whole or not at all. ServiceError if the service refuses or sends another plan than its id
    says.
    """
    known = _read_copy(copy)
    headers = {} if known is None else {"If-None-Match": f'"{known.id}"'}
    url = _url(service, f"/v1/plans/{quote(reference, safe=':')}")
    answer = _send(Request(url, headers=headers))  # noqa: S310 - _url allows http and https only
    if answer.status == HTTPStatus.NOT_MODIFIED and known is not None:
        return FetchedPlan(known, is_new=False)
    plan = _checked(url, reference, answer.body)
    write_atomically(copy, plan.to_json(indent=2) + "\n")
    return FetchedPlan(plan, is_new=True)


def post_run(service: str, trace: RunTrace) -> str:
    """Report a run of a plan; returns the service's answer, JSON text."""
    url = _url(service, f"/v1/plans/{quote(trace.plan_id, safe=':')}/runs")
    request = Request(  # noqa: S310 - _url allows http and https only
        url,
        data=trace.to_json().encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    return _send(request).body.decode()


def _read_copy(copy: Path) -> Plan | None:
    """The plan at hand; None if there is none, or not one that can be trusted."""
    try:
        plan = Plan.from_file(copy)
        return plan.sealed() if plan.id is not None else None
    except (FileNotFoundError, ContractError):
        return None


def _checked(url: str, reference: str, body: bytes) -> Plan:
    try:
        plan = Plan.from_json(body)
        if plan.id is None:
            message = f"{url}: the plan has no id"
            raise ServiceError(message)
        plan = plan.sealed()
    except DigestMismatchError as error:
        message = f"{url}: {error}"
        raise ServiceError(message) from error
    if reference.startswith(DIGEST_PREFIX) and plan.id != reference:
        message = f"{url}: asked for plan {reference}, got {plan.id}"
        raise ServiceError(message)
    return plan


def _url(service: str, path: str) -> str:
    parts = urlsplit(service)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        message = f"the service must be an http or https address, got {service!r}"
        raise ServiceError(message)
    return service.rstrip("/") + path


def _send(request: Request) -> Answer:
    """The service's answer; ServiceError for anything but success or 304."""
    try:
        with urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310 - checked by _url
            return Answer(response.status, response.read(LARGEST_ANSWER_BYTES))
    except HTTPError as error:
        with error:
            if error.code == HTTPStatus.NOT_MODIFIED:
                return Answer(error.code, b"")
            message = f"{request.full_url}: {error.code} {_reason(error)}"
            raise ServiceError(message) from error
    except (URLError, OSError) as error:
        message = f"{request.full_url}: no answer ({getattr(error, 'reason', error)})"
        raise ServiceError(message) from error


def _reason(error: HTTPError) -> str:
    """What a problem+json body says, or the status line."""
    try:
        problem = json.loads(error.read(LARGEST_ANSWER_BYTES))
    except ValueError:
        return error.reason
    detail = cast("dict[str, object]", problem).get("detail") if isinstance(problem, dict) else None
    return detail if isinstance(detail, str) else error.reason
