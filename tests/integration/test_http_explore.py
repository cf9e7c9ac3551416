"""POST /v1/explore over a real connection."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from builders import e1_json
from event_streams import explored, exploring
from instances import midsize
from service import post, served

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    import httpx

NEW_PLAN = {"what_if": {"bandwidth_factor": 2.0}}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Generator[httpx.Client]:
    with served(tmp_path_factory.mktemp("explore")) as made:
        yield made


def e1(latency_us: int = 270, **options: object) -> dict[str, Any]:
    return {"request": {**e1_json(latency_us=latency_us), "options": options}}


def long_frontier() -> dict[str, Any]:
    """Thousands of points, which take far longer than any test waits."""
    request: dict[str, Any] = {**midsize(3), "options": {}}
    least = request["target"]["latency_us"] // 2
    limits = {
        "latencies_us": [least + 37 * step for step in range(1000)],
        "preload_bytes": [0, 1000, 2000, 3000, 4000],
    }
    return {"request": request, "frontier": limits}


def test_the_first_answer_is_a_plan_and_the_last_is_final(client: httpx.Client) -> None:
    events = explored(client, e1())
    assert {event.name for event in events} == {"answer"}
    assert [event.data["final"] for event in events] == [False] * (len(events) - 1) + [True]
    assert len(events) > 1
    assert events[0].data["response"]["plan"] is not None


def test_the_final_response_is_what_post_plans_answers(client: httpx.Client) -> None:
    final = explored(client, e1())[-1].data["response"]
    assert final == post(client, "/v1/plans", e1()["request"]).json()


def test_a_known_bound_comes_with_every_answer(client: httpx.Client) -> None:
    answers = [event.data["response"]["certificate"] for event in explored(client, e1())]
    assert all(c["upper_bound"] >= 116 >= c["objective"] for c in answers)


def test_the_plan_is_drawn_as_it_was_simulated(client: httpx.Client) -> None:
    final = explored(client, e1())[-1].data
    assert final["trace"]["latency_us"] == final["response"]["simulation"]["latency_us"] == 270
    assert {span["kind"] for span in final["trace"]["spans"]} == {"read", "compute", "stall"}
    assert max(level for _, level in final["memory"]) == 170
    assert sum(final["latencies_us"]["counts"]) == final["response"]["simulation"]["runs"]


def test_what_is_infeasible_ends_with_what_would_do(client: httpx.Client) -> None:
    final = explored(client, e1(latency_us=50))[-1].data
    assert (final["response"]["status"], final["trace"]) == ("infeasible", None)
    assert final["response"]["infeasibility"]["least_latency_us"] == 80


@pytest.mark.parametrize("policy", ["uniform", "sti-largest", "sti-deepest"])
def test_policies_are_explored_too(client: httpx.Client, policy: str) -> None:
    final = explored(client, e1(policy=policy))[-1].data["response"]
    assert final["plan"]["provenance"]["policy"] == policy


def test_pins_are_kept(client: httpx.Client) -> None:
    pin = {"layer": 1, "slice": 1, "bits": 6}
    final = explored(client, e1(pins=[pin]))[-1].data["response"]
    assert {key: final["plan"]["layers"][1]["shards"][-1][key] for key in ("slice", "bits")} == {
        "slice": 1,
        "bits": 6,
    }


def test_nothing_is_stored_unasked(tmp_path: Path) -> None:
    with served(tmp_path) as fresh:
        explored(fresh, e1())
        assert fresh.get("/v1/plans").json()["items"] == []


def test_a_stored_scenario_is_the_plan_that_post_plans_makes(tmp_path: Path) -> None:
    with served(tmp_path) as fresh:
        final = explored(fresh, {**e1(), "store": True})[-1].data
        known = post(fresh, "/v1/plans", e1()["request"])
        assert known.status_code == 200
        assert known.json() == final["response"]
        assert final["plan_id"] == known.json()["plan"]["id"]


def test_a_stored_what_if_has_a_device_of_its_own(tmp_path: Path) -> None:
    with served(tmp_path) as fresh:
        plan = explored(fresh, {**e1(), **NEW_PLAN, "store": True})[-1].data["response"]["plan"]
        device = fresh.get(f"/v1/devices/{plan['device_digest']}").json()
    assert device["provenance"]["kind"] == "estimated"
    assert "flash bandwidth x 2," in device["provenance"]["source"]
    assert device["storage"]["bandwidth_bytes_per_s"] == 2_000_000


def test_a_faster_flash_makes_a_better_plan(client: httpx.Client) -> None:
    final = explored(client, {**e1(), **NEW_PLAN})[-1].data["response"]
    assert final["certificate"]["objective"] > 116


def test_a_frontier_only_gets_better(client: httpx.Client) -> None:
    limits = {"latencies_us": [80, 150, 270, 400], "preload_bytes": [0, 60]}
    events = explored(client, {**e1(), "frontier": limits})
    assert {event.name for event in events} == {"frontier"}
    assert events[-1].data["final"]
    for before, after in pairwise(events):
        for old, new in zip(before.data["points"], after.data["points"], strict=True):
            assert new["upper_bound"] <= old["upper_bound"]
            assert old["lower_bound"] is None or new["lower_bound"] >= old["lower_bound"]
    at_270 = next(p for p in events[-1].data["points"] if p["latency_us"] == 270)
    assert at_270["lower_bound"] <= 116 <= at_270["upper_bound"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"what_if": {"bandwidth_factor": 0}}, "/what_if/bandwidth_factor"),
        ({"request": {**e1_json(), "target": {}}}, "/request/target/latency_us"),
        ({"frontier": {"latencies_us": [], "preload_bytes": [0]}}, "/frontier/latencies_us"),
        ({"store": "yes"}, "/store"),
        ({"another": 1}, "/another"),
    ],
)
def test_what_breaks_a_rule_is_refused_before_the_stream(
    client: httpx.Client, changes: dict[str, object], pointer: str
) -> None:
    refused = post(client, "/v1/explore", {**e1(), **changes})
    assert refused.status_code == 422
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "limits",
    [
        {"latencies_us": [200, 100], "preload_bytes": [0]},
        {"latencies_us": list(range(1, 5002)), "preload_bytes": [0]},
    ],
)
def test_limits_of_no_frontier_are_refused(client: httpx.Client, limits: dict[str, Any]) -> None:
    assert post(client, "/v1/explore", {**e1(), "frontier": limits}).status_code == 422


def test_an_unknown_name_is_not_found(client: httpx.Client) -> None:
    body = {"request": {**e1_json(), "device": "nobody"}}
    assert post(client, "/v1/explore", body).status_code == 404


def test_hanging_up_stops_the_search(tmp_path: Path) -> None:
    with served(tmp_path, concurrent_explorations=1) as alone:
        with exploring(alone, long_frontier()) as events:
            assert not next(events).data["final"]
            busy = post(alone, "/v1/explore", e1())
        assert busy.status_code == 503
        assert busy.json()["detail"].startswith("at most 1 explorations may run at once")
        assert "Retry-After" in busy.headers
        status = 503
        for _ in range(600):  # the search ends when it next looks up
            status = post(alone, "/v1/explore", e1()).status_code
            if status == 200:
                break
            time.sleep(0.05)
        assert status == 200


def test_the_service_answers_while_somebody_explores(client: httpx.Client) -> None:
    with exploring(client, long_frontier()) as events:
        next(events)
        assert client.get("/healthz").status_code == 200
