"""Encoded shards to float32 matrices (docs/formats/shard-store.md).

A code stream is cut into groups of 2 or 4 codes (8, 10 or 12 bits); one look-up in a table of all
groups yields 2 or 4 weights at once. Eight codes of b bits fill b bytes exactly, so groups are
picked out of a stream with one strided 16-bit read for each place in that pattern.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from shard_runtime.errors import StoreError
from shard_runtime.scratch import Scratch
from shard_runtime.weights import FULL_PRECISION_BITS, ByteArray, FloatArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from shard_runtime.weights import Matrices

CODES_PER_GROUP = {2: 4, 3: 4, 4: 2, 5: 2, 6: 2}
BITWIDTHS = (*CODES_PER_GROUP, FULL_PRECISION_BITS)
CODES_PER_PATTERN = 8
WORD_BYTES = 4
HEADER_BYTES = 6 * WORD_BYTES
WHOLE_GROUP = {2: np.complex64, 4: np.complex128}
"""Types as wide as 2 or 4 float32, so that a look-up moves a whole group at once."""


class Place(NamedTuple):
    """Where the parts of one encoded matrix begin within its shard, and where it ends."""

    table: int
    positions: int
    values: int
    codes: int
    end: int


class Expand(Protocol):
    """Turns streams of codes into weights; two implementations, bit for bit the same."""

    def __call__(
        self, data: ByteArray, bits: int, places: Sequence[Place], out: Sequence[FloatArray]
    ) -> None:
        """Write table[code i] to item i of each of the six flat, contiguous matrices."""
        ...


def decode_shard(encoded: bytes | memoryview, bits: int, out: Matrices, expand: Expand) -> None:
    """Decode one shard into six C-contiguous row blocks.

    StoreError if the bitwidth is unknown or the size is not what counts and shapes make it.
    """
    data = np.frombuffer(encoded, dtype=np.uint8)
    if bits == FULL_PRECISION_BITS:
        _copy_plain(data, out)
        return
    _require_known(bits)
    flat = [matrix.reshape(-1) for matrix in out]
    places = _places(bits, flat, _outlier_counts(data))
    _require_size(data, bits, places[-1].end)
    expand(data, bits, places, flat)
    for place, matrix in zip(places, flat, strict=True):
        _put_outliers(data, place, matrix)


def _places(bits: int, matrices: Sequence[FloatArray], outliers: Sequence[int]) -> list[Place]:
    """The place of each matrix, one after the other behind the header."""
    places: list[Place] = []
    at = HEADER_BYTES
    for matrix, count in zip(matrices, outliers, strict=True):
        positions = at + 2**bits * WORD_BYTES
        values = positions + count * WORD_BYTES
        codes = values + count * WORD_BYTES
        end = codes + _stream_bytes(matrix.size, bits)
        places.append(Place(at, positions, values, codes, end))
        at = end
    return places


def _stream_bytes(codes: int, bits: int) -> int:
    """Bytes of a code stream, padded to whole 4-byte words."""
    return -(-codes * bits // (8 * WORD_BYTES)) * WORD_BYTES


def _require_known(bits: int) -> None:
    if bits not in CODES_PER_GROUP:
        message = f"bitwidth must be one of {list(BITWIDTHS)}, got {bits}"
        raise StoreError(message)


def _outlier_counts(data: ByteArray) -> list[int]:
    if data.size < HEADER_BYTES:
        message = f"an encoded shard must have at least {HEADER_BYTES} bytes, got {data.size}"
        raise StoreError(message)
    return [int(count) for count in data[:HEADER_BYTES].view("<u4")]


def _require_size(data: ByteArray, bits: int, expected: int) -> None:
    if data.size != expected:
        message = f"this shard at {bits} bit must have {expected} bytes, got {data.size}"
        raise StoreError(message)


def _copy_plain(data: ByteArray, out: Matrices) -> None:
    _require_size(data, FULL_PRECISION_BITS, sum(matrix.nbytes for matrix in out))
    at = 0
    for matrix in out:
        end = at + matrix.nbytes
        matrix.reshape(-1)[:] = data[at:end].view("<f4")
        at = end


def _put_outliers(data: ByteArray, place: Place, out: FloatArray) -> None:
    if place.positions < place.values:
        positions = data[place.positions : place.values].view("<u4")
        _require_positions(positions, out.size)
        out[positions] = data[place.values : place.codes].view("<f4")


def _require_positions(positions: NDArray[np.uint32], size: int) -> None:
    largest = int(positions.max())
    if largest >= size:
        message = f"an outlier's position must be below {size}, got {largest}"
        raise StoreError(message)


class TableExpand:
    """The numpy implementation of Expand; keeps its working arrays, so one for each thread."""

    def __init__(self) -> None:
        self._scratch = Scratch()

    @property
    def nbytes(self) -> int:
        """Bytes of working arrays."""
        return self._scratch.nbytes

    def __call__(
        self, data: ByteArray, bits: int, places: Sequence[Place], out: Sequence[FloatArray]
    ) -> None:
        """Write table[code i] to item i of each of the six flat, contiguous matrices."""
        for place, matrix in zip(places, out, strict=True):
            table = data[place.table : place.positions].view("<f4")
            self.expand_stream(data[place.codes : place.end], bits, table, matrix)

    def expand_stream(
        self, codes: ByteArray, bits: int, table: FloatArray, out: FloatArray
    ) -> None:
        """Write table[code i] to out[i] for every i of the flat, contiguous `out`."""
        patterns = out.size // CODES_PER_PATTERN
        whole = patterns * CODES_PER_PATTERN
        if patterns:
            groups = self._groups(codes, bits, patterns)
            self._look_up(groups, bits, table, out[:whole])
        if whole < out.size:
            rest = _single_codes(codes[patterns * bits :], bits, out.size - whole)
            out[whole:] = table[rest]

    def _groups(self, codes: ByteArray, bits: int, patterns: int) -> NDArray[np.intp]:
        """(patterns, groups a pattern): the stream's groups as table indices."""
        width = CODES_PER_GROUP[bits] * bits
        places = CODES_PER_PATTERN // CODES_PER_GROUP[bits]
        groups = self._scratch.array("groups", (patterns, places), np.intp)
        if width == 8:  # noqa: PLR2004 - groups are bytes
            groups[:] = codes[: patterns * bits].reshape(patterns, places)
            return groups
        shifted = self._scratch.array("shifted", (patterns,), np.uint16)
        for place in range(places):
            byte, bit = divmod(place * width, 8)
            words = np.ndarray((patterns,), "<u2", codes, byte, (bits,))
            np.right_shift(words, bit, out=shifted)
            np.bitwise_and(shifted, 2**width - 1, out=groups[:, place])
        return groups

    def _look_up(
        self, groups: NDArray[np.intp], bits: int, table: FloatArray, out: FloatArray
    ) -> None:
        size = CODES_PER_GROUP[bits]
        whole = WHOLE_GROUP[size]
        group_table = self._scratch.array("group_table", (table.size,) * size + (size,), np.float32)
        for place in range(size):
            axes = [1] * size
            axes[size - 1 - place] = table.size
            group_table[..., place] = table.reshape(axes)
        # mode="clip" keeps np.take from working in a copy of `out`; no index is out of range.
        np.take(
            group_table.reshape(-1).view(whole),
            groups.reshape(-1),
            out=out.view(whole),
            mode="clip",
        )


def _single_codes(stream: ByteArray, bits: int, count: int) -> list[int]:
    """The first `count` codes of a stream, one at a time: the few after the last pattern."""
    number = int.from_bytes(stream.tobytes(), "little")
    return [number >> (index * bits) & (2**bits - 1) for index in range(count)]
