"""What the trace of a measured run says about single steps, beside what a profile says of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from plan_contracts import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plan_contracts import Compute, DeviceProfile, Geometry, Plan, RunTrace, Span, Storage

Part = Literal["reads", "decode", "layers", "fixed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredRun:
    """One run on a device: by what name to speak of it, its plan, its model, its trace."""

    name: str
    plan: Plan
    geometry: Geometry
    trace: RunTrace


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """The steps of one run in microseconds: measured, and in all as the profile says.

    `entry`: index of the profile's compute entry. reads: (bytes, us) in order; read_busy_us: how
    long any read was under way; decode: us by bitwidth; layers: us by width; fixed: their sum,
    None if the trace has none. `factors`: how many times longer than the profile says each part
    took, of the parts it says more than 0 of.
    """

    run: str
    entry: int
    reads: tuple[tuple[int, int], ...]
    read_busy_us: int
    decode: dict[int, list[float]]
    layers: dict[int, list[int]]
    fixed: int | None
    factors: dict[Part, float]


def steps_of(profile: DeviceProfile, run: MeasuredRun) -> Steps:
    """The steps of a run; ContractError if it is simulated or fits no compute entry.

    Spans that neither plan nor profile knows, and reads of nothing or in no time, do not count.
    """
    if run.trace.source != "measured":
        message = f"run {run.name} must be measured to calibrate by, got {run.trace.source}"
        raise ContractError(message)
    target = run.plan.target
    compute = profile.compute_for(target.compute_target, run.geometry, target.sequence_length)
    spans = run.trace.spans
    computed = [span for span in spans if span.kind == "compute"]
    layers: dict[int, list[int]] = defaultdict(list)
    for span in computed:
        if span.slices and compute.covers_width(len(span.slices)):
            layers[len(span.slices)].append(_us(span))
    whole = [_us(span) for span in computed if not span.slices]
    steps = Steps(
        run=run.name,
        entry=profile.compute.index(compute),
        reads=tuple((s.bytes, _us(s)) for s in spans if s.kind == "read" and s.bytes and _us(s)),
        read_busy_us=_busy_us(span for span in spans if span.kind == "read"),
        decode=_decode(run, compute),
        layers=dict(layers),
        fixed=sum(whole) if whole else None,
        factors={},
    )
    return replace(steps, factors=dict(_factors(steps, profile.storage, compute)))


def _factors(steps: Steps, storage: Storage, compute: Compute) -> Iterator[tuple[Part, float]]:
    """Measured sum over expected sum, of the parts that have both."""
    if storage.queue_depth == 1:
        read_us, expected_us = sum(us for _, us in steps.reads), storage.read_us
    else:
        read_us, expected_us = steps.read_busy_us, storage.transfer_us
    sums: dict[Part, tuple[float, float]] = {
        "reads": (read_us, sum(expected_us(size) for size, _ in steps.reads)),
        "decode": (
            sum(map(sum, steps.decode.values())),
            sum(compute.decode_us(bits) * len(us) for bits, us in steps.decode.items()),
        ),
        "layers": (
            sum(map(sum, steps.layers.values())),
            sum(compute.layer_compute_us(width) * len(us) for width, us in steps.layers.items()),
        ),
        "fixed": (steps.fixed or 0, compute.fixed_us),
    }
    for part, (measured, expected) in sums.items():
        if measured and expected:
            yield part, measured / expected


def _busy_us(spans: Iterable[Span]) -> int:
    """Microseconds during which at least one of the spans lasted."""
    busy = until = 0
    for start, end in sorted((span.start_us, span.end_us) for span in spans):
        busy += max(0, end - max(start, until))
        until = max(until, end)
    return busy


def _decode(run: MeasuredRun, compute: Compute) -> dict[int, list[float]]:
    """Microseconds a shard by bitwidth; of spans of several shards the share of each, if alike."""
    bits_of = {
        (layer.layer, shard.slice): shard.bits
        for layer in run.plan.layers
        for shard in layer.shards
    }
    decode: dict[int, list[float]] = defaultdict(list)
    for span in run.trace.spans:
        bits = {bits_of.get((span.layer, index)) for index in span.slices}
        if span.kind == "decode" and len(bits) == 1:
            only = bits.pop()
            if only in compute.shard_decode_us:
                decode[only] += [_us(span) / len(span.slices)] * len(span.slices)
    return dict(decode)


def _us(span: Span) -> int:
    return span.end_us - span.start_us
