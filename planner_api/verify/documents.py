"""The documents that a response answers, and the numbers that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import ContractError

if TYPE_CHECKING:
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Documents:
    """What one request stands for; `model` sealed, `importance` bound to it."""

    device: DeviceProfile
    model: ModelManifest
    importance: ImportanceTable
    target: Target
    options: PlanOptions

    @property
    def compute(self) -> Compute:
        """The device's entry for this model; ContractError if there is none."""
        return self.device.compute_for(
            self.target.compute_target, self.model.geometry, self.target.sequence_length
        )

    @property
    def memory_bytes(self) -> int:
        """The smaller limit of target and device."""
        limits = (self.device.memory_bytes, self.target.memory_bytes)
        return min(limit for limit in limits if limit is not None)

    def spent_bytes(self, width: int) -> int:
        """Memory that is spent whatever the shards."""
        model = self.model
        return (
            model.resident_bytes + self.compute.activation_bytes + width * model.decoded_shard_bytes
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Numbers:
    """A request in arrays, and the states its options leave.

    Axes: layer (N), slice (M), state (K): each usable bitwidth streamed, then each preloaded.
    gain, read_us, size_bytes, allowed, usable: (N, M, K); decode_us, preloaded: (K,).
    allowed: by pins and forbids; usable: those, and no preload without a buffer. pinned: (N, M).
    layer_us: (M,), base, scale: (N, M), by depth - 1 and width - 1. latency_us: what the target
    leaves for the layers.
    """

    documents: Documents
    bits: tuple[int, ...]
    gain: NDArray[np.float64]
    read_us: NDArray[np.int64]
    size_bytes: NDArray[np.int64]
    decode_us: NDArray[np.int64]
    preloaded: NDArray[np.bool_]
    allowed: NDArray[np.bool_]
    usable: NDArray[np.bool_]
    pinned: NDArray[np.bool_]
    layer_us: NDArray[np.int64]
    base: NDArray[np.float64]
    scale: NDArray[np.float64]
    latency_us: int
    pairs: frozenset[tuple[int, int]]

    @property
    def is_prefix(self) -> bool:
        """Whether width m means slices 0..m-1."""
        return self.documents.model.slice_selection == "prefix"


def numbers_of(documents: Documents) -> Numbers:
    """The arrays of a request; ContractError if it asks for what does not exist."""
    model, compute, target = documents.model, documents.compute, documents.target
    bits = _usable_bits(documents)
    sizes = np.array([model.shard_bytes[b] for b in bits * 2], dtype=np.int64)
    sizes = np.moveaxis(sizes, 0, 2)
    preloaded = np.repeat((False, True), len(bits))
    read_us = np.vectorize(documents.device.storage.read_us, otypes=[np.int64])
    allowed, pinned = _ruled(documents, bits, preloaded)
    covered = [compute.covers_width(m) for m in range(1, model.slices + 1)]
    gains = [documents.importance.gain[b] for b in bits * 2]
    available: NDArray[np.bool_] = np.any(allowed, axis=(2,))
    pairs = frozenset(
        (n, m)
        for n, m in product(model.depths, model.widths)
        if covered[m - 1] and _can_hold(documents, n, m, available, pinned)
    )
    if not pairs:
        message = "the options must leave at least one pair of depth and width, got none"
        raise ContractError(message)
    return Numbers(
        documents=documents,
        bits=bits,
        gain=np.moveaxis(np.array(gains, dtype=np.float64), 0, 2),
        read_us=np.where(preloaded, 0, read_us(sizes)),
        size_bytes=sizes,
        decode_us=np.array([compute.decode_us(b) for b in bits * 2], dtype=np.int64),
        preloaded=preloaded,
        allowed=allowed,
        usable=allowed & (~preloaded | (target.preload_bytes > 0)),
        pinned=pinned,
        layer_us=np.array(
            [compute.layer_compute_us(m) if ok else -1 for m, ok in enumerate(covered, 1)]
        ),
        base=np.array(documents.importance.base, dtype=np.float64),
        scale=_scale(documents),
        latency_us=target.latency_us - compute.fixed_us,
        pairs=pairs,
    )


def _usable_bits(documents: Documents) -> tuple[int, ...]:
    """Bitwidths that the options ask for and the device can decode."""
    model, asked = documents.model, documents.options.bitwidths
    unknown = set(asked or ()) - set(model.bitwidths)
    bits = tuple(b for b in asked or model.bitwidths if b in documents.compute.shard_decode_us)
    if unknown or not bits:
        message = (
            f"options.bitwidths must be among the model's {list(model.bitwidths)}, and one of them "
            f"among the device's {sorted(documents.compute.shard_decode_us)}, got {asked}"
        )
        raise ContractError(message)
    return bits


def _ruled(
    documents: Documents, bits: tuple[int, ...], preloaded: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(N, M, K) states that pins and forbids leave, (N, M) slices that are pinned."""
    model, options = documents.model, documents.options
    allowed = np.ones((model.layers, model.slices, len(preloaded)), dtype=np.bool_)
    pinned = np.zeros((model.layers, model.slices), dtype=np.bool_)

    def speaks_of(rule: ShardRule) -> NDArray[np.bool_]:
        if rule.layer >= model.layers or rule.slice >= model.slices:
            message = (
                f"pins and forbids must lie within layers 0..{model.layers - 1} and slices "
                f"0..{model.slices - 1}, got layer {rule.layer}, slice {rule.slice}"
            )
            raise ContractError(message)
        of_bits = np.array([rule.bits in {None, b} for b in bits * 2])
        return of_bits & np.array([rule.preload in {None, bool(p)} for p in preloaded])

    for rule in options.forbids:
        allowed[rule.layer, rule.slice] &= ~speaks_of(rule)
    for rule in options.pins:
        allowed[rule.layer, rule.slice] &= speaks_of(rule)
        pinned[rule.layer, rule.slice] = True
    if not allowed[pinned].any(axis=1).all():
        message = "pins, forbids and allowed bitwidths must leave each pinned slice a state"
        raise ContractError(message)
    return allowed, pinned


def _scale(documents: Documents) -> NDArray[np.float64]:
    """(N, M): what gains count for in each pair (CONTRACTS, ImportanceTable)."""
    table = documents.importance
    base = np.array(table.base, dtype=np.float64)
    if table.full is None:
        return np.ones_like(base)
    highest = np.array(table.gain[table.highest_bits], dtype=np.float64)
    if documents.model.slice_selection == "any":
        highest = -np.sort(-highest, axis=1)
    possible = highest.cumsum(axis=0).cumsum(axis=1)
    risen = np.array(table.full) - base
    counts = (risen > 0) & (possible > 0)
    return np.divide(risen, possible, out=np.zeros_like(base), where=counts)


def _can_hold(
    documents: Documents,
    depth: int,
    width: int,
    available: NDArray[np.bool_],
    pinned: NDArray[np.bool_],
) -> bool:
    """Whether a pair has room for the pins, and each of its layers enough slices."""
    if pinned[depth:].any():
        return False
    if documents.model.slice_selection == "prefix":
        return bool(available[:depth, :width].all() and not pinned[:, width:].any())
    enough = available[:depth].sum(axis=1).min() >= width
    return bool(enough and pinned.sum(axis=1).max() <= width)
