"""All plans of some pairs as one CP-SAT model (PLANNING, "Exact model for one (n, m)").

Every pair has a boolean and exactly one is true; a layer is active if that pair is deeper. Slices
of a layer that no constraint tells apart are counted together. The deadline is the max-plus
recursion itself: the times of layers are variables, bounded from below, so no big-M is needed.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner_api.optimizer.choice import ABSENT, Choice
from planner_api.optimizer.programs.cp_sat import new_model, weighted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ortools.sat.python.cp_model import CpModel, IntVar, LinearExpr

    from planner_api.optimizer.problem import Pair, Problem


class Block(NamedTuple):
    """Slices of one layer that are alike to the model, ascending; all pinned or none."""

    layer: int
    slices: tuple[int, ...]


class Option(NamedTuple):
    """A state that slices of a block may take, and the variable that counts those that do."""

    block: Block
    bits: int
    preload: bool
    taken: IntVar


class PairVariable(NamedTuple):
    """A pair, and the boolean that says that the plan is of it."""

    pair: Pair
    taken: IntVar


@dataclass(frozen=True, kw_only=True, slots=True)
class Formulation:
    """A model with the problem's limits as constraints, and what can be made an objective.

    options: by layer. finish_us: at or after the end of the last layer's compute, without
    fixed_us. peak_bytes: at or above the peak memory.
    """

    problem: Problem
    model: CpModel
    pairs: tuple[PairVariable, ...]
    options: tuple[tuple[Option, ...], ...]
    finish_us: IntVar
    peak_bytes: IntVar

    @property
    def layers(self) -> int:
        """Layers of the deepest pair."""
        return len(self.options)

    def size_bytes(self, option: Option) -> int:
        """Encoded bytes of one shard of the option."""
        return int(
            self.problem.shard_bytes[option.block.layer, option.block.slices[0], option.bits]
        )

    def all_options(self) -> Iterator[Option]:
        """Layer by layer."""
        return itertools.chain.from_iterable(self.options)

    def preloaded_bytes(self) -> LinearExpr:
        """Encoded bytes of all preloaded shards."""
        return total(
            self.all_options(),
            lambda option: self.size_bytes(option) if option.preload else 0,
        )

    def streamed_bytes(self, layer: int) -> LinearExpr:
        """Encoded bytes of a layer's streamed shards."""
        return total(
            self.options[layer], lambda option: 0 if option.preload else self.size_bytes(option)
        )

    def read_bytes(self) -> LinearExpr:
        """Encoded bytes of all streamed shards."""
        return total(
            self.all_options(),
            lambda option: 0 if option.preload else self.size_bytes(option),
        )

    def read_us(self, layer: int) -> LinearExpr:
        """Time of a layer's reads."""
        times = self.problem.read_us[layer]
        return total(
            self.options[layer],
            lambda option: 0 if option.preload else int(times[option.block.slices[0], option.bits]),
        )

    def step_us(self, layer: int) -> LinearExpr:
        """Time of a layer's decode and compute; nothing in a layer that is not active."""
        decode_us = self.problem.decode_us
        decode = total(self.options[layer], lambda option: int(decode_us[option.bits]))
        return decode + self.over_pairs(
            lambda pair: int(self.problem.layer_us[pair.width]) if pair.depth > layer else 0
        )

    def over_pairs(self, value: Callable[[Pair], int]) -> LinearExpr:
        """The value of the pair that is taken."""
        return weighted([taken for _, taken in self.pairs], [value(pair) for pair, _ in self.pairs])

    def choice(self, value: Callable[[IntVar], int]) -> Choice:
        """The plan that the variables' values stand for; of a block, the first slices are taken."""
        pair = next(pair for pair, taken in self.pairs if value(taken))
        bits = np.full((pair.depth, self.problem.slices), ABSENT, dtype=np.int64)
        preload = np.zeros(bits.shape, dtype=np.bool_)
        for option in itertools.chain.from_iterable(self.options[: pair.depth]):
            row = bits[option.block.layer]
            free = [index for index in option.block.slices if row[index] == ABSENT]
            taken = free[: value(option.taken)]
            row[taken] = option.bits
            preload[option.block.layer, taken] = option.preload
        return Choice(pair=pair, bits=bits, preload=preload)


def formulate(problem: Problem, pairs: Sequence[Pair], blocks: Sequence[Block]) -> Formulation:
    """The model of these pairs, at least one; `blocks` hold every (layer, slice) once.

    The problem's `latency_us` may not be negative. Layers below the deepest pair are left out.
    """
    model = new_model()
    deepest = max(pair.depth for pair in pairs)
    blocks = [block for block in blocks if block.layer < deepest]
    formulation = Formulation(
        problem=problem,
        model=model,
        pairs=tuple(PairVariable(pair, model.new_bool_var("")) for pair in pairs),
        options=_options(model, problem, deepest, blocks),
        finish_us=model.new_int_var(0, min(problem.latency_us, longest_us(problem)), "finish"),
        peak_bytes=model.new_int_var(0, min(problem.memory_bytes, _most_bytes(problem)), "peak"),
    )
    model.add_exactly_one(taken for _, taken in formulation.pairs)
    _hold_widths(formulation)
    _hold_blocks(formulation, blocks)
    _meet_deadline(formulation)
    model.add(formulation.preloaded_bytes() <= min(problem.preload_bytes, _most_bytes(problem)))
    _fit_memory(formulation)
    return formulation


def single_slices(problem: Problem) -> list[Block]:
    """Every slice by itself: for models in which gains matter."""
    return [Block(layer, (index,)) for layer, index in np.ndindex(problem.gain.shape[:2])]


def alike_slices(problem: Problem) -> list[Block]:
    """Slices of a layer together that differ in their gains at most."""
    groups: dict[tuple[object, ...], Block] = {}
    for block in single_slices(problem):
        layer, index = block.layer, block.slices[0]
        kind = (
            layer,
            problem.read_us[layer, index].tobytes(),
            problem.shard_bytes[layer, index].tobytes(),
            problem.states[layer, index].tobytes(),
            bool(problem.required[layer, index]),
            index if problem.selection == "prefix" else None,
        )
        known = groups.get(kind, Block(layer, ()))
        groups[kind] = Block(layer, (*known.slices, index))
    return list(groups.values())


def _options(
    model: CpModel, problem: Problem, layers: int, blocks: Iterable[Block]
) -> tuple[tuple[Option, ...], ...]:
    options: list[list[Option]] = [[] for _ in range(layers)]
    for block in blocks:
        shard = block.layer, block.slices[0]
        for bits, preload in np.argwhere(problem.states[shard]).tolist():
            if not preload or problem.shard_bytes[shard][bits] <= problem.preload_bytes:
                taken = model.new_int_var(0, len(block.slices), "")
                options[block.layer].append(Option(block, bits, bool(preload), taken))
    return tuple(map(tuple, options))


def _hold_widths(formulation: Formulation) -> None:
    """The pair's width in each of its layers and nothing in the others."""
    for layer, options in enumerate(formulation.options):
        width = formulation.over_pairs(
            lambda pair, layer=layer: pair.width if pair.depth > layer else 0
        )
        formulation.model.add(total(options, _one) == width)


def _hold_blocks(formulation: Formulation, blocks: Sequence[Block]) -> None:
    """Every slice at most once, pinned ones always; under `prefix` exactly those of the width."""
    by_block: dict[Block, list[Option]] = {block: [] for block in blocks}
    for option in formulation.all_options():
        by_block[option.block].append(option)
    for block, options in by_block.items():
        taken = total(options, _one)
        if formulation.problem.selection == "prefix":
            formulation.model.add(taken == _within(formulation, block))
        elif formulation.problem.required[block.layer, block.slices[0]]:
            formulation.model.add(taken == len(block.slices))
        else:
            formulation.model.add(taken <= len(block.slices))


def _within(formulation: Formulation, block: Block) -> LinearExpr:
    """Whether depth and width of the pair reach the block's slice."""
    index = block.slices[0]
    return formulation.over_pairs(lambda pair: int(pair.depth > block.layer and pair.width > index))


def _meet_deadline(formulation: Formulation) -> None:
    """F_l = max(F_(l-1), C_(l-1-r)) + Q_l, C_l = max(C_(l-1), F_l) + step_l (PLANNING, "Time")."""
    problem, model = formulation.problem, formulation.model
    layers, latest_us = formulation.layers, min(problem.latency_us, longest_us(problem))
    reads = [model.new_int_var(0, latest_us, "") for _ in range(layers)]
    computes = [model.new_int_var(0, latest_us, "") for _ in range(layers - 1)]
    computes.append(formulation.finish_us)
    for layer in range(layers):
        read_us, step_us = formulation.read_us(layer), formulation.step_us(layer)
        model.add(reads[layer] >= (reads[layer - 1] + read_us if layer else read_us))
        model.add(computes[layer] >= reads[layer] + step_us)
        if layer:
            model.add(computes[layer] >= computes[layer - 1] + step_us)
        if problem.read_ahead is not None and layer > problem.read_ahead:
            model.add(reads[layer] >= computes[layer - 1 - problem.read_ahead] + read_us)
    _add_paths(formulation)


def _add_paths(formulation: Formulation) -> None:
    """The PATH rows, which follow from the recursion: stated, they make proofs far shorter.

    They hold under a read-ahead limit too, which only lengthens the longest path.
    """
    layers = range(formulation.layers)
    reads = [formulation.read_us(layer) for layer in layers]
    steps = [formulation.step_us(layer) for layer in layers]
    for layer in layers:
        path = sum(reads[: layer + 1]) + sum(steps[layer:])
        formulation.model.add(formulation.finish_us >= path)


def _fit_memory(formulation: Formulation) -> None:
    """Peak memory of CONTRACTS, one row for each window of layers in the read-ahead buffer."""
    problem, layers = formulation.problem, formulation.layers
    reach = layers if problem.read_ahead is None else problem.read_ahead + 1
    held = formulation.preloaded_bytes() + formulation.over_pairs(
        lambda pair: problem.constant_bytes + pair.width * problem.decoded_shard_bytes
    )
    for first in range(max(1, layers - reach + 1)):
        window = range(first, min(first + reach, layers))
        streamed = sum(formulation.streamed_bytes(layer) for layer in window)
        formulation.model.add(formulation.peak_bytes >= held + streamed)


def _one(_option: Option) -> int:
    return 1


def total(options: Iterable[Option], each: Callable[[Option], int]) -> LinearExpr:
    """Sum over the options of the value of each of their shards."""
    listed = list(options)
    return weighted([option.taken for option in listed], [each(option) for option in listed])


def longest_us(problem: Problem) -> int:
    """No plan takes longer, whatever it reads and preloads."""
    widest_us = int(problem.layer_us.max()) + problem.slices * int(problem.decode_us.max())
    return int(problem.read_us.max(axis=2).sum()) + problem.layers * widest_us


def _most_bytes(problem: Problem) -> int:
    """No plan takes more memory."""
    held = problem.constant_bytes + problem.slices * problem.decoded_shard_bytes
    return int(problem.shard_bytes.max(axis=2).sum()) + held
