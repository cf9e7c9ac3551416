"""Calibrations over HTTP: runs reported, the profile renewed, plans marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from builders import e1_json
from service import post, served

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx

SPANS = (
    ("read", (0,), 0, 20, 20),
    ("read", (1,), 20, 60, 40),
    ("compute", (0, 1), 60, 190, 0),
)
"""A full layer took 130 us instead of 100."""


@pytest.fixture
def client(tmp_path_factory: pytest.TempPathFactory) -> Generator[httpx.Client]:
    with served(tmp_path_factory.mktemp("calibrations")) as made:
        post(made, "/v1/devices", e1_json()["device"])
        yield made


def reported(client: httpx.Client, latency_us: int) -> str:
    """Ask for the plan and report one run of it; returns the plan's id."""
    plan_id: str = post(client, "/v1/plans", e1_json()).json()["plan"]["id"]
    spans = [
        {"kind": kind, "layer": 0, "slices": slices, "start_us": a, "end_us": b, "bytes": size}
        for kind, slices, a, b, size in SPANS
    ]
    trace: dict[str, Any] = {
        "schema_version": 1,
        "plan_id": plan_id,
        "source": "measured",
        "device": "tiny-device",
        "latency_us": latency_us,
        "peak_memory_bytes": 0,
        "spans": spans,
    }
    assert post(client, f"/v1/plans/{plan_id}/runs", trace).status_code == 201
    return plan_id


def test_runs_renew_the_profile_and_mark_the_plan(client: httpx.Client) -> None:
    plan_id, *_ = [reported(client, latency_us) for latency_us in (301, 302, 303)]
    answer = client.post("/v1/devices/tiny-device/calibrations")
    assert answer.status_code == 201
    assert [stale["plan_id"] for stale in answer.json()["stale_plans"]] == [plan_id]
    profile = client.get(answer.headers["Location"]).json()
    assert profile["compute"][0]["layer_us"] == {"1": 78, "2": 130}
    assert client.get(f"/v1/plans/{plan_id}/runs").json()["stale"]["hit_probability"] == 0.0
    assert client.get("/v1/plans").json()["items"][0]["stale"] is True


def test_calibrations_are_listed(client: httpx.Client) -> None:
    for latency_us in (301, 302, 303):
        reported(client, latency_us)
    report = client.post("/v1/devices/tiny-device/calibrations").json()
    listed = client.get("/v1/devices/tiny-device/calibrations").json()
    assert listed == {"device": "tiny-device", "calibrations": [report]}


def test_too_few_runs_are_a_problem(client: httpx.Client) -> None:
    reported(client, 301)
    answer = client.post("/v1/devices/tiny-device/calibrations")
    assert answer.status_code == 422
    assert "at least 3 measured runs, got 1" in answer.json()["detail"]


def test_an_unknown_device_is_a_problem(client: httpx.Client) -> None:
    assert client.post("/v1/devices/nobody/calibrations").status_code == 404
    assert client.get("/v1/devices/nobody/calibrations").status_code == 404
