from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING

import pytest

from builders import device, e1_json, request
from plan_contracts import ContractError
from planner_api.errors import NotFoundError
from planner_api.services.documents import find_registered, register
from planner_api.services.make_plan import make_plan
from planner_api.services.plans import page_of_plans, plan_json, response_json
from service import registry_in

if TYPE_CHECKING:
    from pathlib import Path


def test_a_plan_is_new_once(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        first = make_plan(request(e1_json()), registry)
        again = make_plan(request(e1_json()), registry)
    assert (first.is_new, again.is_new) == (True, False)
    assert first.response == again.response


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        first = make_plan(request(e1_json()), registry)
    with registry_in(tmp_path) as registry:
        assert make_plan(request(e1_json()), registry).response == first.response
        assert response_json(registry, first.plan_id or "") == first.response


def test_documents_of_a_request_are_known_by_digest_afterwards(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        made = make_plan(request(e1_json()), registry)
        plan = json.loads(plan_json(registry, made.plan_id or ""))
        found = find_registered(registry, "importance", plan["importance_digest"])
    assert json.loads(found.content)["model_digest"] == plan["model_digest"]


def test_a_moved_name_makes_another_request(tmp_path: Path) -> None:
    document = e1_json()
    by_name = request({**document, "device": "tiny-device"})
    slower = {**document["device"], "memory_bytes": 2_000_000_000}
    with registry_in(tmp_path) as registry:
        register(registry, "device", json.dumps(document["device"]).encode(), name=None)
        first = make_plan(by_name, registry)
        register(registry, "device", json.dumps(slower).encode(), name=None)
        second = make_plan(by_name, registry)
    assert second.is_new
    assert first.plan_id != second.plan_id


def test_an_infeasible_answer_is_remembered_without_a_plan(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        first = make_plan(request(e1_json(latency_us=30)), registry)
        again = make_plan(request(e1_json(latency_us=30)), registry)
        assert page_of_plans(registry, before=None, limit=1).items == ()
    assert (first.plan_id, first.is_new) == (None, False)
    assert first.response == again.response


def test_an_answer_cut_short_is_not_remembered_but_its_plan_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = count(step=3600)
    monkeypatch.setattr("planner_api.services.answer.time.monotonic", lambda: next(hours))
    with registry_in(tmp_path) as registry:
        hasty = make_plan(request(e1_json()), registry)
        monkeypatch.undo()
        whole = make_plan(request(e1_json()), registry)
        kept = json.loads(plan_json(registry, hasty.plan_id or ""))
    assert kept["provenance"]["truncated"]
    assert whole.is_new
    assert json.loads(whole.response)["status"] == "optimal"


def test_nothing_of_a_refused_request_is_kept(tmp_path: Path) -> None:
    document = e1_json()
    document["importance"]["model_digest"] = "sha256:" + "0" * 64
    with registry_in(tmp_path) as registry:
        with pytest.raises(ContractError):
            make_plan(request(document), registry)
        digest = device(document["device"]).digest
        with pytest.raises(NotFoundError):
            find_registered(registry, "device", digest)


def test_a_list_ends(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        make_plan(request(e1_json()), registry)
        assert page_of_plans(registry, before=None, limit=1).next is None
