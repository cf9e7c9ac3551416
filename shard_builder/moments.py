"""Second moments of what every matrix is multiplied with, from the full-precision model on text.

Rounding a row w of a matrix to q changes its outputs by (w - q) x, on average over the inputs x by
(w - q)^T H (w - q) with H the mean of x x^T, uncentred. A shard's rounding is compensated within
the shard alone: for the attention output and the second FFN matrix H is the block of its own head
and neurons. Moments come from the full-precision model and no plan, so that neither do the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shard_builder.errors import CalibrationError
from shard_builder.progress import Progress, silent
from shard_runtime.engine import LayerBiases, LayerWeights
from shard_runtime.engine_numpy import NumpyEngine
from shard_runtime.tokens import Tokens
from shard_runtime.weights import FloatArray, Matrices, ShardShape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shard_builder.checkpoint import Checkpoint

MomentArray = NDArray[np.float64]
BATCH_SENTENCES = 32
TRANSPOSED = (False, False, False, True, False, True)
"""Which of the six matrices are stored with their inputs as rows."""


class Size(NamedTuple):
    """A submodel: its first `depth` layers with slices 0..width-1 of each."""

    depth: int
    width: int


class ShardMoments(NamedTuple):
    """Mean of x x^T over the tokens for each matrix of a shard, (C, C) for C inputs."""

    query: MomentArray
    key: MomentArray
    value: MomentArray
    attention_output: MomentArray
    ffn_in: MomentArray
    ffn_out: MomentArray


class LayerMoments(NamedTuple):
    """Mean of x x^T over the tokens in a layer of m slices.

    x is the layer's input (H, H), what each head read (m, D, D), the FFN's input (H, H) and each
    slice's activated neurons (m, F / M, F / M).
    """

    layer_input: MomentArray
    context: MomentArray
    ffn_input: MomentArray
    neurons: MomentArray

    @property
    def width(self) -> int:
        """Slices of the layer."""
        return len(self.context)

    def shard(self, index: int) -> ShardMoments:
        """Those of one slice; query, key and value have the same inputs."""
        return ShardMoments(
            query=self.layer_input,
            key=self.layer_input,
            value=self.layer_input,
            attention_output=self.context[index],
            ffn_in=self.ffn_input,
            ffn_out=self.neurons[index],
        )


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Second moments of all shards: for each submodel the layers it has."""

    submodels: tuple[tuple[LayerMoments, ...], ...]

    def shard(self, layer: int, index: int) -> ShardMoments:
        """Mean over those submodels that contain the shard."""
        found = [
            layers[layer].shard(index)
            for layers in self.submodels
            if layer < len(layers) and index < layers[layer].width
        ]
        if not found:
            message = f"moments must be of a measured shard, got layer {layer}, slice {index}"
            raise CalibrationError(message)
        return ShardMoments(*(np.mean(same, axis=0) for same in zip(*found, strict=True)))

    def of(self, layer: int, index: int, matrix: str) -> MomentArray:
        """Those of one matrix of slice `index`, by its name in Matrices, (C, C)."""
        return getattr(self.shard(layer, index), matrix)


def default_submodels(layers: int, slices: int) -> tuple[Size, Size]:
    """The whole model, and two thirds of its depth at half its width."""
    return Size(layers, slices), Size(-(-2 * layers // 3), -(-slices // 2))


def second_moments(
    model: Checkpoint,
    tokens: Tokens,
    submodels: Sequence[Size] | None = None,
    *,
    progress: Progress = silent,
) -> Moments:
    """Run the model on the tokens at full precision, padding left out.

    `submodels` of None are the default ones. `progress` counts batches of all submodels.
    CalibrationError if there is no token, a submodel is not one of the model's, or what a matrix is
    multiplied with is beyond float32.
    """
    sizes = submodels or default_submodels(len(model.layers), model.geometry.heads)
    _check(model, tokens, sizes)
    batches = list(_batches(tokens))
    total = len(batches) * len(sizes)
    measured: list[tuple[LayerMoments, ...]] = []
    for size in sizes:
        run = _Run(model, size)
        for batch in batches:
            with np.errstate(over="ignore", invalid="ignore"):  # the check below names the layer
                run.add(batch)
            progress(run.batches + len(measured) * len(batches), total)
        measured.append(run.moments())
        _require_finite(model, measured[-1])
    return Moments(submodels=tuple(measured))


def weighted_error(weights: Matrices, decoded: Matrices, moments: ShardMoments) -> float:
    """Sum over a shard's rows of (w - q)^T H (w - q): the squared error of its outputs.

    All six matrices as they are stored, in rows of `hidden` columns.
    """
    return sum(
        float(np.einsum("rc,rc->", error @ moment, error))
        for error, moment in zip(_output_rows(weights, decoded), moments, strict=True)
    )


def _output_rows(weights: Matrices, decoded: Matrices) -> Iterator[MomentArray]:
    """The differences of all matrices as [outputs, inputs]."""
    for exact, coarse, is_transposed in zip(weights, decoded, TRANSPOSED, strict=True):
        difference = exact.astype(np.float64) - coarse
        yield difference.T if is_transposed else difference


def _check(model: Checkpoint, tokens: Tokens, sizes: Sequence[Size]) -> None:
    if not tokens.mask.any():
        message = "a calibration text must have at least 1 token, got none"
        raise CalibrationError(message)
    layers, slices = len(model.layers), model.geometry.heads
    for depth, width in sizes:
        if not (1 <= depth <= layers and 1 <= width <= slices):
            message = f"a submodel must be within {layers} x {slices}, got {depth} x {width}"
            raise CalibrationError(message)


def _require_finite(model: Checkpoint, layers: Sequence[LayerMoments]) -> None:
    for index, layer in enumerate(layers):
        if not all(np.isfinite(moments).all() for moments in layer):
            message = (
                f"{model.model}: what the matrices of layer {index} are multiplied with must have "
                "finite squares in float32, got NaN or infinity"
            )
            raise CalibrationError(message)


def _batches(tokens: Tokens) -> Iterator[Tokens]:
    """Sentences of like length together, each batch as long as its longest sentence."""
    lengths = tokens.mask.sum(axis=1)
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), BATCH_SENTENCES):
        rows = order[start : start + BATCH_SENTENCES]
        longest = int(lengths[rows].max())
        if longest:
            yield Tokens(tokens.ids[rows, :longest], tokens.mask[rows, :longest])


class _LayerInputs(NamedTuple):
    """What the matrices of a layer were multiplied with, one row a token."""

    layer_input: FloatArray
    context: FloatArray
    ffn_input: FloatArray
    neurons: FloatArray


class _RecordingEngine(NumpyEngine):
    """The reference engine, which keeps the inputs of the last layer's matrices."""

    def layer(
        self, hidden: FloatArray, attention_mask: NDArray[np.bool_], weights: LayerWeights
    ) -> FloatArray:
        self._seen = [hidden.reshape(-1, hidden.shape[-1])]
        return super().layer(hidden, attention_mask, weights)

    @property
    def inputs(self) -> _LayerInputs:
        """Valid until the next layer is run: some are the engine's working arrays."""
        return _LayerInputs(*self._seen[: len(_LayerInputs._fields)])

    def _attention(
        self,
        rows: FloatArray,
        attention_mask: NDArray[np.bool_],
        matrices: Matrices,
        biases: LayerBiases,
    ) -> FloatArray:
        self._seen.append(super()._attention(rows, attention_mask, matrices, biases))
        return self._seen[-1]

    def add_normalise(
        self,
        rows: FloatArray,
        residual: FloatArray,
        added_bias: FloatArray,
        weight: FloatArray,
        bias: FloatArray,
    ) -> None:
        super().add_normalise(rows, residual, added_bias, weight, bias)
        self._seen.append(rows)

    def activate(self, values: FloatArray, bias: FloatArray) -> None:
        super().activate(values, bias)
        self._seen.append(values)


class _Run:
    """Sums of x x^T over the batches that went through one submodel."""

    def __init__(self, model: Checkpoint, size: Size) -> None:
        shape = ShardShape.of(model.geometry)
        self.batches = 0
        self._engine = _RecordingEngine(model.architecture, shape, model.resident)
        self._layers = [_prefix_weights(model, layer, size.width) for layer in range(size.depth)]
        self._widths = (1, size.width, 1, size.width)
        self._sums: list[list[MomentArray]] = []
        self._tokens = 0

    def add(self, batch: Tokens) -> None:
        """Run one batch."""
        is_token = batch.mask.reshape(-1)
        hidden = self._engine.embed(batch.ids, batch.mask)
        sums: list[list[MomentArray]] = []
        for weights in self._layers:
            hidden = self._engine.layer(hidden, batch.mask, weights)
            inputs = (rows[is_token] for rows in self._engine.inputs)
            sums.append([_gram(rows, n) for rows, n in zip(inputs, self._widths, strict=True)])
        self._sums = _added(self._sums, sums) if self._sums else sums
        self._tokens += int(is_token.sum())
        self.batches += 1

    def moments(self) -> tuple[LayerMoments, ...]:
        """Means over all tokens so far, layer by layer."""
        means = ([total / self._tokens for total in sums] for sums in self._sums)
        return tuple(
            LayerMoments(layer_input[0], context, ffn_input[0], neurons)
            for layer_input, context, ffn_input, neurons in means
        )


def _prefix_weights(model: Checkpoint, layer: int, width: int) -> LayerWeights:
    slices = model.geometry.heads
    cut = (matrix[: len(matrix) // slices * width] for matrix in model.layers[layer])
    shape = ShardShape.of(model.geometry)
    return LayerWeights(
        matrices=Matrices(*cut),
        biases=LayerBiases.of(model.resident, layer, range(width), shape),
    )


def _gram(rows: FloatArray, blocks: int) -> MomentArray:
    """Sum of x x^T over the rows for each of the blocks their columns fall into."""
    cut = rows.reshape(len(rows), blocks, -1).transpose(1, 2, 0)
    return np.matmul(cut, cut.transpose(0, 2, 1)).astype(np.float64)


def _added(
    left: list[list[MomentArray]], right: list[list[MomentArray]]
) -> list[list[MomentArray]]:
    return [
        [mine + other for mine, other in zip(sums, more, strict=True)]
        for sums, more in zip(left, right, strict=True)
    ]
