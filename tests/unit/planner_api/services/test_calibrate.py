from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from builders import e1_json, request
from plan_contracts import ContractError, DeviceProfile, Plan, RunTrace, Span
from planner_api.errors import ChangedMeanwhileError, NotFoundError
from planner_api.services.calibrate import CalibrationReport, calibrate_device, calibrations_of
from planner_api.services.documents import find_registered, register
from planner_api.services.make_plan import make_plan
from planner_api.services.plans import page_of_plans, plan_json
from planner_api.services.runs import report_run, runs_of
from service import registry_in
from simulator import simulate, to_trace
from simulator.calibration import moved_to

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from planner_api.services.ports import Records, Registry

TODAY = dt.date(2026, 11, 21)
DEVICE = "tiny-device"


@pytest.fixture
def registry(tmp_path: Path) -> Generator[Registry]:
    """A registry that knows the device by its name."""
    with registry_in(tmp_path) as made:
        register(made, "device", json.dumps(e1_json()["device"]).encode(), name=None)
        yield made


def planned(registry: Registry, **target: Any) -> Plan:  # noqa: ANN401 - fields of any type
    document = e1_json(**target) | {"device": DEVICE}
    made = make_plan(request(document), registry)
    assert made.plan_id is not None
    return Plan.from_json(plan_json(registry, made.plan_id))


def slower_device(layer_us: int) -> DeviceProfile:
    document = e1_json()["device"]
    document["compute"][0]["layer_us"] = {"1": 60, "2": layer_us}
    return DeviceProfile.from_json(json.dumps(document))


def report_runs(registry: Registry, plan: Plan, *, layer_us: int = 100, count: int = 3) -> None:
    """Report runs of a device whose full layers take so long; no two are the same."""
    device = slower_device(layer_us)
    model = request(e1_json()).model
    assert not isinstance(model, str)
    trace = to_trace(simulate(moved_to(plan, device), device, model.sealed()), plan)
    for number in range(count):
        mark = Span(kind="stall", layer=0, slices=(), start_us=0, end_us=number, bytes=0)
        run = trace.model_copy(update={"source": "measured", "spans": (*trace.spans, mark)})
        report_run(registry, plan.id or "", run)


def calibrated(registry: Registry) -> CalibrationReport:
    return calibrate_device(registry, DEVICE, today=TODAY)


def test_the_name_moves_to_a_new_version_and_the_old_one_stays(registry: Registry) -> None:
    plan = planned(registry)
    report_runs(registry, plan, layer_us=130)
    report = calibrated(registry)
    newest = find_registered(registry, "device", DEVICE)
    assert (report.version, newest.version, newest.digest) == (2, 2, report.after)
    assert report.before == plan.device_digest
    assert find_registered(registry, "device", report.before).digest == report.before


def test_the_new_version_has_what_was_measured(registry: Registry) -> None:
    report_runs(registry, planned(registry), layer_us=130)
    after = DeviceProfile.from_json(
        find_registered(registry, "device", calibrated(registry).after).content
    )
    assert after.compute[0].layer_us == {1: 78, 2: 130}


def test_what_changed_is_reported_with_its_place(registry: Registry) -> None:
    report_runs(registry, planned(registry), layer_us=130)
    assert {n.field: (n.before, n.after) for n in calibrated(registry).numbers} == {
        "compute[0].layer_us.1": (60, 78),
        "compute[0].layer_us.2": (100, 130),
    }


def test_a_plan_that_now_misses_its_target_is_stale(registry: Registry) -> None:
    plan = planned(registry)
    report_runs(registry, plan, layer_us=130)
    (stale,) = calibrated(registry).stale_plans
    assert (stale.plan_id, stale.wanted, stale.hit_probability) == (plan.id, 0.5, 0.0)


def test_a_stale_plan_says_so_among_its_runs_and_in_the_list(registry: Registry) -> None:
    plan = planned(registry)
    assert runs_of(registry, plan.id or "").stale is None
    report_runs(registry, plan, layer_us=130)
    report = calibrated(registry)
    stale = runs_of(registry, plan.id or "").stale
    assert stale is not None
    assert stale.device_digest == report.after
    assert [item.stale for item in page_of_plans(registry, before=None, limit=9).items] == [True]


def test_a_plan_with_room_is_judged_and_stays(registry: Registry) -> None:
    plan = planned(registry)
    roomy = planned(registry, latency_us=2000)
    report_runs(registry, plan, layer_us=130)
    report = calibrated(registry)
    assert report.judged_plans == 2
    assert [stale.plan_id for stale in report.stale_plans] == [plan.id]
    assert runs_of(registry, roomy.id or "").stale is None


def test_without_drift_no_plan_is_stale(registry: Registry) -> None:
    report_runs(registry, planned(registry))
    report = calibrated(registry)
    assert (report.numbers, report.stale_plans) == ((), ())


def test_a_plan_at_a_quantile_wants_just_that(registry: Registry) -> None:
    plan = planned(registry, latency_us=300, latency_quantile=0.95)
    report_runs(registry, plan, layer_us=190)
    assert [stale.wanted for stale in calibrated(registry).stale_plans] == [0.95]


def test_a_plan_is_fresh_again_when_the_device_recovers(registry: Registry) -> None:
    plan = planned(registry)
    report_runs(registry, plan, layer_us=130)
    calibrated(registry)
    report_runs(registry, plan, layer_us=100, count=4)
    assert calibrated(registry).stale_plans == ()
    assert runs_of(registry, plan.id or "").stale is None


def test_runs_are_used_once(registry: Registry) -> None:
    report_runs(registry, planned(registry), layer_us=130)
    calibrated(registry)
    with pytest.raises(ContractError, match="at least 3 measured runs, got 0"):
        calibrated(registry)


def test_simulated_runs_do_not_count(registry: Registry) -> None:
    plan = planned(registry)
    report_runs(registry, plan, count=2)
    model = request(e1_json()).model
    assert not isinstance(model, str)
    trace: RunTrace = to_trace(simulate(plan, slower_device(100), model.sealed()), plan)
    report_run(registry, plan.id or "", trace)
    with pytest.raises(ContractError, match="got 2"):
        calibrated(registry)


def test_calibrations_are_listed_in_order(registry: Registry) -> None:
    plan = planned(registry)
    report_runs(registry, plan, layer_us=130)
    first = calibrated(registry)
    report_runs(registry, plan, layer_us=140, count=4)
    second = calibrated(registry)
    assert calibrations_of(registry, DEVICE).calibrations == (first, second)
    assert (second.before, second.version) == (first.after, 3)


def test_a_shipped_device_gets_its_first_version(tmp_path: Path) -> None:
    with registry_in(tmp_path) as empty:
        assert calibrations_of(empty, "odroid-n2plus").calibrations == ()
        with pytest.raises(ContractError, match="got 0"):
            calibrate_device(empty, "odroid-n2plus", today=TODAY)


@pytest.mark.parametrize("reference", ["nobody", "no such name!"])
def test_an_unknown_device_is_not_found(registry: Registry, reference: str) -> None:
    with pytest.raises(NotFoundError, match="no device is known by"):
        calibrate_device(registry, reference, today=TODAY)


def test_a_digest_is_no_name(registry: Registry) -> None:
    digest = find_registered(registry, "device", DEVICE).digest
    with pytest.raises(NotFoundError, match="no device is known by the name"):
        calibrate_device(registry, digest, today=TODAY)


class Overtaken:
    """A registry in which somebody registers the device again just before the first writing."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.reading = registry.reading
        self.check = registry.check

    def writing(self) -> AbstractContextManager[Records]:
        register(self._registry, "device", slower_device(150).to_json().encode(), name=DEVICE)
        return self._registry.writing()


def test_a_version_that_came_in_between_is_not_overwritten(registry: Registry) -> None:
    report_runs(registry, planned(registry), layer_us=130)
    with pytest.raises(ChangedMeanwhileError, match="has a newer version"):
        calibrate_device(Overtaken(registry), DEVICE, today=TODAY)
    assert calibrations_of(registry, DEVICE).calibrations == ()
