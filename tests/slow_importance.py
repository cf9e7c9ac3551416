"""The importance table by its definition: every model run from the start, one sentence at a time.

Nothing is kept between runs, nothing is batched, padded or cut short: the measure of
shard_builder/importance, slowly. Gains: QUANTISATION recipe, upgrade and drop as shares of their
totals, times the share of the lowest bitwidth's weighted error that a bitwidth removes.
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
        exact = self.everywhere(self._bitwidths[-1])
        distances = [
            _divergence(self._logits(exact, sentence), self._logits(choice, sentence))
            for sentence in self._sentences
        ]
        return -sum(distances) / len(distances)

    def everywhere(self, bits: int) -> list[dict[int, int]]:
        """The whole model at one bitwidth."""
        return [dict.fromkeys(range(self._slices), bits) for _ in range(self._layers)]

    def gains(self, upgrade: int) -> dict[int, FloatTable]:
        """Gains by bitwidth under `prefix`, layers x slices; `upgrade`: bits of a raised shard."""
        lowest, highest = self._bitwidths[0], self._bitwidths[-1]
        whole = -self.score(self.everywhere(lowest))
        upgrades, drops = np.zeros((2, self._layers, self._slices))
        for layer in range(self._layers):
            for index in range(self._slices):
                raised, dropped = self.everywhere(lowest), self.everywhere(highest)
                raised[layer][index] = upgrade
                dropped[layer][index] = lowest
                upgrades[layer, index] = max(whole + self.score(raised), 0.0)
                drops[layer, index] = -self.score(dropped)
        shares = upgrades / upgrades.sum() + 4 * drops / drops.sum()
        worth = whole * shares / shares.sum()
        errors = {bits: self.errors(bits) for bits in self._bitwidths}
        least = errors[lowest].copy()
        gains: dict[int, FloatTable] = {}
        for bits in self._bitwidths:
            least = np.minimum(least, errors[bits])
            gains[bits] = worth * (1 - least / errors[lowest])
        return gains

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


def _divergence(reference: Sequence[float], output: Sequence[float]) -> float:
    """KL(softmax(reference) || softmax(output)), in nats."""
    exact, found = _softmax(reference), _softmax(output)
    return sum(p * math.log(p / q) for p, q in zip(exact, found, strict=True))


def _softmax(logits: Sequence[float]) -> list[float]:
    powers = [math.exp(logit) for logit in logits]
    return [power / sum(powers) for power in powers]
