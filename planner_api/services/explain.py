"""Why a plan is as it is: the room each layer has, and the shards that are next in line.

A plan says nothing of the pins, forbids and bitwidths it was asked for with: next in line are all
the shards of its submodel that the model has at a higher bitwidth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import ContractError, Part, PlanOptions
from plan_contracts.units import Bitwidth, Bytes, Count, Microseconds, Sha256
from planner_api.optimizer.choice import evaluate, layer_reads_us, layer_steps_us
from planner_api.optimizer.improving.headroom import time_left
from planner_api.optimizer.planned_choice import choice_of
from planner_api.optimizer.problem import PlanInputs, build_problem
from planner_api.optimizer.questions.infeasibility import least_need
from planner_api.optimizer.questions.upgrades import raises, shortages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from plan_contracts import DeviceProfile, ImportanceTable, ModelManifest, Plan
    from planner_api.optimizer.choice import Choice, Evaluation
    from planner_api.optimizer.problem import Problem
    from planner_api.optimizer.questions.upgrades import Raises, Shortages

NEXT_IN_LINE = 10
US_PER_MS = 1000
BYTES_PER_KIB = 1024


class Room(Part):
    """What is left below each limit; negative where the plan exceeds it."""

    latency_us: int
    preload_bytes: int
    memory_bytes: int


class LeastLimits(Part):
    """The least of each limit at which some plan exists, the other limits as they are."""

    latency_us: Microseconds | None
    preload_bytes: Bytes | None
    memory_bytes: Bytes | None


class LayerRoom(Part):
    """One layer: how long it reads, computes (decoding included) and waits for its reads.

    `slack_us`: what its reads alone can grow by before the plan misses its target.
    """

    layer: Count
    read_us: Microseconds
    compute_us: Microseconds
    stall_us: Microseconds
    slack_us: int


class Shortage(Part):
    """What a change needs beyond the limits of the target; all 0 if it fits as it is."""

    latency_us: Microseconds
    preload_bytes: Bytes
    memory_bytes: Bytes


class NextShard(Part):
    """A shard raised to a higher bitwidth, what the score gains and what that needs.

    `score_per_ms`, `score_per_kib_preload`: gain for each unit needed; null where none is.
    """

    layer: Count
    slice: Count
    bits_before: Bitwidth
    bits: Bitwidth
    preload: bool
    score_gain: float
    needs: Shortage
    score_per_ms: float | None
    score_per_kib_preload: float | None


class Explanation(Part):
    """A plan's room, what any plan would need, and the shards next in line, best first.

    `next_streamed`: read during the run, by gain for each extra microsecond of latency.
    `next_preloaded`: held in memory, by gain for each extra byte of preload. Each shard stands
    in a list at most once, at the bitwidth that gains most for what it needs.
    """

    plan_id: Sha256
    objective: float
    latency_us: Microseconds
    room: Room
    least: LeastLimits
    layers: tuple[LayerRoom, ...]
    next_streamed: tuple[NextShard, ...]
    next_preloaded: tuple[NextShard, ...]


def explain(
    plan: Plan,
    device: DeviceProfile,
    model: ModelManifest,
    importance: ImportanceTable,
    *,
    count: int = NEXT_IN_LINE,
) -> Explanation:
    """Explain a plan from the documents it was made from; at most `count` shards in each list.

    ContractError if the plan names other documents or has shards that they do not have.
    """
    problem = _problem_of(plan, device, model, importance)
    choice = choice_of(problem, plan)
    evaluation = evaluate(problem, choice)
    changes = raises(problem, choice)
    needs = shortages(problem, choice, changes)
    best_streamed = _best(changes, needs.latency_us, ~changes.preload)[:count]
    best_preloaded = _best(changes, needs.preload_bytes, changes.preload)[:count]
    return Explanation(
        plan_id=plan.id or plan.computed_id(),
        objective=evaluation.objective,
        latency_us=evaluation.latency_us,
        room=_room(problem, evaluation),
        least=LeastLimits(
            latency_us=least_need(problem, "latency").amount,
            preload_bytes=least_need(problem, "preload").amount,
            memory_bytes=least_need(problem, "memory").amount,
        ),
        layers=tuple(_layers(problem, choice, evaluation)),
        next_streamed=tuple(_next(problem, choice, changes, needs, k) for k in best_streamed),
        next_preloaded=tuple(_next(problem, choice, changes, needs, k) for k in best_preloaded),
    )


def _problem_of(
    plan: Plan, device: DeviceProfile, model: ModelManifest, importance: ImportanceTable
) -> Problem:
    sealed = model.sealed()
    bound = importance.bound_to(sealed)
    for name, expected, digest in (
        ("device", plan.device_digest, device.digest),
        ("model", plan.model_digest, sealed.digest),
        ("importance table", plan.importance_digest, bound.digest),
    ):
        if digest != expected:
            message = f"the {name} must have the digest {expected} the plan names, got {digest}"
            raise ContractError(message)
    return build_problem(
        PlanInputs(
            device=device,
            model=sealed,
            importance=bound,
            target=plan.target,
            options=PlanOptions(),
        )
    )


def _room(problem: Problem, evaluation: Evaluation) -> Room:
    return Room(
        latency_us=problem.latency_us + problem.fixed_us - evaluation.latency_us,
        preload_bytes=problem.preload_bytes - evaluation.preload_bytes,
        memory_bytes=problem.memory_bytes - evaluation.peak_memory_bytes,
    )


def _layers(problem: Problem, choice: Choice, evaluation: Evaluation) -> Iterator[LayerRoom]:
    reads, steps = layer_reads_us(problem, choice), layer_steps_us(problem, choice)
    slack = slack_us(problem, choice)
    computed = 0
    for layer, times in enumerate(evaluation.layers):
        yield LayerRoom(
            layer=layer,
            read_us=int(reads[layer]),
            compute_us=int(steps[layer]),
            stall_us=times.compute_start_us - computed,
            slack_us=int(slack[layer]),
        )
        computed = times.compute_end_us


def slack_us(problem: Problem, choice: Choice) -> NDArray[np.int64]:
    """(depth,): what each layer's reads alone can grow by within the target; exact if it is met.

    Negative where a path through those reads misses the target.
    """
    reads = layer_reads_us(problem, choice).astype(np.float64)
    steps = layer_steps_us(problem, choice).astype(np.float64)
    onward, _, own = time_left(reads, steps, problem.latency_us, problem.read_ahead)
    return np.minimum(onward, own).astype(np.int64)


def _best(changes: Raises, need: NDArray[np.int64], among: NDArray[np.bool_]) -> list[int]:
    """Changes by gain for each unit needed, then gain, then place; each shard's first only."""
    rate = np.full(len(need), np.inf)
    np.divide(changes.score_gain, need, out=rate, where=need > 0)
    order = np.lexsort((changes.bits, changes.slice, changes.layer, -changes.score_gain, -rate))
    first: dict[tuple[int, int], int] = {}
    for k in order[among[order]].tolist():
        first.setdefault((int(changes.layer[k]), int(changes.slice[k])), k)
    return list(first.values())


def _next(problem: Problem, choice: Choice, changes: Raises, needs: Shortages, k: int) -> NextShard:
    place = (int(changes.layer[k]), int(changes.slice[k]))
    shortage = Shortage(
        latency_us=int(needs.latency_us[k]),
        preload_bytes=int(needs.preload_bytes[k]),
        memory_bytes=int(needs.memory_bytes[k]),
    )
    gain = float(changes.score_gain[k])
    return NextShard(
        layer=place[0],
        slice=place[1],
        bits_before=problem.bits[int(choice.bits[place])],
        bits=problem.bits[int(changes.bits[k])],
        preload=bool(changes.preload[k]),
        score_gain=gain,
        needs=shortage,
        score_per_ms=_rate(gain * US_PER_MS, shortage.latency_us),
        score_per_kib_preload=_rate(gain * BYTES_PER_KIB, shortage.preload_bytes),
    )


def _rate(gain: float, need: int) -> float | None:
    return gain / need if need else None
