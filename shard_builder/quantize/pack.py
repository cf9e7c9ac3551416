"""Codes of a few bits each as one little-endian bit stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WORD_BYTES = 4
"""A stream is padded to whole words, so that what follows it stays aligned."""


def pack_codes(codes: NDArray[np.uint8], bits: int) -> bytes:
    """Pack codes below 2^bits, 1 <= bits <= 8.

    Code i occupies the bits [i*bits, (i+1)*bits) of the stream, its lowest bit first; bit k of
    the stream is bit k % 8 of byte k // 8. Zero bytes pad the stream to a multiple of 4 bytes.
    """
    rows = np.unpackbits(codes[:, np.newaxis], axis=1, count=bits, bitorder="little")
    stream = np.packbits(rows.reshape(-1), bitorder="little").tobytes()
    return stream + bytes(-len(stream) % WORD_BYTES)
