"""From documents to integers: everything a solver needs, checked once, in arrays.

Axes: layer l (0..N-1), slice h (0..M-1), bitwidth index b (0..B-1, ascending).
Times are int64 microseconds, sizes int64 bytes, scores float64 in the table's unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from plan_contracts import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from plan_contracts import (
        Compute,
        DeviceProfile,
        ImportanceTable,
        ModelManifest,
        PlanOptions,
        ShardRule,
        Target,
    )
    from plan_contracts.model import SliceSelection

LARGEST_SUM = 2**62


class Pair(NamedTuple):
    """A submodel: the first `depth` layers, `width` slices in each."""

    depth: int
    width: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanInputs:
    """The resolved documents of one request; `model` sealed, `importance` bound to it."""

    device: DeviceProfile
    model: ModelManifest
    importance: ImportanceTable
    target: Target
    options: PlanOptions

    @property
    def compute(self) -> Compute:
        """The device's compute entry for this model; ContractError if there is none."""
        return self.device.compute_for(
            self.target.compute_target, self.model.geometry, self.target.sequence_length
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One planning problem (PLANNING, "The planning problem, exactly").

    read_us, shard_bytes, gain: (N, M, B). decode_us: (B,). layer_us: (M+1,), by width, -1 where
    the device has no time. base, scale: (N, M), by depth-1 and width-1; a shard adds
    scale * gain. states: (N, M, B, 2) bool, which (streamed, preloaded) states options allow.
    required: (N, M) bool, slices that pins demand. reference: (M+1, N, M) bool, the slices base
    is measured on, by width. `latency_us` is what is left for the layers: target - fixed_us.
    `memory_bytes` is the smaller limit of target and device; `constant_bytes` + width *
    `decoded_shard_bytes` of it are spent whatever the shards.
    """

    inputs: PlanInputs
    bits: tuple[int, ...]
    selection: SliceSelection
    read_us: NDArray[np.int64]
    shard_bytes: NDArray[np.int64]
    decode_us: NDArray[np.int64]
    layer_us: NDArray[np.int64]
    gain: NDArray[np.float64]
    base: NDArray[np.float64]
    scale: NDArray[np.float64]
    states: NDArray[np.bool_]
    required: NDArray[np.bool_]
    reference: NDArray[np.bool_]
    pairs: tuple[Pair, ...]
    skipped_widths: tuple[int, ...]
    latency_us: int
    fixed_us: int
    preload_bytes: int
    memory_bytes: int
    constant_bytes: int
    decoded_shard_bytes: int
    read_ahead: int | None

    @property
    def layers(self) -> int:
        """N, the layers of the whole model."""
        return self.gain.shape[0]

    @property
    def slices(self) -> int:
        """M, the slices of each layer."""
        return self.gain.shape[1]

    def scaled_gain(self, pair: Pair) -> NDArray[np.float64]:
        """(depth, M, B): what each shard adds to the score of this pair."""
        return self.gain[: pair.depth] * self.scale[pair.depth - 1, pair.width - 1]

    def pair_base(self, pair: Pair) -> float:
        """The score of this pair before any gain."""
        return float(self.base[pair.depth - 1, pair.width - 1])

    def usable(self, pair: Pair) -> NDArray[np.bool_]:
        """(depth, M, B, 2): the states a plan of this pair may use; `prefix` cuts the slices."""
        states = self.states[: pair.depth].copy()
        if self.selection == "prefix":
            states[:, pair.width :] = False
        return states


def build_problem(inputs: PlanInputs) -> Problem:
    """The problem of one request; ContractError if the documents do not fit together."""
    model, compute, target = inputs.model, inputs.compute, inputs.target
    bits = _allowed_bits(inputs, compute)
    sizes = np.array([model.shard_bytes[b] for b in bits], dtype=np.int64).transpose(1, 2, 0)
    durations = {int(size): inputs.device.storage.read_us(int(size)) for size in np.unique(sizes)}
    read_us = np.vectorize(durations.__getitem__, otypes=[np.int64])(sizes)
    states = _allowed_states(inputs, bits)
    required = _required(inputs)
    widths = [m for m in model.widths if compute.covers_width(m)]
    pairs = tuple(_allowed_pairs(inputs, widths, states, required))
    reference = _reference(inputs)
    limits = (inputs.device.memory_bytes, target.memory_bytes)
    problem = Problem(
        inputs=inputs,
        bits=bits,
        selection=model.slice_selection,
        read_us=read_us,
        shard_bytes=sizes,
        decode_us=np.array([compute.decode_us(b) for b in bits], dtype=np.int64),
        layer_us=_layer_times(model.slices, compute),
        gain=np.array([inputs.importance.gain[b] for b in bits]).transpose(1, 2, 0),
        base=np.array(inputs.importance.base),
        scale=_scales(inputs, reference),
        states=states,
        required=required,
        reference=reference,
        pairs=pairs,
        skipped_widths=tuple(m for m in model.widths if m not in widths),
        latency_us=target.latency_us - compute.fixed_us,
        fixed_us=compute.fixed_us,
        preload_bytes=target.preload_bytes,
        memory_bytes=min(limit for limit in limits if limit is not None),
        constant_bytes=model.resident_bytes + compute.activation_bytes,
        decoded_shard_bytes=model.decoded_shard_bytes,
        read_ahead=target.read_ahead_layers,
    )
    _refuse_overflow(problem)
    return problem


def _allowed_bits(inputs: PlanInputs, compute: Compute) -> tuple[int, ...]:
    asked = inputs.options.bitwidths
    for bits in asked or ():
        if bits not in inputs.model.bitwidths:
            message = (
                f"options.bitwidths must be among the model's {list(inputs.model.bitwidths)}, "
                f"got {bits}"
            )
            raise ContractError(message)
    allowed = tuple(b for b in asked or inputs.model.bitwidths if b in compute.shard_decode_us)
    if not allowed:
        message = (
            f"none of the bitwidths {list(asked or inputs.model.bitwidths)} has a decode time on "
            f"the device, which has {sorted(compute.shard_decode_us)}"
        )
        raise ContractError(message)
    return allowed


def _layer_times(slices: int, compute: Compute) -> NDArray[np.int64]:
    widths = range(slices + 1)
    times = [compute.layer_compute_us(m) if compute.covers_width(m) else -1 for m in widths]
    return np.array(times, dtype=np.int64)


def _reference(inputs: PlanInputs) -> NDArray[np.bool_]:
    """(M+1, N, M): `ImportanceTable.reference_slices` of every width and layer."""
    layers, slices = inputs.model.layers, inputs.model.slices
    ranks = np.broadcast_to(np.arange(slices), (layers, slices)).copy()
    if inputs.model.slice_selection == "any":
        table = inputs.importance
        order = np.argsort(-np.array(table.gain[table.highest_bits]), axis=1, kind="stable")
        np.put_along_axis(ranks, order, ranks.copy(), axis=1)
    return ranks < np.arange(slices + 1)[:, None, None]


def _scales(inputs: PlanInputs, reference: NDArray[np.bool_]) -> NDArray[np.float64]:
    """scale(n, m) of CONTRACTS: always from the table's own highest bitwidth."""
    table = inputs.importance
    base = np.array(table.base)
    if table.full is None:
        return np.ones_like(base)
    highest = np.array(table.gain[table.highest_bits])
    in_reference = (reference[1:] * highest).sum(axis=2)
    possible = in_reference.cumsum(axis=1).T
    difference = np.array(table.full) - base
    usable = (difference > 0) & (possible > 0)
    return np.where(usable, difference / np.where(usable, possible, 1.0), 0.0)


def _check_rules(inputs: PlanInputs, name: str, rules: Iterable[ShardRule]) -> None:
    model = inputs.model
    for index, rule in enumerate(rules):
        if rule.layer >= model.layers or rule.slice >= model.slices:
            message = (
                f"options.{name}.{index} must lie within layers 0..{model.layers - 1} and slices "
                f"0..{model.slices - 1}, got layer {rule.layer}, slice {rule.slice}"
            )
            raise ContractError(message)
        if rule.bits is not None and rule.bits not in model.bitwidths:
            message = (
                f"options.{name}.{index}.bits must be one of {list(model.bitwidths)}, "
                f"got {rule.bits}"
            )
            raise ContractError(message)


def _matching(rule: ShardRule, bits: tuple[int, ...]) -> NDArray[np.bool_]:
    """(B, 2): the states of a shard that a rule speaks of."""
    of_bits = np.array([rule.bits is None or rule.bits == b for b in bits])
    of_preload = np.array([rule.preload is None or rule.preload == p for p in (False, True)])
    return of_bits[:, None] & of_preload[None, :]


def _allowed_states(inputs: PlanInputs, bits: tuple[int, ...]) -> NDArray[np.bool_]:
    options = inputs.options
    _check_rules(inputs, "pins", options.pins)
    _check_rules(inputs, "forbids", options.forbids)
    states = np.ones((inputs.model.layers, inputs.model.slices, len(bits), 2), dtype=np.bool_)
    for rule in options.forbids:
        states[rule.layer, rule.slice] &= ~_matching(rule, bits)
    for rule in options.pins:
        states[rule.layer, rule.slice] &= _matching(rule, bits)
        if not states[rule.layer, rule.slice].any():
            message = (
                f"pins, forbids and allowed bitwidths leave no way to keep the pinned layer "
                f"{rule.layer}, slice {rule.slice}"
            )
            raise ContractError(message)
    return states


def _required(inputs: PlanInputs) -> NDArray[np.bool_]:
    required = np.zeros((inputs.model.layers, inputs.model.slices), dtype=np.bool_)
    for pin in inputs.options.pins:
        required[pin.layer, pin.slice] = True
    return required


def _allowed_pairs(
    inputs: PlanInputs,
    widths: list[int],
    states: NDArray[np.bool_],
    required: NDArray[np.bool_],
) -> list[Pair]:
    model = inputs.model
    if not widths:
        message = (
            f"no width of the model {list(model.widths)} lies within the measured "
            f"{min(inputs.compute.layer_us)}..{max(inputs.compute.layer_us)} of layer_us"
        )
        raise ContractError(message)
    holds = _holding(states, required, model.slice_selection)
    pairs = [Pair(n, m) for n in model.depths for m in widths if holds[n - 1, m - 1]]
    if not pairs:
        message = "no pair of depth and width can honour the pins and forbids of options"
        raise ContractError(message)
    return pairs


def _holding(
    states: NDArray[np.bool_], required: NDArray[np.bool_], selection: SliceSelection
) -> NDArray[np.bool_]:
    """(N, M), by depth-1 and width-1: which pairs leave room for pins and enough to choose from."""
    available: NDArray[np.bool_] = np.any(states, axis=(2, 3))
    depths, widths = (np.arange(1, 1 + count, dtype=np.int64) for count in available.shape)
    pinned_layers, pinned_slices = (pinned.tolist() for pinned in np.nonzero(required))
    deep_enough: NDArray[np.bool_] = depths > max(pinned_layers, default=-1)
    if selection == "prefix":
        wide_enough: NDArray[np.bool_] = widths > max(pinned_slices, default=-1)
        above: NDArray[np.bool_] = np.logical_and.accumulate(available, axis=0)
        enough: NDArray[np.bool_] = np.logical_and.accumulate(above, axis=1)
    else:
        wide_enough = widths >= required.sum(axis=1).max()
        fewest = np.minimum.accumulate(available.sum(axis=1))
        enough = fewest[:, None] >= widths
    return deep_enough[:, None] & wide_enough & enough


def _refuse_overflow(problem: Problem) -> None:
    total = (
        int(problem.read_us.max(axis=2).astype(object).sum())
        + int(problem.decode_us.max()) * problem.layers * problem.slices
        + int(problem.layer_us.max()) * problem.layers
    )
    size = (
        int(problem.shard_bytes.max(axis=2).astype(object).sum())
        + problem.constant_bytes
        + problem.decoded_shard_bytes * problem.slices
    )
    if max(total, size) > LARGEST_SUM:
        message = f"sums of times and sizes must stay below 2^62, got {max(total, size)}"
        raise ContractError(message)
