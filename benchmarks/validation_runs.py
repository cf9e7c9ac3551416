"""Measures a device profile, makes plans for it, and runs them beside their simulation.

`validate_at` runs in a process of its own that starts with one BLAS thread, as `shard-runtime`
does: the reads have their own thread, and one compute thread is what a profile measures.
"""

from __future__ import annotations

import datetime as dt
import math
import statistics
import sys
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from benchmarks.validation_cases import SEQUENCE_LENGTH, plans_of
from shard_runtime.engine import load_engine
from shard_runtime.execution import Machine
from shard_runtime.executor import PlanRunner
from shard_runtime.measure import MeasureOptions, measure
from shard_runtime.reader import PacedReader, open_reader
from shard_runtime.store import ShardStore
from shard_runtime.tokens import pad_tokens
from simulator import simulate
from simulator.calibration import moved_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from plan_contracts import DeviceProfile, ModelManifest, Plan, Span
    from shard_runtime.execution import Run

BYTES_PER_KIB = 1024
BYTES_PER_MB = 1_000_000
REQUEST_OVERHEAD_US = 100
TOKEN = 101
STALL_TOLERANCE = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """A time as simulated, and the median and interquartile range of the measured ones, in us."""

    simulated_us: int
    measured_us: int
    spread_us: int

    @property
    def error(self) -> float:
        """Measured minus simulated, as a share of the simulated time."""
        return (self.measured_us - self.simulated_us) / self.simulated_us

    @property
    def spread(self) -> float:
        """The interquartile range, as a share of the median."""
        return self.spread_us / self.measured_us


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedLayer:
    """When a layer's compute ends, and how long it was waited for."""

    end: Compared
    stall: Compared


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedPlan:
    """One plan: what it is, and its latency and parts simulated and measured.

    `work`: what the compute thread does: decoding, layers, embeddings and head.
    """

    bandwidth_mb_s: int
    name: str
    latency: Compared
    work: Compared
    layers: tuple[ComparedLayer, ...]

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


def validate_at(store_folder: Path, bandwidth_mb_s: int, rounds: int) -> tuple[ComparedPlan, ...]:
    """Profile, plan, run, and compare; prints what it is doing.

    In each round the profile is measured and then every plan runs once; what is compared in the
    end are the medians of both. So whatever slows the machine for a while meets both alike.
    """
    store = ShardStore.open(store_folder)
    reader, _ = open_reader(store.shard_files()[0], direct=True)
    paced = PacedReader(reader, bandwidth_mb_s * BYTES_PER_MB, REQUEST_OVERHEAD_US)
    machine = Machine(store=store, engine=load_engine("auto", store), reader=paced)
    tokens = pad_tokens([TOKEN] * SEQUENCE_LENGTH, SEQUENCE_LENGTH)
    _say(f"{bandwidth_mb_s} MB/s: a first profile, and plans for it")
    options = _measure_options(bandwidth_mb_s)
    first = measure(machine, options)
    runners = [PlanRunner(p, machine, device=first) for p in plans_of(first, store.manifest)]
    profiles: list[DeviceProfile] = []
    runs: list[list[Run]] = [[] for _ in runners]
    for number in range(1, rounds + 1):
        _say(f"{bandwidth_mb_s} MB/s: round {number} of {rounds}")
        profiles.append(measure(machine, options))
        for runner, of_plan in zip(runners, runs, strict=True):
            of_plan.append(runner.run(tokens))
    paced.close()
    device = median_profile(profiles)
    return tuple(
        compare(bandwidth_mb_s, moved_to(runner.plan, device), device, store.manifest, of_plan)
        for runner, of_plan in zip(runners, runs, strict=True)
    )


def median_profile(profiles: Sequence[DeviceProfile]) -> DeviceProfile:
    """The first profile with the median of every number that all measured, rounded up."""
    computes = [profile.compute[0] for profile in profiles]
    compute = computes[0].model_copy(
        update={
            "layer_us": _median_table([entry.layer_us for entry in computes]),
            "shard_decode_us": _median_table([entry.shard_decode_us for entry in computes]),
            "fixed_us": math.ceil(statistics.median(entry.fixed_us for entry in computes)),
        }
    )
    storages = [profile.storage for profile in profiles]
    storage = storages[0].model_copy(
        update={
            name: math.ceil(statistics.median(getattr(storage, name) for storage in storages))
            for name in ("bandwidth_bytes_per_s", "request_overhead_us")
        }
    )
    return profiles[0].model_copy(update={"storage": storage, "compute": (compute,)})


def _median_table(tables: Sequence[dict[int, int]]) -> dict[int, int]:
    return {key: math.ceil(statistics.median(t[key] for t in tables)) for key in tables[0]}


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
        waits = [_sum_us(run.spans, "stall", step.layer) for run in runs]
        layers.append(
            ComparedLayer(end=compared(step.end_us, ends), stall=compared(sum(stalls), waits))
        )
    work = [_sum_us(run.spans, "decode") + _sum_us(run.spans, "compute") for run in runs]
    return ComparedPlan(
        bandwidth_mb_s=bandwidth_mb_s,
        name=name_of(plan),
        latency=compared(report.latency_us, [run.latency_us for run in runs]),
        work=compared(report.compute_busy_us, work),
        layers=tuple(layers),
    )


def compared(simulated_us: int, measured_us: Sequence[int]) -> Compared:
    """The median and interquartile range of the measured times, beside the simulated one."""
    low, middle, high = statistics.quantiles(measured_us, n=4, method="inclusive")
    return Compared(
        simulated_us=simulated_us, measured_us=round(middle), spread_us=round(high - low)
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


def _measure_options(bandwidth_mb_s: int) -> MeasureOptions:
    return MeasureOptions(
        sequence_lengths=(SEQUENCE_LENGTH,),
        name="this-machine",
        description=f"paced at {bandwidth_mb_s} MB/s + {REQUEST_OVERHEAD_US} us a read",
        source="python -m benchmarks validate",
        date=dt.datetime.now(dt.UTC).date(),
        rounds=1,
    )


def _sum_us(spans: Iterable[Span], kind: str, layer: int | None = None) -> int:
    return sum(
        span.end_us - span.start_us
        for span in spans
        if span.kind == kind and layer in {None, span.layer}
    )


def _end_us(spans: Iterable[Span], layer: int) -> int:
    """When the layer's compute ends; embeddings and head are compute spans without slices."""
    return max(s.end_us for s in spans if s.kind == "compute" and s.layer == layer and s.slices)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress of a long command
