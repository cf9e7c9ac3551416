"""A plan's measured runs beside its simulation: latency, its parts, its layers."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from shard_runtime.measure import trimmed_mean
from simulator import simulate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plan_contracts import DeviceProfile, ModelManifest, Plan, Span
    from shard_runtime.execution import Run

BYTES_PER_KIB = 1024
STALL_TOLERANCE = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """A time as simulated; the trimmed mean and interquartile range of those measured; in us."""

    simulated_us: int
    measured_us: int
    spread_us: int

    @property
    def late_us(self) -> int:
        """Measured minus simulated."""
        return self.measured_us - self.simulated_us

    @property
    def error(self) -> float:
        """Measured minus simulated, as a share of the simulated time."""
        return self.late_us / self.simulated_us

    @property
    def spread(self) -> float:
        """The interquartile range, as a share of the measured time."""
        return self.spread_us / self.measured_us


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What a latency is the sum of: waits for shards, decoding, layers, embeddings and head."""

    waits: Compared
    decoding: Compared
    layers: Compared
    fixed: Compared


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedLayer:
    """When a layer's compute ends, and how long it was waited for."""

    end: Compared
    stall: Compared


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedPlan:
    """One plan: what it is, and its latency, parts and layers, simulated and measured."""

    bandwidth_mb_s: int
    name: str
    read_ahead_layers: int | None
    latency: Compared
    parts: Parts
    layers: tuple[ComparedLayer, ...]

    @property
    def waits(self) -> bool:
        """Whether any layer is simulated to wait for its shards."""
        return self.parts.waits.simulated_us > 0

    def stall_order(self) -> tuple[int, int]:
        """Pairs of layers of which the right one stalls longer, and all pairs that differ.

        Layers differ if their simulated stalls do, by more than what repeated runs do and by
        more than STALL_TOLERANCE of the latency.
        """
        least_us = STALL_TOLERANCE * self.latency.simulated_us
        right = differ = 0
        for one, other in combinations([layer.stall for layer in self.layers], 2):
            simulated_us = one.simulated_us - other.simulated_us
            if abs(simulated_us) > max(least_us, one.spread_us, other.spread_us):
                differ += 1
                right += simulated_us * (one.measured_us - other.measured_us) > 0
        return right, differ


def compare(
    bandwidth_mb_s: int,
    plan: Plan,
    device: DeviceProfile,
    model: ModelManifest,
    runs: Sequence[Run],
) -> ComparedPlan:
    """A plan's runs beside its simulation."""
    report = simulate(plan, device, model)
    layers: list[ComparedLayer] = []
    for step in report.layers:
        stalls = [s.end_us - s.start_us for s in report.stalls if s.layer == step.layer]
        ends = [_end_us(run.spans, step.layer) for run in runs]
        waits = [_sum_us(_in_layer(run.spans, step.layer), "stall") for run in runs]
        layers.append(
            ComparedLayer(end=compared(step.end_us, ends), stall=compared(sum(stalls), waits))
        )
    decoding_us = sum(step.decoded_us - step.start_us for step in report.layers)
    layers_us = sum(step.end_us - step.decoded_us for step in report.layers)
    sliced = [[span for span in run.spans if span.slices] for run in runs]
    whole = [[span for span in run.spans if not span.slices] for run in runs]
    return ComparedPlan(
        bandwidth_mb_s=bandwidth_mb_s,
        name=name_of(plan),
        read_ahead_layers=plan.target.read_ahead_layers,
        latency=compared(report.latency_us, [run.latency_us for run in runs]),
        parts=Parts(
            waits=compared(report.stall_us, [_sum_us(run.spans, "stall") for run in runs]),
            decoding=compared(decoding_us, [_sum_us(spans, "decode") for spans in sliced]),
            layers=compared(layers_us, [_sum_us(spans, "compute") for spans in sliced]),
            fixed=compared(report.fixed_us, [_sum_us(spans, "compute") for spans in whole]),
        ),
        layers=tuple(layers),
    )


def compared(simulated_us: int, measured_us: Sequence[int]) -> Compared:
    """The trimmed mean and interquartile range of the measured times, beside the simulated one."""
    low, _, high = statistics.quantiles(measured_us, n=4, method="inclusive")
    return Compared(
        simulated_us=simulated_us,
        measured_us=round(trimmed_mean(measured_us)),
        spread_us=round(high - low),
    )


def name_of(plan: Plan) -> str:
    """What a plan is, in a few words: `6x12 2-6b +256K r1`.

    Depth x width, bitwidths, KiB preloaded, layers of read-ahead if limited.
    """
    bits = sorted({shard.bits for layer in plan.layers for shard in layer.shards})
    preloaded = sum(read.bytes for read in plan.preload_reads) // BYTES_PER_KIB
    ahead = plan.target.read_ahead_layers
    parts = [
        f"{plan.depth}x{plan.width}",
        f"{bits[0]}b" if len(bits) == 1 else f"{bits[0]}-{bits[-1]}b",
        f"+{preloaded}K" if preloaded else "",
        "" if ahead is None else f"r{ahead}",
    ]
    return " ".join(part for part in parts if part)


def _in_layer(spans: Iterable[Span], layer: int) -> list[Span]:
    return [span for span in spans if span.layer == layer]


def _sum_us(spans: Iterable[Span], kind: str) -> int:
    return sum(span.end_us - span.start_us for span in spans if span.kind == kind)


def _end_us(spans: Iterable[Span], layer: int) -> int:
    """When the layer's compute ends; embeddings and head are compute spans without slices."""
    return max(s.end_us for s in spans if s.kind == "compute" and s.layer == layer and s.slices)
