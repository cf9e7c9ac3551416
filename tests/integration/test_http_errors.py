"""Whatever is wrong, the answer is problem+json that names it, and nothing is kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from builders import BITS, e1_json
from service import post, served

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx

NOWHERE = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Generator[httpx.Client]:
    with served(tmp_path_factory.mktemp("errors"), body_limit_bytes=50_000) as made:
        yield made


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], bool(body["title"]), bool(body["detail"])) == (status, True, True)
    return body


def changed(path: str, value: object) -> dict[str, Any]:
    """E1 with the field at a dotted path set to a value."""
    document = e1_json()
    *parents, last = path.split(".")
    place: Any = document
    for name in parents:
        place = place[int(name) if name.isdigit() else name]
    place[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("target.latency_us", "270", "latency_us"),
        ("target.latency_us", 0, "greater than or equal to 1, got 0"),
        ("target.latency_us", 270.5, "latency_us"),
        ("target.latency_us", True, "latency_us"),
        ("target.preload_bytes", -1, "preload_bytes"),
        ("target.latency_quantile", 1.5, "latency_quantile"),
        ("target.unknown", 1, "unknown"),
        ("options", {"policy": "best"}, "policy"),
        ("options", {"bitwidths": [7]}, "must be among the model's"),
        ("options", {"bitwidths": [3, 2]}, "bitwidths must rise strictly"),
        ("options", {"pins": [{"layer": 2, "slice": 0}]}, "options.pins.0 must lie within"),
        ("options", {"pins": [{"layer": 0, "slice": 0, "bits": 7}]}, "bits must be one of"),
        ("options", {"max_relative_gap": -0.1}, "max_relative_gap"),
        ("options", {"time_limit_ms": 0}, "time_limit_ms"),
        ("device.memory_bytes", -5, "memory_bytes"),
        ("device.storage.bandwidth_bytes_per_s", 0, "bandwidth_bytes_per_s"),
        ("device.compute.0.layer_us", {"1": -60}, "layer_us"),
        ("device.compute.0.sequence_length", 16, "no compute entry for"),
        ("model.widths", [1, 2, 3], "widths must be at most 2, got 3"),
        ("model.depths", [], "depths"),
        ("model.digest", NOWHERE, "digest must be sha256:"),
        ("model.bitwidths", [2, 3], "shard_bytes must have the bitwidths"),
        ("importance.base", [[1.0], [2.0]], "gain.2.0 must have 1 entries, one a slice, got 2"),
        ("importance.model_digest", NOWHERE, "model_digest must be the manifest's"),
        ("importance.gain", {str(b): [[-1, 1], [1, 1]] for b in BITS}, "gain"),
        ("schema_version", 2, "schema_version"),
        ("schema_version", None, "schema_version"),
    ],
)
def test_a_wrong_field_is_named(client: httpx.Client, path: str, value: object, said: str) -> None:
    answer = post(client, "/v1/plans", changed(path, value))
    assert said in problem(answer, 422)["detail"]


def test_a_table_of_another_shape_is_refused(client: httpx.Client) -> None:
    document = changed("importance.base", [[1.0], [2.0]])
    document["importance"]["gain"] = {str(b): [[1], [1]] for b in BITS}
    answer = post(client, "/v1/plans", document)
    assert "2 layers x 2 slices as model 'tiny-model', got 2 x 1" in problem(answer, 422)["detail"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_numbers_that_are_none_are_refused(client: httpx.Client, number: str) -> None:
    body = json.dumps(e1_json()).replace('"base": [[40', f'"base": [[{number}')
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/plans", content=body, headers=headers)
    assert "base" in problem(answer, 422)["detail"]


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"text"', "{}", "\x00", "[" * 10_000])
def test_a_body_that_is_no_request_is_refused(client: httpx.Client, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    problem(client.post("/v1/plans", content=body, headers=headers), 422)


def test_each_wrong_field_has_a_pointer(client: httpx.Client) -> None:
    document = e1_json(latency_us="270", preload_bytes=-1)
    document["device"]["memory_bytes"] = 0
    errors = problem(post(client, "/v1/plans", document), 422)["errors"]
    pointers = {error["pointer"] for error in errors}
    assert pointers == {"/target/latency_us", "/target/preload_bytes", "/device/memory_bytes"}


def test_an_unknown_name_is_not_found(client: httpx.Client) -> None:
    answer = post(client, "/v1/plans", {**e1_json(), "device": "nobody"})
    assert problem(answer, 404)["detail"] == "no device is known by 'nobody'"


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/plans/{NOWHERE}",
        "/v1/plans/latest",
        "/v1/plans/%00",
        f"/v1/plans/{NOWHERE}/response",
        f"/v1/plans/{NOWHERE}/runs",
        f"/v1/devices/{NOWHERE}",
        "/v1/models/nobody",
        "/v1/importance/%00",
        "/v1/nothing",
        "/v1/plans/",
        "/nothing",
    ],
)
def test_what_is_not_there_is_not_found(client: httpx.Client, path: str) -> None:
    problem(client.get(path), 404)


def test_a_method_that_is_not_served_is_named_with_those_that_are(client: httpx.Client) -> None:
    answer = client.delete("/v1/plans")
    assert "got DELETE" in problem(answer, 405)["detail"]
    assert answer.headers["Allow"] == "GET, POST"


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "a"])
def test_a_body_that_is_not_declared_as_json_is_refused(
    client: httpx.Client, content_type: str
) -> None:
    headers = {"Content-Type": content_type}
    answer = client.post("/v1/plans", content=json.dumps(e1_json()), headers=headers)
    assert repr(content_type) in problem(answer, 415)["detail"]


def test_a_character_set_may_be_declared(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = client.post("/v1/plans", content=json.dumps(e1_json()), headers=headers)
    assert answer.is_success


def test_a_body_beyond_the_limit_is_refused(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/plans", content=b" " * 50_001, headers=headers)
    assert "at most 50000 bytes" in problem(answer, 413)["detail"]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "before=0"])
def test_a_wrong_parameter_is_named(client: httpx.Client, query: str) -> None:
    detail = problem(client.get(f"/v1/plans?{query}"), 422)["detail"]
    assert query.partition("=")[0] in detail


def test_a_name_that_cannot_be_registered_is_refused(client: httpx.Client) -> None:
    answer = post(client, "/v1/devices?name=%C3%A4", e1_json()["device"])
    assert "a name to register under must be" in problem(answer, 422)["detail"]


def test_nothing_of_a_refused_request_is_kept(client: httpx.Client) -> None:
    lists = ("/v1/plans", "/v1/models")
    before = [client.get(path).json() for path in lists]
    post(client, "/v1/plans", changed("importance.model_digest", NOWHERE))
    post(client, "/v1/models", changed("model.digest", NOWHERE)["model"])
    assert [client.get(path).json() for path in lists] == before


def test_every_answer_carries_an_id(client: httpx.Client) -> None:
    ids = {client.get("/healthz").headers["X-Request-ID"] for _ in range(2)}
    assert len(ids) == 2
