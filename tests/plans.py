"""Sealed plans for tests, straight from a request and a choice of shards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from instances import problem_of
from plan_contracts import (
    DeviceProfile,
    ModelManifest,
    Plan,
    PlannedLayer,
    PlannedShard,
    PlanProvenance,
    Prediction,
    ShardRead,
)
from planner_api.optimizer.choice import ABSENT, Choice, evaluate
from planner_api.optimizer.problem import Pair, Problem

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Iterator, Mapping, Sequence


class Made(NamedTuple):
    """A plan and the documents it was made from, in the order the simulator takes them."""

    plan: Plan
    device: DeviceProfile
    model: ModelManifest


def made(
    document: Mapping[str, Any],
    bits: Sequence[Sequence[int]],
    preload: Collection[tuple[int, int]] = (),
) -> Made:
    """The plan with these bitwidths by layer and slice (0: not part of it), whatever the target."""
    problem = problem_of(dict(document))
    rows = [[problem.bits.index(b) if b else ABSENT for b in row] for row in bits]
    chosen = np.array(rows, dtype=np.int64)
    preloaded = np.zeros(chosen.shape, dtype=np.bool_)
    for layer, index in preload:
        preloaded[layer, index] = True
    pair = Pair(len(bits), sum(1 for b in bits[0] if b))
    return made_of(problem, Choice(pair=pair, bits=chosen, preload=preloaded))


def made_of(problem: Problem, choice: Choice) -> Made:
    """The sealed plan of a choice, predicted by the optimiser's own evaluation."""
    inputs, evaluation = problem.inputs, evaluate(problem, choice)
    layers = tuple(_layers(problem, choice))
    plan = Plan(
        model=inputs.model.model,
        model_digest=inputs.model.digest or "",
        device=inputs.device.name,
        device_digest=inputs.device.digest,
        importance_digest=inputs.importance.digest,
        target=inputs.target,
        depth=choice.pair.depth,
        width=choice.pair.width,
        layers=layers,
        reads=tuple(_reads(layers, preload=False)),
        preload_reads=tuple(_reads(layers, preload=True)),
        predicted=Prediction(
            latency_us=evaluation.latency_us,
            objective=evaluation.objective,
            peak_memory_bytes=evaluation.peak_memory_bytes,
            layers=evaluation.layers,
        ),
        provenance=PlanProvenance(
            policy="optimal", planner_version="test", seed=0, truncated=False
        ),
    )
    return Made(plan.sealed(), inputs.device, inputs.model)


def random_choice(problem: Problem, source: random.Random) -> Choice:
    """Any pair, any slices at any bitwidth, about a quarter of them preloaded."""
    pair = source.choice(problem.pairs)
    bits = np.full((pair.depth, problem.slices), ABSENT, dtype=np.int64)
    preload = np.zeros(bits.shape, dtype=np.bool_)
    for layer in range(pair.depth):
        for index in source.sample(range(problem.slices), pair.width):
            bits[layer, index] = source.randrange(len(problem.bits))
            preload[layer, index] = source.random() < 0.25
    return Choice(pair=pair, bits=bits, preload=preload)


def _layers(problem: Problem, choice: Choice) -> Iterator[PlannedLayer]:
    for layer, row in enumerate(choice.bits):
        shards = tuple(
            PlannedShard(
                slice=int(index),
                bits=problem.bits[int(row[index])],
                bytes=int(problem.shard_bytes[layer, index, row[index]]),
                preload=bool(choice.preload[layer, index]),
            )
            for index in np.flatnonzero(row != ABSENT)
        )
        yield PlannedLayer(layer=layer, shards=shards)


def _reads(layers: tuple[PlannedLayer, ...], *, preload: bool) -> Iterator[ShardRead]:
    for layer in layers:
        for shard in layer.shards:
            if shard.preload == preload:
                yield ShardRead(
                    layer=layer.layer, slice=shard.slice, bits=shard.bits, bytes=shard.bytes
                )
