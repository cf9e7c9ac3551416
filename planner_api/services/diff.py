"""What changed from one plan to another: submodel, shards, bytes, times, score.

A change reads `before` -> `after`, the order in which the plans were given.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from plan_contracts import Part
from plan_contracts.units import Bitwidth, Bytes, Count, Microseconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plan_contracts import Plan, PlannedLayer, PlannedShard

DOCUMENTS = ("model_digest", "device_digest", "importance_digest")


class PlanTotals(Part):
    """The numbers of a whole plan; `objective` is in its importance table's unit."""

    depth: Count
    width: Count
    latency_us: Microseconds
    objective: float
    peak_memory_bytes: Bytes
    read_bytes: Bytes
    preload_bytes: Bytes


class ShardState(Part):
    """How a shard is part of a plan."""

    bits: Bitwidth
    bytes: Bytes
    preload: bool


class ShardChange(Part):
    """One shard that differs; null where the plan does not have it."""

    layer: Count
    slice: Count
    before: ShardState | None
    after: ShardState | None


class LayerTotals(Part):
    """The numbers of one layer; the times are when its reads and its compute end."""

    shards: Count
    read_bytes: Bytes
    preload_bytes: Bytes
    io_end_us: Microseconds
    compute_end_us: Microseconds


class LayerChange(Part):
    """One layer in both plans; null where the plan is not that deep."""

    layer: Count
    before: LayerTotals | None
    after: LayerTotals | None


class TargetChange(Part):
    """One field of the target that differs, as JSON values."""

    field: str
    before: int | float | str | None
    after: int | float | str | None


class PlanDifference(Part):
    """Two plans side by side.

    `other_documents` names the digests that differ: with another `importance_digest` the two
    objectives are not on one scale.
    """

    other_documents: tuple[str, ...]
    target: tuple[TargetChange, ...]
    before: PlanTotals
    after: PlanTotals
    layers: tuple[LayerChange, ...]
    shards: tuple[ShardChange, ...]


def diff(before: Plan, after: Plan) -> PlanDifference:
    """Everything in which two plans differ, shards by (layer, slice)."""
    return PlanDifference(
        other_documents=tuple(
            name for name in DOCUMENTS if getattr(before, name) != getattr(after, name)
        ),
        target=tuple(_target_changes(before, after)),
        before=_totals(before),
        after=_totals(after),
        layers=tuple(_layer_changes(before, after)),
        shards=tuple(_shard_changes(before, after)),
    )


def _target_changes(before: Plan, after: Plan) -> Iterator[TargetChange]:
    old, new = before.target.model_dump(), after.target.model_dump()
    for field in old:
        if old[field] != new[field]:
            yield TargetChange(field=field, before=old[field], after=new[field])


def _totals(plan: Plan) -> PlanTotals:
    return PlanTotals(
        depth=plan.depth,
        width=plan.width,
        latency_us=plan.predicted.latency_us,
        objective=plan.predicted.objective,
        peak_memory_bytes=plan.predicted.peak_memory_bytes,
        read_bytes=sum(read.bytes for read in plan.reads),
        preload_bytes=sum(read.bytes for read in plan.preload_reads),
    )


def _layer_changes(before: Plan, after: Plan) -> Iterator[LayerChange]:
    pairs = zip_longest(_layer_totals(before), _layer_totals(after))
    for layer, (old, new) in enumerate(pairs):
        yield LayerChange(layer=layer, before=old, after=new)


def _layer_totals(plan: Plan) -> Iterator[LayerTotals]:
    for layer, times in zip(plan.layers, plan.predicted.layers, strict=True):
        yield LayerTotals(
            shards=len(layer.shards),
            read_bytes=_bytes(layer, preload=False),
            preload_bytes=_bytes(layer, preload=True),
            io_end_us=times.io_end_us,
            compute_end_us=times.compute_end_us,
        )


def _bytes(layer: PlannedLayer, *, preload: bool) -> int:
    return sum(shard.bytes for shard in layer.shards if shard.preload == preload)


def _shard_changes(before: Plan, after: Plan) -> Iterator[ShardChange]:
    old, new = dict(_states(before)), dict(_states(after))
    for place in sorted(old.keys() | new.keys()):
        if old.get(place) != new.get(place):
            layer, index = place
            yield ShardChange(layer=layer, slice=index, before=old.get(place), after=new.get(place))


def _states(plan: Plan) -> Iterator[tuple[tuple[int, int], ShardState]]:
    for layer in plan.layers:
        for shard in layer.shards:
            yield (layer.layer, shard.slice), _state(shard)


def _state(shard: PlannedShard) -> ShardState:
    return ShardState(bits=shard.bits, bytes=shard.bytes, preload=shard.preload)
