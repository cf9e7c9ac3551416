"""From arrays back to documents: a solution as a Plan and a Certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import (
    Certificate,
    Plan,
    PlannedLayer,
    PlannedShard,
    PlanProvenance,
    Prediction,
    ShardRead,
    __version__,
)
from planner_api.optimizer.bounding.table_bound import relative_gap, score_range, table_bounds

if TYPE_CHECKING:
    from plan_contracts import ModelManifest
    from planner_api.optimizer.choice import Choice, Evaluation
    from planner_api.optimizer.problem import Problem
    from planner_api.optimizer.solution import Candidate, Solution


def to_plan(problem: Problem, solution: Solution) -> Plan:
    """The sealed plan of a solution that has a candidate.

    Policy, seed and target are those of the request; reads lie where the manifest's store index
    says, or nowhere without one.
    """
    inputs = problem.inputs
    candidate = _candidate(solution)
    layers = _planned_layers(problem, candidate.choice)
    plan = Plan(
        model=inputs.model.model,
        model_digest=inputs.model.digest or inputs.model.computed_digest(),
        device=inputs.device.name,
        device_digest=inputs.device.digest,
        importance_digest=inputs.importance.digest,
        target=inputs.target,
        depth=candidate.choice.pair.depth,
        width=candidate.choice.pair.width,
        layers=layers,
        reads=_reads(inputs.model, layers, preload=False),
        preload_reads=_reads(inputs.model, layers, preload=True),
        predicted=_prediction(candidate.evaluation),
        provenance=PlanProvenance(
            policy=inputs.options.policy,
            planner_version=__version__,
            seed=inputs.options.seed,
            truncated=solution.truncated,
        ),
    )
    return plan.sealed()


def to_certificate(problem: Problem, solution: Solution) -> Certificate:
    """How far the candidate can be from the best, sealed (CONTRACTS, `relative_gap`).

    The upper bound is never below the objective: what floats lose by order of summation is no
    proof of anything.
    """
    span = score_range(problem, table_bounds(problem))
    objective = _candidate(solution).evaluation.objective
    upper_bound = max(solution.upper_bound, objective)
    certificate = Certificate(
        objective=objective,
        upper_bound=upper_bound,
        relative_gap=relative_gap(objective, upper_bound, span),
        range=span,
        bounds=solution.bounds,
    )
    return certificate.sealed()


def _candidate(solution: Solution) -> Candidate:
    if solution.candidate is None:
        message = "a solution must have a candidate to become a document, got none"
        raise ValueError(message)
    return solution.candidate


def _planned_layers(problem: Problem, choice: Choice) -> tuple[PlannedLayer, ...]:
    sizes = choice.pick(problem.shard_bytes)
    return tuple(
        PlannedLayer(
            layer=layer,
            shards=tuple(
                PlannedShard(
                    slice=index,
                    bits=problem.bits[int(choice.bits[layer, index])],
                    bytes=int(sizes[layer, index]),
                    preload=bool(choice.preload[layer, index]),
                )
                for index in np.flatnonzero(chosen).tolist()
            ),
        )
        for layer, chosen in enumerate(choice.chosen)
    )


def _reads(
    model: ModelManifest, layers: tuple[PlannedLayer, ...], *, preload: bool
) -> tuple[ShardRead, ...]:
    """One for each streamed, or each preloaded, shard by (layer, slice)."""
    return tuple(
        _read(model, layer.layer, shard)
        for layer in layers
        for shard in layer.shards
        if shard.preload == preload
    )


def _read(model: ModelManifest, layer: int, shard: PlannedShard) -> ShardRead:
    stored = model.store and model.store.shards[shard.bits][layer][shard.slice]
    return ShardRead(
        layer=layer,
        slice=shard.slice,
        bits=shard.bits,
        file=stored and stored.file,
        offset=stored and stored.offset,
        bytes=shard.bytes,
        sha256=stored and stored.sha256,
    )


def _prediction(evaluation: Evaluation) -> Prediction:
    return Prediction(
        latency_us=evaluation.latency_us,
        objective=evaluation.objective,
        peak_memory_bytes=evaluation.peak_memory_bytes,
        layers=evaluation.layers,
    )
