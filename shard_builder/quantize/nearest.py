"""Shards whose weights each go to the nearest entry of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shard_builder.quantize.quantised import QuantisedMatrix, QuantisedShard, WholeLayer
from shard_builder.quantize.rising import RisingValues
from shard_builder.slicing import slice_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from shard_builder.quantize.rising import Table
    from shard_runtime.weights import FloatArray

    FitTable = Callable[[RisingValues, int], Table]
    """(values, entries) -> the table for them, rising."""


def quantise_nearest(
    layer: WholeLayer,
    bitwidths: Sequence[int],
    outliers: Sequence[NDArray[np.bool_]],
    fit_table: FitTable,
) -> Iterator[Mapping[int, QuantisedShard]]:
    """Quantise a layer slice by slice, given the mask of each matrix's outliers."""
    for index in range(layer.slices):
        matrices = [
            _quantise_matrix(
                slice_rows(matrix, index, layer.slices),
                slice_rows(mask, index, layer.slices),
                bitwidths,
                fit_table,
            )
            for matrix, mask in zip(layer.matrices, outliers, strict=True)
        ]
        yield {bits: tuple(matrix[bits] for matrix in matrices) for bits in bitwidths}


def _quantise_matrix(
    block: FloatArray, mask: NDArray[np.bool_], bitwidths: Sequence[int], fit_table: FitTable
) -> dict[int, QuantisedMatrix]:
    """One shard's part of a matrix at each bitwidth; sorting once serves them all."""
    weights = block.reshape(-1)
    is_outlier = mask.reshape(-1)
    outlier_positions = np.flatnonzero(is_outlier).astype(np.uint32)
    inlier_positions = np.flatnonzero(~is_outlier)
    order = np.argsort(weights[inlier_positions], kind="stable")
    rising = RisingValues(weights[inlier_positions][order].astype(np.float64))
    quantised: dict[int, QuantisedMatrix] = {}
    for bits in bitwidths:
        table = fit_table(rising, 2**bits).astype(np.float32)
        codes = np.zeros(weights.size, dtype=np.uint8)
        codes[inlier_positions[order]] = rising.codes(table.astype(np.float64))
        quantised[bits] = QuantisedMatrix(
            table, codes, outlier_positions, weights[outlier_positions]
        )
    return quantised
