"""The two-stage greedy planner of STI (ASPLOS 2023, section 5), with exact IO budgets.

Stage 1 takes the largest submodel that computes in time; stage 2 fills the IO time that its
compute hides. Unlike the paper's budgets, a preloaded shard credits only its own layer, and a
raised one is read whole (CONTRACTS, "Policies").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner_api.optimizer.choice import evaluate
from planner_api.optimizer.policies.uniform import uniform_choice
from planner_api.optimizer.solution import Candidate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner_api.optimizer.choice import Choice
    from planner_api.optimizer.problem import Pair, Problem

NO_LIMIT = 2**63


def sti_largest(problem: Problem) -> Candidate | None:
    """STI with the pair of most n * m, ties to the deeper; None if no pair computes in time."""
    pairs = pairs_in_time(problem)
    if not pairs:
        return None
    return _fill(problem, max(pairs, key=lambda pair: (pair.depth * pair.width, pair.depth)))


def sti_deepest(problem: Problem) -> Candidate | None:
    """STI with the deepest pair, then the widest; None if no pair computes in time."""
    pairs = pairs_in_time(problem)
    return _fill(problem, max(pairs)) if pairs else None


def pairs_in_time(problem: Problem) -> list[Pair]:
    """Stage 1: allowed pairs with n * (c(m) + m * max decode) <= T."""
    decode = int(problem.decode_us.max())
    return [
        pair
        for pair in problem.pairs
        if pair.depth * (int(problem.layer_us[pair.width]) + pair.width * decode)
        <= problem.latency_us
    ]


def _fill(problem: Problem, pair: Pair) -> Candidate:
    """Stage 2: the best uniform bitwidth without a stall, then upgrades in order of gain."""
    for bits_index in reversed(range(len(problem.bits))):
        choice = uniform_choice(problem, pair, bits_index)
        slack = io_slack(problem, choice)
        if slack.min() >= 0:
            choice = _upgrade(problem, choice, bits_index, slack.tolist())
            return Candidate(choice=choice, evaluation=evaluate(problem, choice))
    choice = uniform_choice(problem, pair, 0)
    return Candidate(choice=choice, evaluation=evaluate(problem, choice))


def io_slack(problem: Problem, choice: Choice) -> NDArray[np.int64]:
    """(depth,): compute + decode of layers before k, less the IO of streamed shards up to k.

    Nowhere negative exactly when no layer waits for a read (STI, accumulated IO budgets).
    """
    reads = np.where(choice.preload, 0, choice.pick(problem.read_us)).sum(axis=1)
    decode = np.where(choice.chosen, problem.decode_us[choice.bits], 0).sum(axis=1)
    step = decode + problem.layer_us[choice.pair.width]
    return step.cumsum() - step - reads.cumsum()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Change:
    """What raising one shard adds to its layer, in microseconds."""

    read_us: int
    decode_us: int


def _upgrade(problem: Problem, choice: Choice, bits_index: int, slack: list[int]) -> Choice:
    """Each shard by gain, then (layer, slice), to the highest bitwidth that stays valid."""
    bits, preload = choice.bits.copy(), choice.preload.copy()
    read_us = problem.read_us.tolist()
    decode_us = problem.decode_us.tolist()
    for layer, index in _by_gain(problem, choice):
        reads = read_us[layer][index]
        spent = 0 if preload[layer, index] else reads[bits_index]
        for raised in reversed(range(bits_index + 1, len(problem.bits))):
            change = _Change(
                read_us=reads[raised] - spent,
                decode_us=decode_us[raised] - decode_us[bits_index],
            )
            if _stays_valid(slack, layer, change):
                _charge(slack, layer, change)
                bits[layer, index], preload[layer, index] = raised, False
                break
    return replace(choice, bits=bits, preload=preload)


def _by_gain(problem: Problem, choice: Choice) -> list[tuple[int, int]]:
    """The chosen shards by gain at the table's highest bitwidth, then (layer, slice)."""
    table = problem.inputs.importance
    rows, columns = np.nonzero(choice.chosen)
    gains = np.array(table.gain[table.highest_bits])[rows, columns]
    order = np.argsort(-gains, kind="stable")
    return list(zip(rows[order].tolist(), columns[order].tolist(), strict=True))


def _stays_valid(slack: list[int], layer: int, change: _Change) -> bool:
    later = min(slack[layer + 1 :], default=NO_LIMIT)
    return slack[layer] >= change.read_us and later >= change.read_us - change.decode_us


def _charge(slack: list[int], layer: int, change: _Change) -> None:
    slack[layer] -= change.read_us
    for after in range(layer + 1, len(slack)):
        slack[after] -= change.read_us - change.decode_us
