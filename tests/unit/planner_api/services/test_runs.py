from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import e1_json, request
from plan_contracts import Plan, RunTrace, Span
from planner_api.errors import InvalidRequestError, NotFoundError, PlanMismatchError
from planner_api.services.make_plan import make_plan
from planner_api.services.plans import plan_json
from planner_api.services.runs import busy_us, report_run, runs_of
from service import registry_in

if TYPE_CHECKING:
    from pathlib import Path

    from planner_api.services.ports import Registry


def planned(registry: Registry) -> Plan:
    made = make_plan(request(e1_json()), registry)
    assert made.plan_id is not None
    return Plan.from_json(plan_json(registry, made.plan_id))


def span(kind: str, start_us: int, end_us: int, layer: int = 0) -> Span:
    return Span.model_validate(
        {
            "kind": kind,
            "layer": layer,
            "slices": (0,),
            "start_us": start_us,
            "end_us": end_us,
            "bytes": 0,
        }
    )


def run(plan: Plan, latency_us: int = 300, **changes: object) -> RunTrace:
    spans = (span("read", 0, 70), span("stall", 0, 70), span("compute", 70, latency_us))
    trace = RunTrace(
        plan_id=plan.id or "",
        source="measured",
        device=plan.device,
        latency_us=latency_us,
        peak_memory_bytes=0,
        spans=spans,
    )
    return trace.model_copy(update=changes)


def shortened(plan: Plan, latency_us: int) -> RunTrace:
    """A run that claims to have lasted no longer than this; it stalls for 70 us."""
    return run(plan).model_copy(update={"latency_us": latency_us})


def test_errors_are_measured_minus_simulated(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        plan = planned(registry)
        comparison, is_new = report_run(registry, plan.id or "", run(plan, 297))
    assert is_new
    assert comparison.latency.simulated_us == plan.predicted.latency_us == 270
    assert (comparison.latency.error_us, comparison.latency.relative_error) == (27, 0.1)


def test_a_run_beyond_the_target_is_said_to_be(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        plan = planned(registry)
        late, _ = report_run(registry, plan.id or "", run(plan, 271))
        punctual, _ = report_run(registry, plan.id or "", run(plan, 270))
    assert (late.within_target, punctual.within_target) == (False, True)


def test_a_run_that_stalls_longer_than_it_lasts_is_refused(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        plan = planned(registry)
        all_stall, _ = report_run(registry, plan.id or "", shortened(plan, 70))
        assert all_stall.compute_busy.measured_us == 0
        rule = "stalls must last at most the latency_us of 69, got 70"
        with pytest.raises(InvalidRequestError, match=rule):
            report_run(registry, plan.id or "", shortened(plan, 69))
        assert len(runs_of(registry, plan.id or "").runs) == 1


def test_the_same_run_again_is_known(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        plan = planned(registry)
        report_run(registry, plan.id or "", run(plan))
        _, is_new = report_run(registry, plan.id or "", run(plan))
        assert not is_new
        assert len(runs_of(registry, plan.id or "").runs) == 1


def test_the_median_is_over_measured_runs(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        plan = planned(registry)
        for latency in (280, 300, 900):
            report_run(registry, plan.id or "", run(plan, latency))
        report_run(registry, plan.id or "", run(plan, 100, source="simulated"))
        runs = runs_of(registry, plan.id or "")
    assert len(runs.runs) == 4
    assert runs.median_latency is not None
    assert runs.median_latency.measured_us == 300


def test_a_plan_without_runs_has_no_median(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        assert runs_of(registry, planned(registry).id or "").median_latency is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"plan_id": "sha256:" + "0" * 64}, "plan_id must be"),
        ({"device": "another"}, "device must be the plan's 'tiny-device', got 'another'"),
        ({"spans": (span("compute", 0, 1, layer=2),)}, r"must be 0..1 as in the plan, got 2"),
    ],
)
def test_a_run_of_something_else_is_refused_and_not_kept(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with registry_in(tmp_path) as registry:
        plan = planned(registry)
        with pytest.raises(PlanMismatchError, match=message):
            report_run(registry, plan.id or "", run(plan).model_copy(update=change))
        assert runs_of(registry, plan.id or "").runs == ()


def test_a_run_of_an_unknown_plan_is_refused(tmp_path: Path) -> None:
    with registry_in(tmp_path) as registry:
        trace = run(planned(registry))
        with pytest.raises(NotFoundError):
            report_run(registry, "sha256:" + "0" * 64, trace)


def test_overlapping_spans_count_once() -> None:
    spans = [span("read", 0, 10), span("read", 5, 12), span("read", 20, 21), span("stall", 0, 99)]
    assert busy_us(spans, "read") == 13
