"""Planning problems to measure the optimiser on: one measured, and any number like it.

`shardstream demo` measured the example model on the machine of development: manifest and importance
table are part of the product (planner_api/example_models), the device profile lies in `data/`.
Problems of other sizes are generated
with the structure of those; all randomness comes from the seed:

- gains: layer x slice, log-normal with the measured spread, later layers worth more; each
  bitwidth brings the measured share of the highest one's, varied by a tenth a step;
- base and full: the measured tables, interpolated at the relative depth and width, these raised
  to random powers: the measured model was never fine-tuned, and fine-tuning for elastic use makes
  both count for far less, so that deep narrow and shallow wide submodels compete;
- bytes: the measured mean of each bitwidth, and up to `spread` of it more or less, shard by shard;
- times: of the measured machine, or of STI's table (Odroid-N2+), stretched to the slices;
  storage between a third of the measured speed and twice it; decode left out in a third of all;
- targets: latency 1.05 to 3 times the least one of half the layers at half the width, preload for
  the lowest bitwidth of 0, 1 or 3 layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import planner_api
from plan_contracts import (
    Compute,
    DeviceProfile,
    Geometry,
    ImportanceTable,
    ModelManifest,
    PlanOptions,
    Storage,
    Target,
)
from planner_api.optimizer.problem import PlanInputs

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from plan_contracts.model import SliceSelection

DATA = Path(__file__).parent / "data"
MODEL = Path(planner_api.__file__).parent / "example_models" / "all-MiniLM-L6-v2"
STI_LAYER_MS = {3: 35, 4: 44, 5: 52, 6: 58, 7: 65, 8: 70, 9: 75, 10: 83, 11: 87, 12: 95}
"""Milliseconds of a layer of width m of 12, without decode (STI, measured table)."""
STI_DECODE_MS = 2
STI_BYTES_PER_S = 83_437_500
STI_LAYER_BYTES = 28_311_552
PRELOADED_LAYERS = (0, 1, 3)
TIME_LIMIT_MS = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """Layers x slices."""

    layers: int
    slices: int

    def __str__(self) -> str:
        return f"{self.layers}x{self.slices}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What all problems of a series share; bytes differ by up to `spread` of themselves.

    measured: the example model itself, which has its own size and bytes.
    """

    size: Size
    spread: float = 0.0
    measured: bool = False
    selection: SliceSelection = "any"
    read_ahead_layers: int | None = None
    max_relative_gap: float = 0.001

    def __str__(self) -> str:
        if self.measured:
            return f"{self.size} measured"
        return (
            f"{self.size} bytes ±{self.spread:.0%}" if self.spread else f"{self.size} equal bytes"
        )


MEASURED = Kind(size=Size(layers=6, slices=12), measured=True)


def generate(kind: Kind, seed: int) -> PlanInputs:
    """One request's documents."""
    size = kind.size
    random = np.random.default_rng([size.layers, size.slices, seed])
    model = _manifest() if kind.measured else _model(kind, random)
    table = _table() if kind.measured else _importance(kind, random)
    device = _device(model, random)
    least = least_latency(model, device)
    return PlanInputs(
        device=device,
        model=model,
        importance=table.bound_to(model),
        target=Target(
            latency_us=round(least * random.uniform(1.05, 3.0)),
            preload_bytes=int(random.choice(PRELOADED_LAYERS)) * lowest_layer_bytes(model),
            read_ahead_layers=kind.read_ahead_layers,
        ),
        options=PlanOptions(
            max_relative_gap=kind.max_relative_gap, time_limit_ms=TIME_LIMIT_MS, seed=seed
        ),
    )


@cache
def _manifest() -> ModelManifest:
    return ModelManifest.from_file(MODEL / "manifest.json").sealed()


@cache
def _table() -> ImportanceTable:
    return ImportanceTable.from_file(MODEL / "importance.json")


@cache
def _machine() -> DeviceProfile:
    return DeviceProfile.from_file(DATA / "device.json")


def _model(kind: Kind, random: Generator) -> ModelManifest:
    size, like = kind.size, _manifest()
    varied = 1 + kind.spread * random.uniform(-1, 1, (size.layers, size.slices))
    part = like.slices / size.slices
    means = {b: part * float(np.mean(like.shard_bytes[b])) for b in like.bitwidths}
    tables = {b: _integers(np.rint(mean * varied).astype(int)) for b, mean in means.items()}
    return ModelManifest(
        model=f"generated-{size}",
        layers=size.layers,
        slices=size.slices,
        geometry=Geometry(hidden=64 * size.slices, heads=size.slices, ffn=256 * size.slices),
        bitwidths=like.bitwidths,
        shard_bytes=tables,
        resident_bytes=like.resident_bytes,
        decoded_shard_bytes=round(part * like.decoded_shard_bytes),
        slice_selection=kind.selection,
        depths=tuple(range(1, size.layers + 1)),
        widths=tuple(range(1, size.slices + 1)),
    ).sealed()


def _device(model: ModelManifest, random: Generator) -> DeviceProfile:
    """The measured machine or STI's, the latter scaled to shards of the model's size."""
    machine = _machine()
    entry = machine.compute[0]
    layer_us, decode_us = dict(entry.layer_us), dict(entry.shard_decode_us)
    part = 12 / model.slices
    if random.integers(2):
        shrink = 12 * float(np.mean(_manifest().shard_bytes[32])) / STI_LAYER_BYTES
        shrink *= STI_BYTES_PER_S / (machine.storage.bandwidth_bytes_per_s or STI_BYTES_PER_S)
        layer_us = {m: round(1000 * ms * shrink) for m, ms in STI_LAYER_MS.items()}
        decode_us = {b: round(1000 * STI_DECODE_MS * shrink) for b in decode_us} | {32: 0}
    if random.integers(3) == 0:
        decode_us = dict.fromkeys(decode_us, 0)
    speed = 2.0 ** random.uniform(-1.6, 1.0)
    bandwidth = round((machine.storage.bandwidth_bytes_per_s or STI_BYTES_PER_S) * speed)
    compute = Compute(
        target="cpu",
        geometry=model.geometry,
        sequence_length=128,
        layer_us=_stretched(layer_us, model.slices),
        shard_decode_us={b: round(us * part) for b, us in decode_us.items()},
    )
    return DeviceProfile(
        name="generated",
        provenance=machine.provenance.model_copy(update={"kind": "synthetic"}),
        memory_bytes=2**40,
        storage=Storage(
            bandwidth_bytes_per_s=bandwidth, request_overhead_us=int(random.choice((0, 100)))
        ),
        compute=(compute,),
    )


def _stretched(layer_us: dict[int, int], slices: int) -> dict[int, int]:
    """Layer times of 12 slices as of others; below the narrowest, the line through 0."""
    widths = np.array([0, *sorted(layer_us)]) * slices / 12
    times = np.array([0, *(layer_us[m] for m in sorted(layer_us))])
    every = np.arange(1, slices + 1)
    us = np.maximum.accumulate(np.interp(every, widths, times))
    return dict(zip(every.tolist(), np.rint(us).astype(int).tolist(), strict=True))


def _importance(kind: Kind, random: Generator) -> ImportanceTable:
    size, like = kind.size, _table()
    highest = np.array(like.gain[like.highest_bits])
    by_layer, by_slice = _spreads(highest)
    layers = np.sort(random.lognormal(0.0, by_layer, size.layers))
    layers *= random.lognormal(0.0, by_layer / 3, size.layers)
    weights = layers[:, None] * random.lognormal(0.0, by_slice, (size.layers, size.slices))
    weights *= highest.sum() / weights.sum()
    shares = _shares(like, random)
    if kind.selection == "prefix":
        shares = (shares - shares[0]) / (1 - shares[0])
    at = _positions(size, random)
    full, base = _interpolated(like.full or like.base, at), _interpolated(like.base, at)
    return ImportanceTable(
        model=f"generated-{size}",
        task="generated",
        metric=like.metric,
        unit=like.unit,
        base=_floats(base),
        full=_floats(full) if random.integers(2) else None,
        gain={
            b: _floats(weights * share) for b, share in zip(sorted(like.gain), shares, strict=True)
        },
        provenance=like.provenance.model_copy(update={"kind": "synthetic"}),
    )


def _spreads(gain: NDArray[np.float64]) -> tuple[float, float]:
    """Standard deviations of the logarithm: of layers' means, and within a layer."""
    logarithm = np.log(gain)
    return float(logarithm.mean(axis=1).std()), float(logarithm.std(axis=1).mean())


def _shares(like: ImportanceTable, random: Generator) -> NDArray[np.float64]:
    """Share of the highest bitwidth's gain that each brings, the steps varied by a tenth."""
    sums = np.array([np.sum(like.gain[b]) for b in sorted(like.gain)])
    steps = np.diff(sums, prepend=0.0) * random.uniform(0.9, 1.1, len(sums))
    shares: NDArray[np.float64] = steps.cumsum() / steps.sum()
    return shares


Positions = tuple["NDArray[np.float64]", "NDArray[np.float64]"]


def _positions(size: Size, random: Generator) -> Positions:
    """Where depths and widths lie between nothing and the whole model."""
    depth = np.arange(1, size.layers + 1) / size.layers
    width = np.arange(1, size.slices + 1) / size.slices
    return depth ** random.uniform(0.02, 0.1), width ** random.uniform(0.1, 0.3)


def _interpolated(table: tuple[tuple[float, ...], ...], at: Positions) -> NDArray[np.float64]:
    known = np.array(table)
    depths = np.arange(1, len(known) + 1) / len(known)
    widths = np.arange(1, len(known[0]) + 1) / len(known[0])
    by_width = np.empty((len(known), len(at[1])))
    for row, scores in zip(by_width, known, strict=True):
        row[:] = np.interp(at[1], widths, scores)
    found = np.empty((len(at[0]), len(at[1])))
    for column, scores in zip(found.T, by_width.T, strict=True):
        column[:] = np.interp(at[0], depths, scores)
    return found


def _integers(table: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in table.tolist())


def _floats(table: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in table.tolist())


def lowest_layer_bytes(model: ModelManifest) -> int:
    """Bytes of the first layer at the lowest bitwidth."""
    return sum(model.shard_bytes[min(model.shard_bytes)][0])


def least_latency(model: ModelManifest, device: DeviceProfile) -> int:
    """Least latency of half the layers at half the width: smaller submodels are easy to plan."""
    compute = device.compute[0]
    depth, width = max(1, model.layers // 2), max(1, model.slices // 2)
    lowest = min(model.shard_bytes)
    read = sum(map(device.storage.read_us, sorted(model.shard_bytes[lowest][0])[:width]))
    step = compute.layer_compute_us(width) + width * compute.decode_us(lowest)
    return read + max(depth * step, (depth - 1) * read + step)
