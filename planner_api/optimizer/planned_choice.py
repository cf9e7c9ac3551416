"""From a plan document back to the choice it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import ContractError
from planner_api.optimizer.choice import ABSENT, Choice
from planner_api.optimizer.problem import Pair

if TYPE_CHECKING:
    from plan_contracts import Plan, PlannedShard
    from planner_api.optimizer.problem import Problem


def choice_of(problem: Problem, plan: Plan) -> Choice:
    """The plan's shards as a choice; ContractError for a shard that the problem does not have."""
    shape = (plan.depth, problem.slices)
    bits = np.full(shape, ABSENT, dtype=np.int64)
    preload = np.zeros(shape, dtype=np.bool_)
    for layer in plan.layers:
        for shard in layer.shards:
            place = (layer.layer, shard.slice)
            bits[place] = _bits_index(problem, layer.layer, shard)
            preload[place] = shard.preload
    return Choice(pair=Pair(plan.depth, plan.width), bits=bits, preload=preload)


def _bits_index(problem: Problem, layer: int, shard: PlannedShard) -> int:
    if layer >= problem.layers or shard.slice >= problem.slices:
        message = (
            f"a shard must lie within layers 0..{problem.layers - 1} and slices "
            f"0..{problem.slices - 1}, got layer {layer}, slice {shard.slice}"
        )
        raise ContractError(message)
    if shard.bits not in problem.bits:
        message = (
            f"layer {layer}, slice {shard.slice}: bits must be one of {list(problem.bits)}, "
            f"got {shard.bits}"
        )
        raise ContractError(message)
    index = problem.bits.index(shard.bits)
    size = int(problem.shard_bytes[layer, shard.slice, index])
    if shard.bytes != size:
        message = (
            f"layer {layer}, slice {shard.slice} at {shard.bits} bit must have the manifest's "
            f"{size} bytes, got {shard.bytes}"
        )
        raise ContractError(message)
    return index
