"""Random planning problems with the spread and rank structure of a measured table.

All randomness comes from the seed. What is assumed, and from where:

- times: the layer times and shard read times of STI's table (Odroid-N2+, 12 slices, 32-bit
  layer read in 339.31 ms), stretched to other slice counts; storage speed between an eighth of
  that and 1.4 times it; decode free, as in STI, or as measured for look-up tables;
- gains: importance of a shard = importance of its layer x of its slice, both log-normal, spread
  so that the best shard is worth about ten times the median; a bitwidth brings the share of the
  2-bit quantisation error that it removes; under `any` the lowest bitwidth has a part of it;
- base and full: accuracy-like, in points, falling slowly with width and faster with depth, so
  that deep narrow and shallow wide submodels of one cost compete.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import (
    Compute,
    DeviceProfile,
    Geometry,
    ImportanceTable,
    ModelManifest,
    PlanOptions,
    Provenance,
    Storage,
    Target,
)
from planner_api.optimizer.problem import PlanInputs

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from plan_contracts.model import SliceSelection

BITS = (2, 3, 4, 5, 6, 32)
ERROR_REMOVED = (0.0, 0.72, 0.92, 0.975, 0.99, 1.0)
LOWEST_SHARE = 0.3
LAYER_IO_US_AT_32_BIT = 339_310
FIXED_LAYER_US = 11_000
FULL_LAYER_US = 95_000
SHARD_WEIGHTS_OF_12 = 589_824
DECODE_NS_PER_WEIGHT = (
    (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    (3.391, 3.391, 3.391, 3.391, 3.391, 0.0),
    (0.25, 0.60, 0.38, 1.44, 1.12, 0.10),
)
"""Free; STI's 2 ms for a twelfth of a BERT-base layer; as measured for numpy look-up tables."""
BANDWIDTH_BYTES_PER_S = 83_437_500
LAYER_BYTES_AT_32_BIT = 28_311_552
PRELOADED_LAYERS = (0, 1, 3)
TIME_LIMIT_MS = 2000
PROVENANCE = Provenance(
    kind="synthetic", source="benchmarks/instances.py", date=dt.date(2026, 11, 21)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """Layers x slices."""

    layers: int
    slices: int

    def __str__(self) -> str:
        return f"{self.layers}x{self.slices}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What all instances of a series share; bytes differ by up to `spread` of themselves."""

    size: Size
    spread: float = 0.0
    selection: SliceSelection = "any"
    read_ahead_layers: int | None = None
    max_relative_gap: float = 0.001


def generate(kind: Kind, seed: int) -> PlanInputs:
    """One request's documents."""
    size = kind.size
    random = np.random.default_rng([size.layers, size.slices, seed])
    model = _model(kind, random)
    device = _device(size, random)
    table = _importance(kind, random)
    return PlanInputs(
        device=device,
        model=model,
        importance=table.bound_to(model),
        target=Target(
            latency_us=round(_least_latency(model, device) * random.uniform(1.05, 3.0)),
            preload_bytes=int(random.choice(PRELOADED_LAYERS)) * _lowest_layer_bytes(model),
            read_ahead_layers=kind.read_ahead_layers,
        ),
        options=PlanOptions(
            max_relative_gap=kind.max_relative_gap, time_limit_ms=TIME_LIMIT_MS, seed=seed
        ),
    )


def _model(kind: Kind, random: Generator) -> ModelManifest:
    size = kind.size
    shard = LAYER_BYTES_AT_32_BIT / size.slices
    varied = 1 + kind.spread * random.uniform(-1, 1, (size.layers, size.slices))
    tables = {b: _rows(np.rint(shard * b / 32 * varied).astype(int)) for b in BITS}
    return ModelManifest(
        model=f"generated-{size}",
        layers=size.layers,
        slices=size.slices,
        geometry=_geometry(size),
        bitwidths=BITS,
        shard_bytes=tables,
        resident_bytes=12_000_000,
        decoded_shard_bytes=int(shard),
        slice_selection=kind.selection,
        depths=tuple(range(1, size.layers + 1)),
        widths=tuple(range(_least_width(size), size.slices + 1)),
    ).sealed()


def _rows(table: NDArray[np.generic]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in table.tolist())


def _geometry(size: Size) -> Geometry:
    return Geometry(hidden=64 * size.slices, heads=size.slices, ffn=256 * size.slices)


def _least_width(size: Size) -> int:
    """A quarter of the slices, as in STI's measured table."""
    return max(1, size.slices // 4)


def _device(size: Size, random: Generator) -> DeviceProfile:
    widths = range(_least_width(size), size.slices + 1)
    per_slice = (FULL_LAYER_US - FIXED_LAYER_US) / size.slices
    weights = SHARD_WEIGHTS_OF_12 * 12 // size.slices
    decode_us = {
        b: round(nanoseconds * weights / 1000)
        for b, nanoseconds in zip(BITS, DECODE_NS_PER_WEIGHT[random.integers(3)], strict=True)
    }
    compute = Compute(
        target="cpu",
        geometry=_geometry(size),
        sequence_length=128,
        layer_us={m: FIXED_LAYER_US + round(per_slice * m) for m in widths},
        shard_decode_us=decode_us,
    )
    speed = 2.0 ** random.uniform(-3, 0.5)
    return DeviceProfile(
        name="generated",
        provenance=PROVENANCE,
        memory_bytes=2**40,
        storage=Storage(
            bandwidth_bytes_per_s=round(BANDWIDTH_BYTES_PER_S * speed),
            request_overhead_us=int(random.choice((0, 100))),
        ),
        compute=(compute,),
    )


def _importance(kind: Kind, random: Generator) -> ImportanceTable:
    size = kind.size
    of_layer = random.lognormal(0.0, 0.5, (size.layers, 1))
    of_slice = random.lognormal(0.0, 0.8, (size.layers, size.slices))
    weight = of_layer * of_slice
    weight *= 5.0 / weight.sum()
    floor = 0.0 if kind.selection == "prefix" else LOWEST_SHARE
    gains = {
        b: _floats(weight * (floor + (1 - floor) * share))
        for b, share in zip(BITS, _shares(random), strict=True)
    }
    full = _full(size, random) + random.normal(0.0, 0.05, (size.layers, size.slices))
    lost = random.uniform(3.0, 6.0)
    base = full - lost + random.normal(0.0, 0.05, (size.layers, size.slices))
    return ImportanceTable(
        model=f"generated-{size}",
        task="generated",
        metric="accuracy-like",
        unit="points",
        base=_floats(base),
        full=_floats(full) if random.integers(2) else None,
        gain=gains,
        provenance=PROVENANCE,
    )


def _shares(random: Generator) -> list[float]:
    """Error removed by each bitwidth, the steps varied a little from table to table."""
    steps = np.diff(ERROR_REMOVED) * random.uniform(0.8, 1.2, len(BITS) - 1)
    return [0.0, *(steps.cumsum() / steps.sum()).tolist()]


def _full(size: Size, random: Generator) -> NDArray[np.float64]:
    """Points of every (n, m) at full precision, 89 for the whole model; 20 lost without any."""
    depth = np.arange(1, size.layers + 1)[:, None] / size.layers
    width = np.arange(1, size.slices + 1)[None, :] / size.slices
    kept = depth ** random.uniform(0.35, 0.65) * width ** random.uniform(0.25, 0.5)
    return 89.0 - 20.0 * (1 - kept) ** 1.5


def _floats(table: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in table.tolist())


def _lowest_layer_bytes(model: ModelManifest) -> int:
    return sum(model.shard_bytes[BITS[0]][0])


def _least_latency(model: ModelManifest, device: DeviceProfile) -> int:
    """Least latency of half the layers at half the width: smaller submodels are easy to plan."""
    compute = device.compute[0]
    depth, width = max(1, model.layers // 2), max(1, model.slices // 2)
    sizes = sorted(model.shard_bytes[BITS[0]][0])[:width]
    read = sum(map(device.storage.read_us, sizes))
    step = compute.layer_compute_us(width) + width * compute.decode_us(BITS[0])
    return read + max(depth * step, (depth - 1) * read + step)
