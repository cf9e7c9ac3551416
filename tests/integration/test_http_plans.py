from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from builders import e1_json, e2_json
from plan_contracts import Plan, PlanResponse
from service import post, served

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx

KNOWN_PATHS = {"device": "/v1/devices", "model": "/v1/models", "importance": "/v1/importance"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Generator[httpx.Client]:
    with served(tmp_path_factory.mktemp("plans")) as made:
        yield made


@pytest.fixture(scope="module")
def answer(client: httpx.Client) -> httpx.Response:
    return post(client, "/v1/plans", e1_json())


def fresh(number: int) -> dict[str, object]:
    """A request nobody asked before."""
    return {**e1_json(), "options": {"seed": number}}


def test_a_new_plan_is_created(answer: httpx.Response) -> None:
    response = PlanResponse.from_json(answer.content)
    assert answer.status_code == 201
    assert response.status == "optimal"
    assert response.certificate is not None
    assert response.certificate.objective == 116.0


def test_a_new_plan_has_a_place(client: httpx.Client, answer: httpx.Response) -> None:
    plan_id = answer.json()["plan"]["id"]
    assert answer.headers["Location"] == f"/v1/plans/{plan_id}"
    assert client.get(answer.headers["Location"]).json() == answer.json()["plan"]


def test_the_simulator_bears_the_plan_out(answer: httpx.Response) -> None:
    response = PlanResponse.from_json(answer.content)
    assert response.simulation is not None
    assert response.plan is not None
    assert response.simulation.latency_us == response.plan.predicted.latency_us


def test_every_other_policy_is_a_baseline(answer: httpx.Response) -> None:
    baselines = {b["policy"]: b["objective"] for b in answer.json()["baselines"]}
    assert set(baselines) == {"uniform", "full", "sti-largest", "sti-deepest"}
    assert baselines["sti-largest"] == 78.0


def test_a_known_request_gets_the_same_answer_byte_for_byte(
    client: httpx.Client, answer: httpx.Response
) -> None:
    again = post(client, "/v1/plans", e1_json())
    assert (again.status_code, again.content) == (200, answer.content)


def test_the_same_request_by_names_is_known(client: httpx.Client, answer: httpx.Response) -> None:
    names = {
        kind: post(client, path, e1_json()[kind]).json()["name"]
        for kind, path in KNOWN_PATHS.items()
    }
    again = post(client, "/v1/plans", {**e1_json(), **names})
    assert (again.status_code, again.content) == (200, answer.content)


def test_the_same_request_by_digests_is_known(client: httpx.Client, answer: httpx.Response) -> None:
    plan = answer.json()["plan"]
    digests = {kind: plan[f"{kind}_digest"] for kind in KNOWN_PATHS}
    again = post(client, "/v1/plans", {**e1_json(), **digests})
    assert (again.status_code, again.content) == (200, answer.content)


def test_two_requests_may_lead_to_one_plan(client: httpx.Client, answer: httpx.Response) -> None:
    same = post(client, "/v1/plans", {**e1_json(), "options": {"max_relative_gap": 0.0}})
    assert same.status_code == 200
    assert same.json()["plan"] == answer.json()["plan"]


def test_another_policy_makes_another_plan(client: httpx.Client) -> None:
    made = post(client, "/v1/plans", {**e1_json(), "options": {"policy": "sti-largest"}})
    assert made.status_code == 201
    assert made.json()["plan"]["predicted"]["objective"] == 78.0
    assert "sti-largest" not in {b["policy"] for b in made.json()["baselines"]}


def test_reference_case_e2(client: httpx.Client) -> None:
    made = post(client, "/v1/plans", e2_json())
    assert made.json()["certificate"]["objective"] == 118.0


def test_infeasible_is_an_answer(client: httpx.Client) -> None:
    made = post(client, "/v1/plans", e1_json(latency_us=30))
    assert made.status_code == 200
    assert "Location" not in made.headers
    body = made.json()
    assert (body["status"], body["plan"]) == ("infeasible", None)
    assert body["infeasibility"]["least_latency_us"] == 80


def test_infeasible_is_remembered(client: httpx.Client) -> None:
    first = post(client, "/v1/plans", e1_json(latency_us=31))
    assert post(client, "/v1/plans", e1_json(latency_us=31)).content == first.content


def test_a_policy_that_misses_the_target_is_infeasible(client: httpx.Client) -> None:
    made = post(client, "/v1/plans", {**e1_json(), "options": {"policy": "full"}})
    assert (made.status_code, made.json()["status"]) == (200, "infeasible")


def test_a_plan_has_its_id_as_etag(client: httpx.Client, answer: httpx.Response) -> None:
    found = client.get(answer.headers["Location"])
    assert found.headers["ETag"] == f'"{answer.json()["plan"]["id"]}"'
    assert Plan.from_json(found.content).sealed().id == answer.json()["plan"]["id"]


@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
def test_a_client_that_has_the_plan_gets_304(
    client: httpx.Client, answer: httpx.Response, form: str
) -> None:
    tag = form.format(answer.json()["plan"]["id"])
    found = client.get(answer.headers["Location"], headers={"If-None-Match": tag})
    assert (found.status_code, found.content) == (304, b"")
    assert found.headers["ETag"]


def test_a_client_with_another_plan_gets_the_whole_one(
    client: httpx.Client, answer: httpx.Response
) -> None:
    found = client.get(answer.headers["Location"], headers={"If-None-Match": '"sha256:00"'})
    assert found.status_code == 200


def test_the_response_is_kept_with_the_plan(client: httpx.Client, answer: httpx.Response) -> None:
    found = client.get(f"{answer.headers['Location']}/response")
    assert (found.status_code, found.content) == (200, answer.content)


def test_plans_are_listed_in_pages(client: httpx.Client) -> None:
    made = [post(client, "/v1/plans", fresh(n)).json()["plan"]["id"] for n in (1001, 1002)]
    first = client.get("/v1/plans", params={"limit": 1}).json()
    second = client.get("/v1/plans", params={"limit": 1, "before": first["next"]}).json()
    listed = [page["items"][0]["plan"]["id"] for page in (first, second)]
    assert listed == made[::-1]


def test_a_summary_says_what_the_plan_holds(client: httpx.Client, answer: httpx.Response) -> None:
    pages = client.get("/v1/plans", params={"limit": 200}).json()
    plan_id = answer.json()["plan"]["id"]
    summary = next(i["plan"] for i in pages["items"] if i["plan"]["id"] == plan_id)
    assert (summary["depth"], summary["width"], summary["objective"]) == (2, 2, 116.0)
    assert (summary["target_latency_us"], summary["policy"]) == (270, "optimal")


def test_equal_requests_at_once_get_equal_answers(client: httpx.Client) -> None:
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(post, client, "/v1/plans", fresh(2001)) for _ in range(6)]
        made = [one.result() for one in asked]
    assert len({one.content for one in made}) == 1
    assert sorted(one.status_code for one in made) == [200] * 5 + [201]


def test_the_service_answers_while_it_solves(client: httpx.Client) -> None:
    with ThreadPoolExecutor(4) as pool:
        solving = [pool.submit(post, client, "/v1/plans", fresh(3000 + n)) for n in range(4)]
        assert client.get("/healthz").status_code == 200
        assert all(made.result().status_code == 201 for made in solving)


def trace(plan: dict[str, object], latency_us: int, **changes: object) -> dict[str, object]:
    span = {
        "kind": "compute",
        "layer": 0,
        "slices": [0],
        "start_us": 70,
        "end_us": latency_us,
        "bytes": 0,
    }
    return {
        "schema_version": 1,
        "plan_id": plan["id"],
        "source": "measured",
        "device": plan["device"],
        "latency_us": latency_us,
        "peak_memory_bytes": 0,
        "spans": [span],
        **changes,
    }


def test_a_run_is_answered_with_its_signed_error(
    client: httpx.Client, answer: httpx.Response
) -> None:
    runs = f"{answer.headers['Location']}/runs"
    reported = post(client, runs, trace(answer.json()["plan"], 297))
    assert reported.status_code == 201
    simulated_us = answer.json()["simulation"]["latency_us"]
    latency = reported.json()["latency"]
    assert latency["simulated_us"] == simulated_us
    assert latency["relative_error"] == (297 - simulated_us) / simulated_us
    assert post(client, runs, trace(answer.json()["plan"], 297)).status_code == 200


def test_runs_are_listed(client: httpx.Client, answer: httpx.Response) -> None:
    runs = f"{answer.headers['Location']}/runs"
    post(client, runs, trace(answer.json()["plan"], 310))
    listed = client.get(runs).json()
    assert listed["runs"][-1]["latency"]["measured_us"] == 310
    assert listed["median_latency"] is not None


@pytest.mark.parametrize("change", [{"plan_id": "sha256:" + "0" * 64}, {"device": "another"}])
def test_a_run_of_another_plan_or_device_is_a_conflict(
    client: httpx.Client, answer: httpx.Response, change: dict[str, object]
) -> None:
    body = trace(answer.json()["plan"], 300, **change)
    assert post(client, f"{answer.headers['Location']}/runs", body).status_code == 409
