"""The OpenAPI document is true: what it allows is answered as it says, never by a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi import checks

from builders import e1_json
from service import post, served

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx

OPERATIONS = [
    "GET /healthz",
    "GET /readyz",
    "GET /v1/devices",
    "GET /v1/devices/{name}/calibrations",
    "GET /v1/devices/{reference}",
    "GET /v1/importance",
    "GET /v1/importance/{reference}",
    "GET /v1/models",
    "GET /v1/models/{reference}",
    "GET /v1/plans",
    "GET /v1/plans/{plan_id}",
    "GET /v1/plans/{plan_id}/response",
    "GET /v1/plans/{plan_id}/runs",
    "GET /v1/runs",
    "GET /v1/runs/{run_id}",
    "GET /v1/trials",
    "POST /v1/devices",
    "POST /v1/devices/check",
    "POST /v1/devices/{name}/calibrations",
    "POST /v1/explore",
    "POST /v1/importance",
    "POST /v1/importance/check",
    "POST /v1/models",
    "POST /v1/models/check",
    "POST /v1/plans",
    "POST /v1/plans/{plan_id}/runs",
    "POST /v1/trials",
]
# Rules between fields are no part of a JSON Schema: what it allows may still be refused.
MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
SLOW_BODIES = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
EXCLUDED = [cast("Any", checks).positive_data_acceptance]
# Whether a document is in order is what these are asked: that it is not is an answer.
CHECKING = [*EXCLUDED, cast("Any", checks).negative_data_rejection]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Generator[httpx.Client]:
    with served(tmp_path_factory.mktemp("openapi")) as made:
        post(made, "/v1/plans", e1_json())
        yield made


@pytest.fixture(scope="module")
def api(client: httpx.Client) -> Any:  # noqa: ANN401 - schemathesis types are partial
    return schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")


@pytest.mark.parametrize("operation", OPERATIONS)
@given(data=st.data())
@settings(max_examples=20, suppress_health_check=SLOW_BODIES)
def test_every_answer_is_one_that_the_document_names(
    api: Any,  # noqa: ANN401 - see above
    operation: str,
    data: st.DataObject,
) -> None:
    method, path = operation.split()
    cases = [api[path][method].as_strategy(generation_mode=mode) for mode in MODES]
    case = data.draw(st.one_of(cases))
    excluded = CHECKING if path.endswith("/check") else EXCLUDED
    case.call_and_validate(excluded_checks=excluded)


def test_every_operation_is_tried(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    every = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]
    assert sorted(every) == OPERATIONS


def test_bodies_are_the_contracts(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    body = document["paths"]["/v1/plans"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["$ref"] == "#/components/schemas/PlanRequest"
    assert "target" in document["components"]["schemas"]["PlanRequest"]["properties"]


def test_the_page_of_the_document_asks_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for asset in ("/docs", "/docs/docs.css", "/docs/docs.js"):
        text = client.get(asset).text
        assert "http://" not in text
        assert "https://" not in text
