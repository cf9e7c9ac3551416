"""Runs of all plans, in pages and one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from builders import e1_json
from service import post, served

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Generator[httpx.Client]:
    with served(tmp_path_factory.mktemp("runs")) as made:
        yield made


@pytest.fixture(scope="module")
def traces(client: httpx.Client) -> list[dict[str, Any]]:
    """Three runs of one plan, in the order in which they were reported."""
    plan = post(client, "/v1/plans", e1_json()).json()["plan"]
    made: list[dict[str, Any]] = [
        {
            "plan_id": plan["id"],
            "source": "measured",
            "device": plan["device"],
            "latency_us": latency_us,
            "peak_memory_bytes": 0,
            "spans": [],
        }
        for latency_us in (280, 290, 300)
    ]
    for trace in made:
        assert post(client, f"/v1/plans/{plan['id']}/runs", trace).status_code == 201
    return made


def test_runs_are_listed_in_pages_the_newest_first(
    client: httpx.Client, traces: list[dict[str, Any]]
) -> None:
    first = client.get("/v1/runs", params={"limit": 2}).json()
    second = client.get("/v1/runs", params={"limit": 2, "before": first["next"]}).json()
    items = [*first["items"], *second["items"]]
    measured = [item["run"]["latency"]["measured_us"] for item in items]
    assert measured == [trace["latency_us"] for trace in reversed(traces)]
    assert second["next"] is None


def test_a_run_names_its_plan(client: httpx.Client, traces: list[dict[str, Any]]) -> None:
    item = client.get("/v1/runs").json()["items"][0]
    assert item["run"]["plan_id"] == traces[0]["plan_id"]


def test_the_trace_of_a_run_comes_as_it_was_reported(
    client: httpx.Client, traces: list[dict[str, Any]]
) -> None:
    item = client.get("/v1/runs", params={"limit": 1}).json()["items"][0]
    found = client.get(f"/v1/runs/{item['run']['run_id']}")
    assert found.json() == {"schema_version": 1, **traces[-1]}
    again = client.get(found.url.path, headers={"If-None-Match": found.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("run_id", ["sha256:" + "0" * 64, "nonsense"])
def test_an_unknown_run_is_not_found(client: httpx.Client, run_id: str) -> None:
    found = client.get(f"/v1/runs/{run_id}")
    assert (found.status_code, found.json()["detail"]) == (404, f"no run is known by {run_id!r}")
