from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from builders import e1_json, e2_json
from instances import problem_of
from plan_contracts import PairBound, Plan, __version__
from planner_api.optimizer.assemble import to_certificate, to_plan
from planner_api.optimizer.bounding.table_bound import table_bounds, table_pair_bounds
from planner_api.optimizer.policies import uniform
from planner_api.optimizer.programs.exact import solve_exact
from planner_api.optimizer.solution import Solution

if TYPE_CHECKING:
    from planner_api.optimizer.problem import Problem


def _uniform_solution(problem: Problem) -> Solution:
    bounds = table_bounds(problem)
    return Solution(
        candidate=uniform(problem),
        bounds=table_pair_bounds(problem, bounds),
        upper_bound=float(bounds.max()),
        truncated=True,
        shadow_prices=None,
    )


def _e2_plan(**changes: object) -> Plan:
    problem = problem_of(e2_json() | changes)
    return to_plan(problem, _uniform_solution(problem))


def test_a_plan_is_sealed_and_survives_its_json() -> None:
    plan = _e2_plan()
    assert plan.id == plan.computed_id()
    assert Plan.from_json(plan.to_json()) == plan


def test_streamed_and_preloaded_reads_are_listed_apart() -> None:
    plan = _e2_plan()
    assert [(r.layer, r.slice, r.bits, r.bytes) for r in plan.reads] == [
        (1, 0, 3, 30),
        (1, 1, 3, 30),
    ]
    assert [(r.layer, r.slice) for r in plan.preload_reads] == [(0, 0), (0, 1)]


def test_without_a_store_index_reads_lie_nowhere() -> None:
    read = _e2_plan().reads[0]
    assert (read.file, read.offset, read.sha256) == (None, None, None)


def test_with_a_store_index_reads_say_file_offset_and_digest() -> None:
    document = e2_json()
    document["model"]["store"] = _store(document["model"]["shard_bytes"])
    read = _e2_plan(model=document["model"]).reads[1]
    assert (read.file, read.offset, read.sha256) == ("shards-3.bin", 90, "sha256:" + "3" * 64)


def _store(sizes: dict[str, list[list[int]]]) -> dict[str, Any]:
    return {
        "quantiser": "none",
        "architecture": {
            "family": "bert",
            "vocabulary": 8,
            "maximum_positions": 8,
            "layer_norm_epsilon": 1e-12,
            "activation": "gelu",
            "head": "classifier",
        },
        "resident": {"file": "resident.safetensors", "bytes": 8, "sha256": "sha256:" + "0" * 64},
        "shards": {
            bits: [
                [
                    {
                        "file": f"shards-{bits}.bin",
                        "offset": (layer * len(row) + index) * size,
                        "length": size,
                        "sha256": "sha256:" + bits[0] * 64,
                    }
                    for index, size in enumerate(row)
                ]
                for layer, row in enumerate(table)
            ]
            for bits, table in sizes.items()
        },
    }


def test_the_prediction_is_the_evaluation() -> None:
    problem = problem_of(e1_json())
    solution = solve_exact(problem)
    assert solution.candidate is not None
    predicted = to_plan(problem, solution).predicted
    assert predicted.objective == 116
    assert predicted.latency_us == solution.candidate.evaluation.latency_us <= 270
    assert predicted.layers == solution.candidate.evaluation.layers


def test_provenance_says_policy_version_seed_and_truncation() -> None:
    plan = _e2_plan(options={"policy": "uniform", "seed": 7})
    assert plan.provenance.model_dump() == {
        "policy": "uniform",
        "planner_version": __version__,
        "seed": 7,
        "truncated": True,
    }


def test_digests_are_those_of_the_documents() -> None:
    problem = problem_of(e1_json())
    plan = to_plan(problem, _uniform_solution(problem))
    inputs = problem.inputs
    assert (plan.model_digest, plan.device_digest, plan.importance_digest) == (
        inputs.model.digest,
        inputs.device.digest,
        inputs.importance.digest,
    )


def test_a_proven_optimum_has_no_gap() -> None:
    problem = problem_of(e1_json())
    certificate = to_certificate(problem, solve_exact(problem))
    assert (certificate.objective, certificate.upper_bound) == (116, 116)
    assert (certificate.relative_gap, certificate.range) == (0, 94)


def test_the_gap_is_relative_to_the_range() -> None:
    problem = problem_of(e1_json())
    certificate = to_certificate(problem, _uniform_solution(problem))
    assert certificate.relative_gap == (134 - 97) / 94


def test_an_upper_bound_below_the_objective_by_rounding_is_raised_to_it() -> None:
    problem = problem_of(e1_json())
    low = replace(solve_exact(problem), upper_bound=116 - 1e-13)
    assert to_certificate(problem, low).upper_bound == 116


def test_the_solutions_bounds_are_passed_on() -> None:
    problem = problem_of(e1_json())
    bound = PairBound(depth=1, width=1, upper_bound=54.0, kind="solver")
    solution = replace(_uniform_solution(problem), bounds=(bound,))
    assert to_certificate(problem, solution).bounds == (bound,)


def test_a_solution_without_a_candidate_is_no_plan() -> None:
    problem = problem_of(e1_json(latency_us=1))
    with pytest.raises(ValueError, match="must have a candidate"):
        to_plan(problem, solve_exact(problem))
