"""Each check of a plan, on plans that are wrong in one way and sealed all the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from builders import e1_json, e2_json
from plan_contracts import Plan
from planner_api.verify.checks import verify
from planner_api.verify.plan import check_memory, check_shards, check_times
from plans import made
from responses import documents_of, numbers, response_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner_api.verify.documents import Numbers
    from responses import Json


def messages(check: Callable[[Numbers, Plan], Iterator[str]], document: Json, plan: Plan) -> str:
    return " ".join(check(numbers(document), plan))


def test_a_plan_above_the_target_latency_is_refused() -> None:
    document = e1_json(latency_us=269)
    plan = made(document, [[3, 4], [6, 4]]).plan
    assert messages(check_times, document, plan) == "latency must be at most 269 us, comes to 270"


def test_a_plan_above_the_preload_buffer_is_refused() -> None:
    document = e2_json(preload_bytes=59)
    plan = made(document, [[6, 3], [6, 4]], preload=[(0, 0)]).plan
    assert messages(check_memory, document, plan) == (
        "preloaded bytes must be at most 59, come to 60"
    )


def test_a_plan_above_the_memory_limit_is_refused() -> None:
    document = e1_json(memory_bytes=169)
    plan = made(document, [[3, 4], [6, 4]]).plan
    assert messages(check_memory, document, plan) == (
        "peak memory must be at most 169 bytes, comes to 170"
    )


def test_forbidden_and_missing_shards_are_refused() -> None:
    document = e1_json()
    plan = made(document, [[3, 0], [0, 4]]).plan
    pin = {"layer": 0, "slice": 1, "bits": None, "preload": None}
    forbid = {"layer": 1, "slice": 1, "bits": 4, "preload": None}
    ruled = {**document, "options": {"pins": [pin], "forbids": [forbid]}}
    found = messages(check_shards, ruled, plan)
    assert "layer 0 must contain the pinned slice 1" in found
    assert "layer 1, slice 1 must keep to pins and forbids, got 4 bit" in found


def test_bitwidths_that_were_not_asked_for_are_refused() -> None:
    document = {**e1_json(), "options": {"bitwidths": [2, 6]}}
    plan = made(e1_json(), [[2, 6], [6, 5]]).plan
    assert messages(check_shards, document, plan) == (
        "bits of layer 1, slice 1 must be one of [2, 6], got 5"
    )


def test_under_prefix_width_means_the_first_slices() -> None:
    document = e1_json()
    document["importance"]["gain"]["2"] = [[0, 0], [0, 0]]
    document["model"]["slice_selection"] = "prefix"
    plan = made(document, [[0, 3], [3, 0]]).plan
    assert "slices of layer 0 must be [0], got [1]" in messages(check_shards, document, plan)


@pytest.mark.parametrize("preload", [[], [(1, 0), (1, 1)], [(0, 0), (0, 1)]])
@pytest.mark.parametrize("ahead", [None, 0, 1])
def test_the_timeline_is_the_planners(preload: list[tuple[int, int]], ahead: int | None) -> None:
    document = e2_json(latency_us=9999, preload_bytes=999, read_ahead_layers=ahead)
    plan = made(document, [[3, 4], [6, 4]], preload=preload).plan
    assert messages(check_times, document, plan) == ""


def test_a_plan_of_a_larger_model_is_refused_without_a_look_at_its_numbers() -> None:
    document, smaller = e1_json(), e1_json()
    smaller["model"]["depths"] = [1]
    found = {finding.check for finding in verify(documents_of(smaller), response_to(document))}
    assert "depth and width" in found
    assert "times" not in found


def test_a_plan_made_from_another_device_is_refused() -> None:
    other = e1_json()
    other["device"]["description"] = "another"
    response = response_to(e1_json())
    found = [finding.message for finding in verify(documents_of(other), response)]
    assert len(found) == 1
    assert found[0].startswith("device_digest must be sha256:")


def test_reads_come_from_where_the_store_says() -> None:
    response = json.loads(response_to(e1_json()).to_json())
    response["plan"]["reads"][0]["offset"] = 7
    plan = Plan.from_json(json.dumps({**response["plan"], "id": None})).sealed()
    changed = response_to(e1_json()).model_copy(update={"plan": plan})
    found = [finding.check for finding in verify(documents_of(e1_json()), changed)]
    assert found == ["reads"]
