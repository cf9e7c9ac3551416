from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shard_builder.quantize.pack import pack_codes


@st.composite
def bits_and_codes(draw: st.DrawFn) -> tuple[int, list[int]]:
    bits = draw(st.integers(1, 8))
    return bits, draw(st.lists(st.integers(0, 2**bits - 1), max_size=60))


@given(bits_and_codes())
def test_a_stream_is_the_sum_of_shifted_codes(case: tuple[int, list[int]]) -> None:
    bits, codes = case
    number = sum(code << (index * bits) for index, code in enumerate(codes))
    words = -(-len(codes) * bits // 32)
    expected = number.to_bytes(4 * words, "little")
    assert pack_codes(np.array(codes, dtype=np.uint8), bits) == expected


def test_three_bit_codes_cross_bytes_lowest_bit_first() -> None:
    packed = pack_codes(np.array([0b001, 0b010, 0b111], dtype=np.uint8), 3)
    assert packed == bytes([0b11010001, 0b00000001, 0, 0])
