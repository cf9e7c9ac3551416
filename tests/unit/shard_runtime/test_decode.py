from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shard_runtime.decode import TableExpand, decode_shard
from shard_runtime.engine_numba import NumbaEngine
from shard_runtime.errors import StoreError
from shard_runtime.store import ShardStore
from shard_runtime.weights import Matrices, ShardShape
from stores import bit_stream, normals, random_shard, write_store

if TYPE_CHECKING:
    from pathlib import Path

    from shard_runtime.decode import Expand
    from shard_runtime.weights import FloatArray

QUANTISED = (2, 3, 4, 5, 6)
SHAPE = ShardShape(hidden=24, head_dim=8, neurons=16)


@pytest.fixture(scope="module", params=["numpy", "numba"])
def expand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Expand:
    if request.param == "numpy":
        return TableExpand()
    store = ShardStore.open(write_store(tmp_path_factory.mktemp("store")).folder)
    return NumbaEngine(store.architecture, store.shape, store.resident).expand


def empty(shape: ShardShape = SHAPE) -> Matrices:
    return Matrices(*(np.full((r, shape.hidden), np.nan, dtype=np.float32) for r in shape.rows))


def slow_look_up(stream: bytes, bits: int, table: FloatArray, count: int) -> list[float]:
    number = int.from_bytes(stream, "little")
    return [float(table[number >> (i * bits) & (2**bits - 1)]) for i in range(count)]


@pytest.mark.parametrize("bits", [*QUANTISED, 32])
def test_decoding_gives_the_very_weights_that_were_encoded(bits: int, expand: Expand) -> None:
    encoded, weights = random_shard(np.random.default_rng(bits), SHAPE.rows, SHAPE.hidden, bits)
    out = empty()
    decode_shard(encoded, bits, out, expand)
    for decoded, true in zip(out, weights, strict=True):
        assert np.array_equal(decoded, true)


@pytest.mark.parametrize("bits", QUANTISED)
def test_matrices_whose_codes_end_within_a_byte_decode_too(bits: int, expand: Expand) -> None:
    shape = ShardShape(hidden=5, head_dim=1, neurons=3)
    encoded, weights = random_shard(np.random.default_rng(bits), shape.rows, 5, bits, outliers=0)
    out = empty(shape)
    decode_shard(encoded, bits, out, expand)
    for decoded, true in zip(out, weights, strict=True):
        assert np.array_equal(decoded, true)


@given(bits=st.sampled_from(QUANTISED), data=st.data())
def test_both_ways_of_looking_up_equal_the_slow_one(bits: int, data: st.DataObject) -> None:
    codes = data.draw(st.lists(st.integers(0, 2**bits - 1), min_size=1, max_size=60))
    table = normals(np.random.default_rng(0), 0, 1, (2**bits,))
    stream = bit_stream(codes, bits)
    out = np.empty(len(codes), dtype=np.float32)
    TableExpand().expand_stream(np.frombuffer(stream, dtype=np.uint8), bits, table, out)
    assert out.tolist() == slow_look_up(stream, bits, table, len(codes))


def test_working_arrays_do_not_grow_from_shard_to_shard() -> None:
    expand = TableExpand()
    encoded, _ = random_shard(np.random.default_rng(0), SHAPE.rows, SHAPE.hidden, 3)
    decode_shard(encoded, 3, empty(), expand)
    before = expand.nbytes
    decode_shard(encoded, 3, empty(), expand)
    assert expand.nbytes == before > 0


@pytest.mark.parametrize("bits", [*QUANTISED, 32])
def test_a_shard_of_another_size_is_refused(bits: int, expand: Expand) -> None:
    encoded, _ = random_shard(np.random.default_rng(0), SHAPE.rows, SHAPE.hidden, bits)
    with pytest.raises(StoreError, match=rf"must have {len(encoded)} bytes, got"):
        decode_shard(encoded[:-4], bits, empty(), expand)


def test_a_shard_without_its_header_is_refused(expand: Expand) -> None:
    with pytest.raises(StoreError, match="at least 24 bytes, got 8"):
        decode_shard(bytes(8), 2, empty(), expand)


def test_an_unknown_bitwidth_is_refused(expand: Expand) -> None:
    with pytest.raises(StoreError, match=r"one of \[2, 3, 4, 5, 6, 32\], got 7"):
        decode_shard(bytes(100), 7, empty(), expand)


def test_an_outlier_outside_its_matrix_is_refused(expand: Expand) -> None:
    encoded, _ = random_shard(np.random.default_rng(0), SHAPE.rows, SHAPE.hidden, 2)
    broken = bytearray(encoded)
    broken[40:44] = (10**6).to_bytes(4, "little")
    with pytest.raises(StoreError, match="position must be below 192, got 1000000"):
        decode_shard(bytes(broken), 2, empty(), expand)


def test_decoding_into_a_layer_touches_no_other_shard(tmp_path: Path) -> None:
    written = write_store(tmp_path)
    store = ShardStore.open(tmp_path)
    out = empty(store.shape)
    decode_shard(store.read_encoded(1, 2, 5), 5, out, TableExpand())
    for decoded, true in zip(out, written.weights[1, 2, 5], strict=True):
        assert np.array_equal(decoded, true)
