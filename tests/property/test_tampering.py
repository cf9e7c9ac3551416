"""No number of a plan or its certificate can be changed without being refused.

Once as the response travels, where ids and digests tell on every change; and once sealed anew,
as somebody would who wants the change to pass: then the documents must tell on it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from builders import e1_json, e2_json
from instances import tiny
from plan_contracts import Certificate, ContractError, Plan, PlanResponse
from planner_api.verify.checks import verify
from responses import changes, documents_of, response_to, with_store

if TYPE_CHECKING:
    from planner_api.verify.documents import Documents
    from responses import Json, Place

REQUESTS: dict[str, Any] = {
    "E1": e1_json(),
    "E1, no read-ahead": e1_json(read_ahead_layers=0),
    "E1, double buffering, stored": with_store(e1_json(read_ahead_layers=1)),
    "E1, memory": e1_json(memory_bytes=170),
    "E2, preload": with_store(e2_json()),
    "E2, double buffering": e2_json(read_ahead_layers=1),
    "pins and forbids": {
        **e2_json(),
        "options": {
            "pins": [{"layer": 0, "slice": 1, "bits": None, "preload": True}],
            "forbids": [{"layer": 1, "slice": 0, "bits": 6, "preload": None}],
        },
    },
    "policy": {**e1_json(), "options": {"policy": "sti-largest"}},
}
UNTOLD = {
    ("plan", "provenance", "planner_version"),
    ("plan", "provenance", "truncated"),
}
"""What may change if sealed anew: another software might have said so."""
PRICES = {"path", "buffer", "memory", "preload", "decode", "swapped"}
"""And of bounds their order, and prices that give the same bound."""


def is_refused(documents: Documents, response: Json) -> bool:
    try:
        parsed = PlanResponse.from_json(json.dumps(response))
    except ContractError:
        return True
    return bool(verify(documents, parsed))


def sealed(response: Json) -> Json:
    """The response with its plan's id and its certificate's digest made right."""
    try:
        plan = Plan.from_json(json.dumps({**response["plan"], "id": None})).sealed()
        certificate = Certificate.model_validate_json(
            json.dumps({**response["certificate"], "digest": None})
        ).sealed()
    except ValueError:
        return response
    return {
        **response,
        "plan": json.loads(plan.to_json()),
        "certificate": json.loads(certificate.model_dump_json()),
    }


def may_pass(response: Json, place: Place) -> bool:
    """Whether a change at this place, sealed anew, may be another right answer."""
    match place:
        case ("certificate", "bounds", int(index), field, *_):
            is_word = response["certificate"]["bounds"][index]["kind"] == "solver"
            return field in PRICES or (is_word and field == "upper_bound")
        case _:
            return place in UNTOLD


@pytest.mark.parametrize("name", REQUESTS)
def test_the_response_itself_is_verified(name: str) -> None:
    assert verify(documents_of(REQUESTS[name]), response_to(REQUESTS[name])) == ()


@pytest.mark.parametrize("name", REQUESTS)
def test_every_change_is_refused(name: str) -> None:
    documents = documents_of(REQUESTS[name])
    response: Json = json.loads(response_to(REQUESTS[name]).to_json())
    passed = [
        (part, *place)
        for part in ("plan", "certificate")
        for place, changed in changes(response[part])
        if not is_refused(documents, {**response, part: changed})
    ]
    assert passed == []


@pytest.mark.parametrize("name", REQUESTS)
def test_every_change_is_refused_even_if_sealed_anew(name: str) -> None:
    documents = documents_of(REQUESTS[name])
    response: Json = json.loads(response_to(REQUESTS[name]).to_json())
    passed = [
        (part, *place)
        for part in ("plan", "certificate")
        for place, changed in changes(response[part])
        if place not in {("id",), ("digest",)}
        and not may_pass(response, (part, *place))
        and not is_refused(documents, sealed({**response, part: changed}))
    ]
    assert passed == []


POLICIES = ("optimal", "optimal", "uniform", "full", "sti-largest", "sti-deepest")


@pytest.mark.parametrize("seed", range(60))
def test_answers_to_random_requests_are_verified(seed: int) -> None:
    document = tiny(seed)
    document["options"]["policy"] = POLICIES[seed % 6]
    if seed % 4 == 0:
        document["target"]["latency_quantile"] = 0.9
        document["device"]["storage"]["jitter"] = {"bandwidth_sigma": 0.2}
    if seed % 5 == 0:
        document["device"]["storage"]["queue_depth"] = 4
    assert verify(documents_of(document), response_to(document)) == ()
