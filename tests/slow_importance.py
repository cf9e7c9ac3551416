"""The importance table by its definition: every model run from the start, one sentence at a time.

Nothing is kept between runs, nothing is batched, padded or cut short: the measure of
shard_builder/importance, slowly. Gains: QUANTISATION recipe, upgrade and drop as shares of their
totals, mixed with upgrades in a small submodel, times the share of the lowest bitwidth's weighted
error that a bitwidth removes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from shard_runtime.engine import LayerBiases, LayerWeights, load_engine
from shard_runtime.tokens import tokenize
from shard_runtime.weights import LayerBuffer, Matrices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from shard_builder.moments import Moments
    from shard_runtime.store import ShardStore

    Choice = Sequence[Mapping[int, int]]
    FloatTable = NDArray[np.float64]


class SlowImportance:
    """Scores and gains of one classifier store on some sentences."""

    def __init__(self, store: ShardStore, sentences: Sequence[str], moments: Moments) -> None:
        self._store = store
        self._sentences = sentences
        self._moments = moments
        self._layers, self._slices = store.manifest.layers, store.manifest.slices
        self._bitwidths = store.manifest.bitwidths

    def score(self, choice: Choice) -> float:
        """Minus the mean KL divergence; `choice`: slice -> bits, layer by layer."""
        return -self._distance(self.everywhere(self._bitwidths[-1]), choice)

    def _distance(self, exact: Choice, choice: Choice) -> float:
        distances = [
            _divergence(self._logits(exact, sentence), self._logits(choice, sentence))
            for sentence in self._sentences
        ]
        return sum(distances) / len(distances)

    def everywhere(self, bits: int) -> list[dict[int, int]]:
        """The whole model at one bitwidth."""
        return _submodel(self._layers, self._slices, bits)

    def gains(self, upgrade: int, small: tuple[int, int] | None = None) -> dict[int, FloatTable]:
        """Gains by bitwidth under `prefix`, layers x slices; `upgrade`: bits of a raised shard.

        `small`: depth and width of the submodel whose own upgrades count too.
        """
        lowest, highest = self._bitwidths[0], self._bitwidths[-1]
        drops = np.zeros((self._layers, self._slices))
        for layer, index in np.ndindex(drops.shape):
            dropped = self.everywhere(highest)
            dropped[layer][index] = lowest
            drops[layer, index] = -self.score(dropped)
        upgrades = self._upgrades(self._layers, self._slices, upgrade)
        shares = upgrades / upgrades.sum() + 4 * drops / drops.sum()
        if small:
            own = self._upgrades(*small, upgrade)
            together = shares[: small[0], : small[1]].sum()
            for shard in np.ndindex(own.shape):
                by_own = together * own[shard] / own.sum()
                shares[shard] = (shares[shard] + by_own) / 2
        worth = -self.score(self.everywhere(lowest)) * shares / shares.sum()
        errors = {bits: self.errors(bits) for bits in self._bitwidths}
        least = errors[lowest].copy()
        gains: dict[int, FloatTable] = {}
        for bits in self._bitwidths:
            least = np.minimum(least, errors[bits])
            gains[bits] = worth * (1 - least / errors[lowest])
        return gains

    def _upgrades(self, depth: int, width: int, upgrade: int) -> FloatTable:
        """How much of a submodel's distance to itself at full precision each raised shard saves."""
        lowest, highest = self._bitwidths[0], self._bitwidths[-1]
        exact = _submodel(depth, width, highest)
        whole = self._distance(exact, _submodel(depth, width, lowest))
        saved = np.zeros((depth, width))
        for layer, index in np.ndindex(saved.shape):
            raised = _submodel(depth, width, lowest)
            raised[layer][index] = upgrade
            saved[layer, index] = max(whole - self._distance(exact, raised), 0.0)
        return saved

    def errors(self, bits: int) -> FloatTable:
        """(w - q)^T H (w - q) summed over all rows of a shard, layers x slices."""
        return np.array(
            [
                [self._error(layer, index, bits) for index in range(self._slices)]
                for layer in range(self._layers)
            ]
        )

    def _error(self, layer: int, index: int, bits: int) -> float:
        exact = self._decoded({index: self._bitwidths[-1]}, layer)
        coarse = self._decoded({index: bits}, layer)
        total = 0.0
        for name in Matrices._fields:
            moment = self._moments.of(layer, index, name)
            difference = (getattr(exact, name) - getattr(coarse, name)).astype(np.float64)
            rows = difference.T if name in {"attention_output", "ffn_out"} else difference
            total += sum(float(row @ moment @ row) for row in rows)
        return total

    def _logits(self, choice: Choice, sentence: str) -> list[float]:
        engine = load_engine("numpy", self._store)
        ids = np.array([tokenize(self._store, sentence)])
        mask = np.ones(ids.shape, dtype=np.bool_)
        hidden = engine.embed(ids, mask)
        for layer, chosen in enumerate(choice):
            biases = LayerBiases.of(self._store.resident, layer, list(chosen), self._store.shape)
            matrices = self._decoded(chosen, layer)
            hidden = engine.layer(hidden, mask, LayerWeights(matrices=matrices, biases=biases))
        return engine.head(hidden, mask)[0].tolist()

    def _decoded(self, chosen: Mapping[int, int], layer: int) -> Matrices:
        engine = load_engine("numpy", self._store)
        buffer = LayerBuffer(self._store.shape, len(chosen))
        for place, (index, bits) in enumerate(chosen.items()):
            engine.decode(self._store.read_encoded(layer, index, bits), bits, buffer.shard(place))
        return buffer.matrices


def _submodel(depth: int, width: int, bits: int) -> list[dict[int, int]]:
    """The first slices of the first layers, all at one bitwidth."""
    return [dict.fromkeys(range(width), bits) for _ in range(depth)]


def _divergence(reference: Sequence[float], output: Sequence[float]) -> float:
    """KL(softmax(reference) || softmax(output)), in nats."""
    exact, found = _softmax(reference), _softmax(output)
    return sum(p * math.log(p / q) for p, q in zip(exact, found, strict=True))


def _softmax(logits: Sequence[float]) -> list[float]:
    powers = [math.exp(logit) for logit in logits]
    return [power / sum(powers) for power in powers]
