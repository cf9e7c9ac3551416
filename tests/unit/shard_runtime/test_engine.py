"""The forward passes against one written straight from the definitions, in float64."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from shard_runtime.engine import LayerBiases, LayerWeights, load_engine
from shard_runtime.engine_numpy import NumpyEngine, gelu
from shard_runtime.errors import InputError
from shard_runtime.store import ShardStore
from shard_runtime.weights import LayerBuffer
from stores import write_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from shard_runtime.engine import Engine, EngineName
    from shard_runtime.weights import FloatArray
    from stores import WrittenStore

TOKENS = np.array([[1, 5, 9, 2, 0, 0], [3, 7, 11, 13, 17, 2]])
MASK = np.array([[True] * 4 + [False] * 2, [True] * 6])
ENGINES: tuple[EngineName, ...] = ("numpy", "numba")


def layer_weights(
    engine: Engine, store: ShardStore, layer: int, slices: Sequence[int], bits: int
) -> LayerWeights:
    buffer = LayerBuffer(store.shape, len(slices))
    for position, index in enumerate(slices):
        engine.decode(store.read_encoded(layer, index, bits), bits, buffer.shard(position))
    biases = LayerBiases.of(store.resident, layer, slices, store.shape)
    return LayerWeights(matrices=buffer.matrices, biases=biases)


def run(engine: Engine, store: ShardStore, slices: Sequence[int], bits: int = 32) -> FloatArray:
    hidden = engine.embed(TOKENS, MASK)
    for layer in range(store.manifest.layers):
        hidden = engine.layer(hidden, MASK, layer_weights(engine, store, layer, slices, bits))
    return engine.head(hidden, MASK)


def norm(x: NDArray[np.float64], weight: FloatArray, bias: FloatArray) -> NDArray[np.float64]:
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-12) * weight + bias


def activation(name: str) -> Callable[[float], float]:
    functions: dict[str, Callable[[float], float]] = {
        "relu": lambda x: max(x, 0.0),
        "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
        "gelu_tanh": lambda x: (
            x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        ),
    }
    return functions[name]


def reference_layer(
    written: WrittenStore, layer: int, x: NDArray[np.float64], slices: Sequence[int], bits: int
) -> NDArray[np.float64]:
    """Head by head and slice by slice, as the shards are defined."""
    t = {name.removeprefix(f"layers.{layer}."): tensor for name, tensor in written.resident.items()}
    assert written.manifest.store is not None
    act = np.vectorize(activation(written.manifest.store.architecture.activation), otypes=[float])
    attended = np.zeros_like(x) + t["attention_output_bias"]
    for s in slices:
        query, key, value, output, _, _ = written.weights[layer, s, bits]
        d = len(query)
        rows = slice(s * d, (s + 1) * d)
        q, k, v = (
            x @ w.T + t[f"{name}_bias"][rows]
            for name, w in (("query", query), ("key", key), ("value", value))
        )
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(d)
        scores = np.where(MASK[:, None, :], scores, -np.inf)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        attended += shares / shares.sum(-1, keepdims=True) @ v @ output
    x = norm(x + attended, t["attention_norm.weight"], t["attention_norm.bias"])
    fed = np.zeros_like(x) + t["ffn_out_bias"]
    for s in slices:
        *_, ffn_in, ffn_out = written.weights[layer, s, bits]
        rows = slice(s * len(ffn_in), (s + 1) * len(ffn_in))
        fed += act(x @ ffn_in.T + t["ffn_in_bias"][rows]) @ ffn_out
    return norm(x + fed, t["output_norm.weight"], t["output_norm.bias"])


def reference(written: WrittenStore, slices: Sequence[int], bits: int = 32) -> NDArray[np.float64]:
    assert written.manifest.store is not None
    architecture, t = written.manifest.store.architecture, written.resident
    x = t["embeddings.word"][TOKENS].astype(np.float64)
    first = architecture.position_offset
    x += t["embeddings.position"][first : first + TOKENS.shape[1]]
    if architecture.token_types:
        x += t["embeddings.token_type"][0]
    x = norm(x, t["embeddings.norm.weight"], t["embeddings.norm.bias"])
    for layer in range(written.manifest.layers):
        x = reference_layer(written, layer, x, slices, bits)
    if architecture.head == "classifier":
        pooled = x[:, 0] @ t["head.dense.weight"].T + t["head.dense.bias"]
        relu = architecture.family == "distilbert"
        pooled = pooled.clip(min=0) if relu else np.tanh(pooled)
        logits = pooled @ t["head.output.weight"].T + t["head.output.bias"]
        return np.asarray(logits, dtype=np.float64)
    if architecture.head == "cls_embedding":
        result = x[:, 0]
    else:
        result = np.stack([row[mask].mean(0) for row, mask in zip(x, MASK, strict=True)])
    if architecture.normalise:
        result = result / np.sqrt((result**2).sum(axis=1, keepdims=True))
    return result


VARIANTS: list[dict[str, Any]] = [
    {},
    {"activation": "relu"},
    {"activation": "gelu_tanh"},
    {"family": "roberta", "position_offset": 2, "token_types": 1},
    {"family": "distilbert", "token_types": 0},
    {"head": "mean_embedding", "labels": []},
    {"head": "mean_embedding", "labels": [], "normalise": True},
    {"head": "cls_embedding", "labels": [], "normalise": True},
]


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_family_head_and_activation_equals_its_definition(
    tmp_path: Path, name: EngineName, variant: dict[str, Any]
) -> None:
    written = write_store(tmp_path, **variant)
    store = ShardStore.open(tmp_path)
    found = run(load_engine(name, store), store, [0, 1, 2])
    assert np.abs(found - reference(written, [0, 1, 2])).max() < 2e-5


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("slices", [[0], [2], [0, 2], [1, 2]])
def test_any_subset_of_slices_equals_its_definition(
    tmp_path: Path, name: EngineName, slices: list[int]
) -> None:
    written = write_store(tmp_path)
    store = ShardStore.open(tmp_path)
    found = run(load_engine(name, store), store, slices, bits=4)
    assert np.abs(found - reference(written, slices, bits=4)).max() < 2e-5


def test_numba_stays_within_a_hundred_thousandth_of_numpy(tmp_path: Path) -> None:
    write_store(tmp_path)
    store = ShardStore.open(tmp_path)
    first, second = (run(load_engine(name, store), store, [0, 1, 2]) for name in ENGINES)
    assert np.abs(first - second).max() < 1e-5


@pytest.mark.parametrize("name", ENGINES)
def test_the_same_input_gives_the_same_bits(tmp_path: Path, name: EngineName) -> None:
    write_store(tmp_path)
    store = ShardStore.open(tmp_path)
    engine = load_engine(name, store)
    assert np.array_equal(run(engine, store, [0, 1]), run(engine, store, [0, 1]))


@pytest.mark.parametrize("name", ENGINES)
def test_an_input_s_result_does_not_depend_on_its_padding(tmp_path: Path, name: EngineName) -> None:
    write_store(tmp_path)
    store = ShardStore.open(tmp_path)
    engine = load_engine(name, store)
    weights = layer_weights(engine, store, 0, [0, 1, 2], 32)
    padded = engine.layer(engine.embed(TOKENS[:1], MASK[:1]), MASK[:1], weights)
    mask = MASK[:1, :4]
    bare = engine.layer(engine.embed(TOKENS[:1, :4], mask), mask, weights)
    assert np.abs(padded[:, :4] - bare).max() < 1e-5


def test_a_layer_leaves_its_input_alone(tmp_path: Path) -> None:
    write_store(tmp_path)
    store = ShardStore.open(tmp_path)
    engine = load_engine("numpy", store)
    hidden = engine.embed(TOKENS, MASK)
    before = hidden.copy()
    first = engine.layer(hidden, MASK, layer_weights(engine, store, 0, [0], 32))
    kept = first.copy()
    engine.layer(first, MASK, layer_weights(engine, store, 1, [0], 32))
    assert np.array_equal(hidden, before)
    assert np.array_equal(first, kept)


def test_working_arrays_stop_growing(tmp_path: Path) -> None:
    write_store(tmp_path)
    store = ShardStore.open(tmp_path)
    engine = load_engine("numpy", store)
    run(engine, store, [0, 1, 2], bits=3)
    before = engine.nbytes
    run(engine, store, [0, 1, 2], bits=3)
    assert engine.nbytes == before > 0


def test_erf_within_gelu_is_right_to_a_millionth() -> None:
    x = np.concatenate([np.linspace(-8, 8, 40_001), [1e-30, -1e-30, 1e4, -1e4]]).astype(np.float32)
    x = x[x != 0]
    result = x.copy()
    gelu(result, *np.empty((3, x.size), dtype=np.float32))
    erf = 2 * (result.astype(np.float64) / x) - 1
    exact = np.array([math.erf(v / math.sqrt(2)) for v in x.tolist()])
    assert np.abs(erf - exact).max() < 1e-6


def test_tokens_outside_the_vocabulary_are_refused(tmp_path: Path) -> None:
    write_store(tmp_path)
    engine = load_engine("numpy", ShardStore.open(tmp_path))
    with pytest.raises(InputError, match=r"within 0\.\.39, got 40"):
        engine.embed(np.array([[1, 40]]), np.ones((1, 2), dtype=np.bool_))


def test_more_tokens_than_positions_are_refused(tmp_path: Path) -> None:
    write_store(tmp_path, position_offset=2)
    engine = load_engine("numpy", ShardStore.open(tmp_path))
    with pytest.raises(InputError, match=r"must have 1\.\.14 tokens, got 15"):
        engine.embed(np.ones((1, 15), dtype=np.int64), np.ones((1, 15), dtype=np.bool_))


def test_a_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    write_store(tmp_path)
    engine = load_engine("numpy", ShardStore.open(tmp_path))
    with pytest.raises(InputError, match="must have one shape"):
        engine.embed(np.ones((1, 5), dtype=np.int64), np.ones((1, 4), dtype=np.bool_))


def test_an_unknown_engine_is_refused(tmp_path: Path) -> None:
    write_store(tmp_path)
    with pytest.raises(InputError, match="one of auto, numpy, numba, got 'torch'"):
        load_engine(cast("EngineName", "torch"), ShardStore.open(tmp_path))


def test_numba_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_store(tmp_path)
    store = ShardStore.open(tmp_path)

    def find_nothing(_name: str) -> None:
        return None

    monkeypatch.setattr("shard_runtime.engine.find_spec", find_nothing)
    with pytest.raises(InputError, match=r"shardstream-runtime\[fast\]"):
        load_engine("numba", store)
    assert type(load_engine("auto", store)) is NumpyEngine
