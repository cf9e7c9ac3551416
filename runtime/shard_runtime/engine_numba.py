"""The forward pass with GELU, LayerNorm and decoding compiled by numba (extra `fast`).

Matrix products, softmax and the rest stay numpy's, which are as fast. Every kernel has an
explicit signature, so all compiling happens when this module is imported, never while a run is
timed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, cast

import numba
import numpy as np

from shard_runtime.decode import CODES_PER_PATTERN
from shard_runtime.engine_numpy import PHI_LIMIT, PHI_P, PHI_Q, NumpyEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from shard_runtime.decode import Expand, Place
    from shard_runtime.weights import ByteArray, FloatArray

Arguments = ParamSpec("Arguments")

LIMIT = np.float32(PHI_LIMIT)
P0, P1, P2, P3, P4, P5 = (np.float32(p) for p in PHI_P)
Q0, Q1, Q2, Q3, Q4 = (np.float32(q) for q in PHI_Q)
HALF = np.float32(0.5)


Types = cast("Any", numba).types
MATRIX = Types.Array(Types.float32, 2, "C")
VECTOR = Types.Array(Types.float32, 1, "C")
INPUT = Types.Array(Types.float32, 1, "C", readonly=True)
CODES = Types.Array(Types.uint8, 1, "C", readonly=True)
PLACES = Types.Array(Types.int64, 2, "C")

SETTINGS = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "nsz"}}


def _compiled(
    *arguments: object,
) -> Callable[[Callable[Arguments, None]], Callable[Arguments, None]]:
    """numba.njit with the GIL released and sums free to be reordered, as numpy's are.

    The machine code is kept beside this file, or in the user's cache, for the next start; where
    neither can be written it is compiled anew each time.
    """
    njit, signature = cast("Any", numba).njit, Types.void(*arguments)

    def compile_kernel(function: Callable[Arguments, None]) -> Callable[Arguments, None]:
        try:
            return njit(signature, cache=True, **SETTINGS)(function)
        except RuntimeError:
            return njit(signature, **SETTINGS)(function)

    return compile_kernel


@_compiled(MATRIX, INPUT)
def _gelu(values: FloatArray, bias: FloatArray) -> None:
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            x = values[row, column] + bias[column]
            z = min(max(x, -LIMIT), LIMIT)
            t = z * z
            p = ((((P5 * t + P4) * t + P3) * t + P2) * t + P1) * t + P0
            q = (((Q4 * t + Q3) * t + Q2) * t + Q1) * t + Q0
            values[row, column] = x * (HALF + z * p / q)


@_compiled(MATRIX, MATRIX, INPUT, INPUT, INPUT, Types.float32)
def _add_normalise(  # noqa: PLR0913, PLR0917 - one pass over a row
    rows: FloatArray,
    residual: FloatArray,
    added_bias: FloatArray,
    weight: FloatArray,
    bias: FloatArray,
    epsilon: np.float32,
) -> None:
    columns = np.float32(rows.shape[1])
    for row in range(rows.shape[0]):
        total = np.float32(0)
        for column in range(rows.shape[1]):
            rows[row, column] += added_bias[column] + residual[row, column]
            total += rows[row, column]
        mean = total / columns
        squares = np.float32(0)
        for column in range(rows.shape[1]):
            rows[row, column] -= mean
            squares += rows[row, column] * rows[row, column]
        scale = np.float32(1) / np.sqrt(squares / columns + epsilon)
        for column in range(rows.shape[1]):
            rows[row, column] = rows[row, column] * scale * weight[column] + bias[column]


@_compiled(CODES, Types.int64, INPUT, VECTOR)
def _expand_stream(codes: ByteArray, bits: int, table: FloatArray, out: FloatArray) -> None:
    mask = np.uint64(2**bits - 1)
    step = np.uint64(bits)
    patterns = out.size // CODES_PER_PATTERN
    for pattern in range(patterns):
        word = np.uint64(0)
        for byte in range(bits):
            word |= np.uint64(codes[pattern * bits + byte]) << np.uint64(8 * byte)
        for place in range(CODES_PER_PATTERN):
            out[pattern * CODES_PER_PATTERN + place] = table[word & mask]
            word >>= step
    for index in range(patterns * CODES_PER_PATTERN, out.size):
        code = 0
        for bit in range(bits):
            at = index * bits + bit
            code |= ((codes[at // 8] >> (at % 8)) & 1) << bit
        out[index] = table[code]


@_compiled(CODES, Types.int64, PLACES, *[VECTOR] * 6)
def _expand_shard(  # noqa: PLR0913, PLR0917 - numba takes no sequence of arrays as fast
    data: ByteArray,
    bits: int,
    places: NDArray[np.int64],
    query: FloatArray,
    key: FloatArray,
    value: FloatArray,
    attention_output: FloatArray,
    ffn_in: FloatArray,
    ffn_out: FloatArray,
) -> None:
    index = 0
    for out in (query, key, value, attention_output, ffn_in, ffn_out):
        table, positions, _, codes, end = places[index]
        _expand_stream(data[codes:end], bits, data[table:positions].view(np.float32), out)
        index += 1  # noqa: SIM113 - numba unrolls no enumerate


def _expand(data: ByteArray, bits: int, places: Sequence[Place], out: Sequence[FloatArray]) -> None:
    """All six streams in one call: the reading thread meets one release of the GIL, not six."""
    _expand_shard(data, bits, np.array(places, dtype=np.int64), *out)


class NumbaEngine(NumpyEngine):
    """Engine whose decoding is bit for bit, and output within 1e-5, that of NumpyEngine."""

    @property
    def expand(self) -> Expand:
        """How this engine turns codes into weights."""
        return _expand

    def activate(self, values: FloatArray, bias: FloatArray) -> None:
        """Values = activation(values + bias), in place; values (rows, columns)."""
        if self._architecture.activation == "gelu":
            _gelu(values, bias)
        else:
            super().activate(values, bias)

    def add_normalise(
        self,
        rows: FloatArray,
        residual: FloatArray,
        added_bias: FloatArray,
        weight: FloatArray,
        bias: FloatArray,
    ) -> None:
        """Rows = LayerNorm(rows + added_bias + residual) * weight + bias, in place."""
        _add_normalise(rows, residual, added_bias, weight, bias, self._epsilon)
