"""The quantiser for a model whose inputs are known: errors within a shard cancel in its outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shard_builder.moments import TRANSPOSED
from shard_builder.quantize import kmeans
from shard_builder.quantize.outliers import beyond
from shard_builder.quantize.quantised import QuantisedMatrix
from shard_builder.quantize.rising import RisingValues
from shard_builder.quantize.rounding import RankedInputs, Rounded, Target, best_rounding
from shard_builder.slicing import slice_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from shard_builder.moments import Moments, ShardMoments
    from shard_builder.quantize.quantised import QuantisedShard, WholeLayer
    from shard_runtime.weights import FloatArray

REFIT_ROUNDS = {1: 4, 2: 4, 3: 3}
"""Rounds of refitting the table by bitwidth; with more entries they bring little."""


@dataclass(frozen=True, kw_only=True)
class CompensatedQuantiser:
    """A table for each matrix of a shard, fitted with its codes to the model's inputs.

    Weights that deviate more than `outlier_limit` stay exact. Compensation never leaves a shard,
    so its bytes depend on no other shard's bitwidth.
    """

    outlier_limit: float
    moments: Moments

    def __call__(
        self, layer: WholeLayer, bitwidths: Sequence[int]
    ) -> Iterator[Mapping[int, QuantisedShard]]:
        """Quantise a layer slice by slice."""
        outliers = [beyond(matrix, self.outlier_limit) for matrix in layer.matrices]
        for index in range(layer.slices):
            inputs = _inputs_by_matrix(self.moments.shard(layer.index, index))
            matrices = [
                quantise_matrix(
                    slice_rows(matrix, index, layer.slices),
                    slice_rows(mask, index, layer.slices),
                    of_matrix,
                    bitwidths,
                    is_transposed=is_transposed,
                )
                for matrix, mask, of_matrix, is_transposed in zip(
                    layer.matrices, outliers, inputs, TRANSPOSED, strict=True
                )
            ]
            yield {bits: tuple(matrix[bits] for matrix in matrices) for bits in bitwidths}


def _inputs_by_matrix(moments: ShardMoments) -> tuple[RankedInputs, ...]:
    """In the order of Matrices; query, key and value have the same inputs."""
    attention = RankedInputs.of(moments.query)
    others = (moments.attention_output, moments.ffn_in, moments.ffn_out)
    return (attention,) * 3 + tuple(RankedInputs.of(matrix) for matrix in others)


def quantise_matrix(
    block: FloatArray,
    is_outlier: NDArray[np.bool_],
    inputs: RankedInputs,
    bitwidths: Sequence[int],
    *,
    is_transposed: bool,
) -> dict[int, QuantisedMatrix]:
    """One matrix of a shard at each bitwidth; `is_transposed`: its rows are inputs already."""
    by_input, mask = (block, is_outlier) if is_transposed else (block.T, is_outlier.T)
    target = Target(
        weights=by_input[inputs.order].astype(np.float64),
        is_outlier=mask[inputs.order],
        inputs=inputs,
    )
    rising = RisingValues(np.sort(target.weights[~target.is_outlier]))
    quantised: dict[int, QuantisedMatrix] = {}
    for bits in bitwidths:
        table = kmeans.fit_table(rising, 2**bits)
        rounded = best_rounding(target, table, REFIT_ROUNDS.get(bits, 0))
        quantised[bits] = _stored(block, is_outlier, rounded, inputs.order, is_transposed)
    return quantised


def _stored(
    block: FloatArray,
    is_outlier: NDArray[np.bool_],
    rounded: Rounded,
    order: NDArray[np.intp],
    is_transposed: bool,  # noqa: FBT001 - passed on
) -> QuantisedMatrix:
    """The rounding with inputs and outputs back in their stored places."""
    codes = np.zeros(rounded.codes.shape, dtype=np.uint8)
    codes[order] = rounded.codes
    stored = codes if is_transposed else codes.T
    positions = np.flatnonzero(is_outlier).astype(np.uint32)
    return QuantisedMatrix(
        table=rounded.table.astype(np.float32),
        codes=np.where(is_outlier, np.uint8(0), stored).reshape(-1),
        outlier_positions=positions,
        outlier_values=block.reshape(-1)[positions],
    )
