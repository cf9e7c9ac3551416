"""How well an importance table predicts what plans lose: rank correlations on held-out texts.

Predicted: the score of CONTRACTS, base + scale * sum of gains. Measured: negative distances on
texts that the table was not measured on. Random plans of one size and one mean bitwidth differ
only in where their bits are, so what is measured is what rounding does: the distance to the same
submodel at full precision (as in QUANTISATION). Random plans of every size and any bits differ in
everything, and are held against the full model. A measured score is itself uncertain: how far two
halves of the texts agree about the plans says how high a correlation could be at all.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import PlannedLayer, PlannedShard
from shard_builder.importance.agreement import rank_correlation
from shard_builder.importance.submodel import Size
from shard_runtime.weights import FULL_PRECISION_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.accuracy.judge import Judge
    from plan_contracts import ImportanceTable, ModelManifest
    from shard_runtime.weights import FloatArray

MEAN_BITS = (2.5, 3.0, 3.5)
PLANS = 40
TIMES_ACROSS = 3
"""Plans of every size are this many times as many as those of one size and mean bitwidth."""
LEAST_AT_FIXED_BITS = 0.85
LEAST_ACROSS = 0.9
LEAST_SPLIT_HALF = 0.9

Layers = tuple[PlannedLayer, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """Rank correlation of predicted and measured scores of random plans.

    `measured_worst`, `measured_best`: the range of the measured scores, in the table's unit.
    `halves`: rank correlation of the scores measured on the even and on the odd texts.
    `reference`: whose outputs the distances are to. `to_full_model`, `full_model_halves`: both
    correlations for distances to the full model, in which a submodel's own distance and its
    rounding cancel or add up as it happens.
    """

    series: str
    plans: int
    reference: str
    correlation: float
    halves: float
    to_full_model: float
    full_model_halves: float
    least: float
    measured_worst: float
    measured_best: float

    def shortfalls(self) -> list[str]:
        """The correlation, if it is below what it should be."""
        if self.correlation >= self.least:
            return []
        return [f"{self.series}: rank correlation {self.correlation:.2f}, not {self.least}"]


def measure(
    table: ImportanceTable, judge: Judge, *, plans: int = PLANS, seed: int = 0
) -> tuple[Prediction, ...]:
    """One row for each of three sizes and mean bitwidths, and one for plans of every size.

    `judge` runs the plans of the table's store on texts that the table has not seen.
    """
    generator = np.random.default_rng(seed)
    series = dict(_series(table, judge.store.manifest, plans, generator))
    return tuple(_prediction(name, table, judge, of_series) for name, of_series in series.items())


def sizes_of(manifest: ModelManifest) -> tuple[Size, Size, Size]:
    """The full model; two thirds of its depth at half its width; half its depth at a quarter."""
    layers, slices = manifest.layers, manifest.slices
    return (
        Size(layers, slices),
        Size(-(-2 * layers // 3), -(-slices // 2)),
        Size(-(-layers // 2), -(-slices // 4)),
    )


def random_bits(
    bitwidths: Sequence[int], shards: int, mean: float, generator: np.random.Generator
) -> list[int]:
    """Bitwidths of some shards, each choice that has exactly this mean as likely as any other.

    The mean must be one that so many shards can have.
    """
    total = round(mean * shards)
    ways = _ways(bitwidths, shards)
    if not ways[shards][total]:
        message = f"mean must be one that {shards} shards of {list(bitwidths)} have, got {mean}"
        raise ValueError(message)
    chosen: list[int] = []
    for left in range(shards - 1, -1, -1):
        open_ways = [ways[left][total - bits] for bits in bitwidths]
        odds = np.array([way / sum(open_ways) for way in open_ways])
        chosen.append(int(generator.choice(bitwidths, p=odds)))
        total -= chosen[-1]
    return chosen


def predicted_score(table: ImportanceTable, manifest: ModelManifest, layers: Layers) -> float:
    """Base + scale * the sum of the plan's gains (CONTRACTS, ImportanceTable)."""
    depth, width = len(layers), len(layers[0].shards)
    base = table.base[depth - 1][width - 1]
    full = base if table.full is None else table.full[depth - 1][width - 1]
    highest = table.gain[table.highest_bits]
    whole = sum(
        highest[layer][index]
        for layer in range(depth)
        for index in table.reference_slices(layer, width, manifest.slice_selection)
    )
    scale = 1.0 if table.full is None else max(full - base, 0.0) / whole if whole else 0.0
    gains = [
        table.gain[shard.bits][layer.layer][shard.slice]
        for layer in layers
        for shard in layer.shards
    ]
    return base + scale * sum(gains)


def _series(
    table: ImportanceTable,
    manifest: ModelManifest,
    plans: int,
    generator: np.random.Generator,
) -> Iterator[tuple[str, list[Layers]]]:
    bitwidths = [bits for bits in manifest.bitwidths if bits < FULL_PRECISION_BITS]

    def drawn(size: Size, mean: float) -> Layers:
        bits = random_bits(bitwidths, size.shards, mean, generator)
        return _layers(table, manifest, size, bits)

    for size in sizes_of(manifest):
        for mean in MEAN_BITS:
            yield f"{size} at {mean} bit", [drawn(size, mean) for _ in range(plans)]
    allowed = [Size(depth, width) for depth in manifest.depths for width in manifest.widths]
    everywhere: list[Layers] = []
    for _ in range(TIMES_ACROSS * plans):
        size = allowed[generator.integers(len(allowed))]
        total = generator.integers(
            bitwidths[0] * size.shards, bitwidths[-1] * size.shards, endpoint=True
        )
        everywhere.append(drawn(size, total / size.shards))
    yield "every size at any bits", everywhere


def _of_one_size(plans: Sequence[Layers]) -> bool:
    return len({(len(layers), len(layers[0].shards)) for layers in plans}) == 1


def _ways(bitwidths: Sequence[int], shards: int) -> list[Counter[int]]:
    """Entry k: total bits -> in how many ways k shards can have them."""
    ways = [Counter({0: 1})]
    for _ in range(shards):
        step: Counter[int] = Counter()
        for total, count in ways[-1].items():
            for bits in bitwidths:
                step[total + bits] += count
        ways.append(step)
    return ways


def _layers(
    table: ImportanceTable, manifest: ModelManifest, size: Size, bits: Sequence[int]
) -> Layers:
    """The plan of this size on the table's reference slices; `bits` by (layer, slice)."""
    given = iter(bits)
    return tuple(
        PlannedLayer(
            layer=layer,
            shards=tuple(
                _shard(manifest, layer, index, next(given))
                for index in table.reference_slices(layer, size.width, manifest.slice_selection)
            ),
        )
        for layer in range(size.depth)
    )


def _shard(manifest: ModelManifest, layer: int, index: int, bits: int) -> PlannedShard:
    size = manifest.shard_bytes[bits][layer][index]
    return PlannedShard(slice=index, bits=bits, bytes=size, preload=False)


def _prediction(
    series: str, table: ImportanceTable, judge: Judge, plans: Sequence[Layers]
) -> Prediction:
    predicted = [predicted_score(table, judge.store.manifest, layers) for layers in plans]
    to_full = _scores(judge, plans, [judge.full] * len(plans))
    beside_own = _of_one_size(plans)
    scores = _scores(judge, plans, [_own(judge, of) for of in plans]) if beside_own else to_full
    return Prediction(
        series=series,
        plans=len(plans),
        reference="the submodel" if beside_own else "the full model",
        correlation=rank_correlation(predicted, scores.mean(axis=1)),
        halves=_of_halves(scores),
        to_full_model=rank_correlation(predicted, to_full.mean(axis=1)),
        full_model_halves=_of_halves(to_full),
        least=LEAST_AT_FIXED_BITS if beside_own else LEAST_ACROSS,
        measured_worst=float(scores.mean(axis=1).min()),
        measured_best=float(scores.mean(axis=1).max()),
    )


def _scores(
    judge: Judge, plans: Sequence[Layers], references: Sequence[FloatArray]
) -> NDArray[np.float64]:
    """(plans, texts): minus the distances of the plans' answers to these."""
    return np.array(
        [
            -judge.distances(reference, judge.outputs(layers))
            for reference, layers in zip(references, plans, strict=True)
        ]
    )


def _own(judge: Judge, layers: Layers) -> FloatArray:
    """Answers of the same slices at the highest bitwidth."""
    manifest = judge.store.manifest
    highest = manifest.bitwidths[-1]
    return judge.outputs(
        [
            PlannedLayer(
                layer=row.layer,
                shards=tuple(
                    _shard(manifest, row.layer, shard.slice, highest) for shard in row.shards
                ),
            )
            for row in layers
        ]
    )


def _of_halves(scores: NDArray[np.float64]) -> float:
    """Rank correlation of what the even and the odd texts say of the plans; (plans, texts)."""
    return rank_correlation(scores[:, ::2].mean(axis=1), scores[:, 1::2].mean(axis=1))
