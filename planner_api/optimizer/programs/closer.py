"""The last of the gap of one pair: mixes of known choices, and the core of all states.

At the pair's best prices every state has a loss, the worth it forgoes against the best choice of
its layer. A plan that holds it scores at most the pair's bound less that loss; so a plan better
than the best known uses states of small loss only, the *core*. What a solver says of the whole core
is the word of a solver; of a part of it, and of mixes, it gives plans and proves nothing.

Streamed and preloaded, a shard of the same bitwidth is one option here: shards of a layer that are
alike are preloaded by number (options.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner_api.optimizer.bounding.multipliers import prices
from planner_api.optimizer.bounding.relaxation import Selection
from planner_api.optimizer.programs.cut_program import CutProgram
from planner_api.optimizer.programs.options import Groups, Options
from planner_api.optimizer.programs.program import Program

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner_api.optimizer.bounding.columns import Refined
    from planner_api.optimizer.bounding.multipliers import Multipliers
    from planner_api.optimizer.bounding.relaxation import PairModel
    from planner_api.optimizer.programs.cp_sat import Effort, Search
    from planner_api.optimizer.programs.program import Answer, Wanted


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
    for layer in range(model.depth):
        program.take(np.flatnonzero(layers == layer).tolist(), 1)
    answer = replace(program.solve(wanted, effort, "by_relaxation"), most_gain=None)
    if answer.taken is None:
        return Closed(selection=None, answer=answer)
    is_taken = answer.taken > 0
    chosen, layers = known[is_taken], layers[is_taken]
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
    """Shards worth a look, at a bitwidth each: (C,) by layer. `whole` if no others are.

    bits: indices. groups: which may be preloaded. known: the best plan, None if of another pair.
    """

    layers: NDArray[np.intp]
    slices: NDArray[np.intp]
    bits: NDArray[np.intp]
    groups: Groups
    whole: bool
    known: Selection | None


def core_of(
    model: PairModel, refined: Refined, known: Selection | None, *, least: float, most_states: int
) -> Core:
    """States that a plan of `least` gain may use, and of those the `most_states` of least loss.

    known: the best plan known if it is of this pair.
    """
    loss = losses(model, refined.multipliers)
    within = int((loss <= refined.bound - least).sum())
    kept = np.argsort(loss, axis=None, kind="stable")[: min(within, most_states)]
    useful = np.zeros(loss.shape, dtype=np.bool_)
    useful.flat[kept] = True
    streamed, preloaded = useful[: model.tables.streamed], useful[model.tables.streamed :]
    either = streamed | preloaded if model.tables.preloads else streamed
    layers, slices, bits = np.nonzero(either.transpose(1, 2, 0))
    place = (bits, layers, slices)
    may_preload = preloaded[place] if model.tables.preloads else np.zeros(len(bits), dtype=np.bool_)
    return Core(
        layers=layers,
        slices=slices,
        bits=bits,
        groups=_groups(model, place, may_preload, ~streamed[place]),
        whole=within <= most_states,
        known=known,
    )


Place = tuple["NDArray[np.intp]", "NDArray[np.intp]", "NDArray[np.intp]"]
"""Bits, layers, slices."""


def _groups(
    model: PairModel, place: Place, may_preload: NDArray[np.bool_], must: NDArray[np.bool_]
) -> Groups:
    """Options of a layer that take as long to read, and as many bytes."""
    _, layers, _ = place
    read_us, sizes = model.tables.read_us[place], model.tables.sizes[place]
    keys = np.column_stack((layers, read_us, sizes, must))[may_preload]
    alike, first, members = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    of = np.full(len(layers), -1)
    of[may_preload] = members.reshape(-1)
    one = np.flatnonzero(may_preload)[first]
    return Groups(
        of=of,
        layers=layers[one],
        read_us=read_us[one],
        size_bytes=sizes[one],
        whole=alike[:, -1] > 0,
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
    program = Program(model, _options(model, core), core.groups)
    _fill_layers(program, model, core)
    if core.known is not None:
        program.start_from(*_as_known(model, core, core.known))
    return _closed(model, core, program.solve(wanted, effort, search))


def cut_core(model: PairModel, core: Core, wanted: Wanted, effort: Effort) -> Closed:
    """A plan of the core that gains as much as is wanted, by SCIP."""
    program = CutProgram(model, _options(model, core), core.groups, unit=wanted.close_enough)
    _fill_layers(program, model, core)
    return _closed(model, core, program.solve(wanted.least, effort))


def _options(model: PairModel, core: Core) -> Options:
    picked = (core.bits, core.layers, core.slices)
    sizes = model.tables.sizes[picked]
    return Options(
        layers=core.layers,
        gain=_gains(model)[picked],
        read_us=model.tables.read_us[picked],
        decode_us=model.tables.decode_us[core.bits],
        streamed_bytes=sizes,
        preloaded_bytes=np.zeros_like(sizes),
    )


def _closed(model: PairModel, core: Core, answer: Answer) -> Closed:
    answer = answer if core.whole else replace(answer, most_gain=None)
    if answer.taken is None or answer.preloaded is None:
        return Closed(selection=None, answer=answer)
    states = core.bits + model.tables.streamed * _preloaded(core, answer.taken, answer.preloaded)
    is_taken, shape = answer.taken > 0, (model.depth, model.pair.width)
    selection = Selection(
        slices=core.slices[is_taken].reshape(shape), states=states[is_taken].reshape(shape)
    )
    return Closed(selection=selection, answer=answer)


def _gains(model: PairModel) -> NDArray[np.float64]:
    """(B, depth, M): streamed or preloaded, whichever is usable."""
    tables = model.tables
    gains = tables.gain[: tables.streamed]
    return np.maximum(gains, tables.gain[tables.streamed :]) if tables.preloads else gains


def _preloaded(
    core: Core, taken: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """(C,): of each group's options that are taken, the first so many."""
    preloaded = np.zeros(len(taken), dtype=np.bool_)
    for group, count in enumerate(counts.tolist()):
        members = np.flatnonzero((core.groups.of == group) & (taken > 0))
        preloaded[members[:count]] = True
    return preloaded


def _as_known(
    model: PairModel, core: Core, known: Selection
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What of the core a plan takes, and how many of each group it preloads."""
    streamed = model.tables.streamed
    same = known.slices[core.layers] == core.slices[:, None]
    same &= known.states[core.layers] % streamed == core.bits[:, None]
    preloaded = (same & (known.states[core.layers] >= streamed)).any(axis=1)
    of = core.groups.of[preloaded & (core.groups.of >= 0)]
    return same.any(axis=1).astype(np.int64), np.bincount(of, minlength=len(core.groups.layers))


def _fill_layers(program: Program | CutProgram, model: PairModel, core: Core) -> None:
    """Each slice at most once, pinned ones always, `width` slices a layer."""
    by_slice: dict[tuple[int, int], list[int]] = {}
    for option, shard in enumerate(zip(core.layers.tolist(), core.slices.tolist(), strict=True)):
        by_slice.setdefault(shard, []).append(option)
    for shard, options in by_slice.items():
        if model.tables.required[shard]:
            program.take(options, 1)
        elif len(options) > 1:
            program.take_at_most_one(options)
    for layer in range(model.depth):
        program.take(np.flatnonzero(core.layers == layer).tolist(), model.pair.width)
