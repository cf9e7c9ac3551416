"""The last of the gap of one pair, by CP-SAT: mixes of known choices, and the core of all states.

At the pair's best prices every state has a loss, the worth it forgoes against the best choice of
its layer. A plan that holds it scores at most the pair's bound less that loss; so a plan better
than the best known uses states of small loss only, the *core*. What CP-SAT says of the whole core
is the word of a solver; of a part of it, and of mixes, it gives plans and proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner_api.optimizer.multipliers import prices
from planner_api.optimizer.program import Options, Program
from planner_api.optimizer.relaxation import Selection

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from ortools.sat.python.cp_model import IntVar

    from planner_api.optimizer.columns import Refined
    from planner_api.optimizer.cp_sat import Effort, Search
    from planner_api.optimizer.multipliers import Multipliers
    from planner_api.optimizer.program import Answer, Wanted
    from planner_api.optimizer.relaxation import PairModel


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Closed:
    """The best selection found, if any, and what CP-SAT says of the whole pair."""

    selection: Selection | None
    answer: Answer


def mixed(model: PairModel, columns: list[Selection], wanted: Wanted, effort: Effort) -> Closed:
    """The best plan that takes one of the known choices in every layer."""
    layers, known = _distinct(model, columns)
    every = [model.totals(column) for column in columns]
    options = Options(
        layers=layers,
        gain=np.array([totals.gain for totals in every])[known, layers],
        read_us=np.array([totals.read_us for totals in every])[known, layers],
        decode_us=np.array([totals.decode_us for totals in every])[known, layers],
        streamed_bytes=np.array([totals.streamed_bytes for totals in every])[known, layers],
        preloaded_bytes=np.array([totals.preloaded_bytes for totals in every])[known, layers],
    )
    program = Program(model, options)
    for within in program.layers:
        program.model.add_exactly_one(program.taken[within])
    answer = replace(program.solve(wanted, effort, "by_relaxation"), most_gain=None)
    if answer.taken is None:
        return Closed(selection=None, answer=answer)
    chosen, layers = known[answer.taken], layers[answer.taken]
    slices = np.array([column.slices for column in columns])[chosen, layers]
    states = np.array([column.states for column in columns])[chosen, layers]
    return Closed(selection=Selection(slices=slices, states=states), answer=answer)


def _distinct(
    model: PairModel, columns: list[Selection]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Layers and columns of choices that differ from the layer's earlier ones, by layer."""
    found: list[tuple[int, int]] = []
    for layer in range(model.depth):
        seen: set[bytes] = set()
        for number, column in enumerate(columns):
            key = column.slices[layer].tobytes() + column.states[layer].tobytes()
            if key not in seen:
                seen.add(key)
                found.append((layer, number))
    layers, known = np.array(found, dtype=np.intp).T
    return layers, known


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Core:
    """States worth a look: (C,) each, by layer. `whole` if all others are proven useless.

    known: (C,) bool, the best plan known if it is of this pair, None if not.
    """

    states: NDArray[np.intp]
    layers: NDArray[np.intp]
    slices: NDArray[np.intp]
    whole: bool
    known: NDArray[np.bool_] | None


def core_of(
    model: PairModel, refined: Refined, known: Selection | None, *, least: float, most_states: int
) -> Core:
    """States that a plan of `least` gain may use, and of those the `most_states` of least loss.

    known: the best plan known if it is of this pair.
    """
    multipliers, most_loss = refined.multipliers, refined.bound - least
    loss = losses(model, multipliers)
    order = np.argsort(loss, axis=None, kind="stable")
    within = int((loss <= most_loss).sum())
    kept = order[: min(within, most_states)]
    states, layers, slices = np.unravel_index(kept, loss.shape)
    by_layer = np.lexsort((states, slices, layers))
    states, layers, slices = states[by_layer], layers[by_layer], slices[by_layer]
    is_known = None
    if known is not None:
        same_slice = known.slices[layers] == slices[:, None]
        is_known = (same_slice & (known.states[layers] == states[:, None])).any(axis=1)
    return Core(
        states=states,
        layers=layers,
        slices=slices,
        whole=within <= most_states,
        known=is_known,
    )


def losses(model: PairModel, multipliers: Multipliers) -> NDArray[np.float64]:
    """(K, depth, M): what the bound falls by if a state must be used; inf if it may not be."""
    values = model.tables.values(prices(model.problem, multipliers))
    best = values.max(axis=0)
    width, slices = model.pair.width, len(best[0])
    key = np.where(model.tables.required, np.inf, best)
    last = np.partition(key, slices - width, axis=1)[:, slices - width]
    needed = np.where(np.isfinite(last), last, best.max(axis=1))
    replaced = np.where(key >= last[:, None], best, needed[:, None])
    return np.where(np.isfinite(values), replaced - values, np.inf)


def best_of_core(
    model: PairModel, core: Core, wanted: Wanted, effort: Effort, search: Search
) -> Closed:
    """The best plan of the core that gains as much as is wanted."""
    picked = (core.states, core.layers, core.slices)
    sizes = model.tables.sizes[picked]
    preloaded = core.states >= model.tables.streamed
    options = Options(
        layers=core.layers,
        gain=model.tables.gain[picked],
        read_us=model.tables.read_us[picked],
        decode_us=model.tables.decode_us[core.states],
        streamed_bytes=np.where(preloaded, 0.0, sizes),
        preloaded_bytes=np.where(preloaded, sizes, 0.0),
    )
    program = Program(model, options)
    _fill_layers(program, model, core)
    if core.known is not None:
        program.start_from(core.known)
    answer = program.solve(wanted, effort, search)
    answer = answer if core.whole else replace(answer, most_gain=None)
    if answer.taken is None:
        return Closed(selection=None, answer=answer)
    shape = (model.depth, model.pair.width)
    selection = Selection(
        slices=core.slices[answer.taken].reshape(shape),
        states=core.states[answer.taken].reshape(shape),
    )
    return Closed(selection=selection, answer=answer)


def _fill_layers(program: Program, model: PairModel, core: Core) -> None:
    """Each slice at most once, pinned ones always, `width` slices a layer."""
    by_slice: dict[tuple[int, int], list[IntVar]] = {}
    for layer, index, taken in zip(core.layers, core.slices, program.taken, strict=True):
        by_slice.setdefault((int(layer), int(index)), []).append(taken)
    for shard, options in by_slice.items():
        if model.tables.required[shard]:
            program.model.add_exactly_one(options)
        elif len(options) > 1:
            program.model.add_at_most_one(options)
    for within in program.layers:
        program.model.add(sum(program.taken[within]) == model.pair.width)
