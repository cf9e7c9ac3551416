"""Small shard stores written by hand, bit by bit, from the format's description.

Nothing here comes from the builder: tables, codes and outliers are random, and each shard's true
weights are kept beside what is written, as a reference for decoding and for the forward pass.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from plan_contracts import ModelManifest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Shard = tuple[bytes, list[NDArray[np.float32]]]

BITWIDTHS = (2, 3, 4, 5, 6, 32)
NORM_TENSORS = ("attention_norm.weight", "output_norm.weight")
ARCHITECTURE = {
    "family": "bert",
    "vocabulary": 40,
    "maximum_positions": 16,
    "position_offset": 0,
    "token_types": 2,
    "layer_norm_epsilon": 1e-12,
    "activation": "gelu",
    "pad_token": 0,
    "head": "classifier",
    "labels": ["no", "yes"],
}


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes of a small model."""

    hidden: int = 24
    heads: int = 3
    ffn: int = 48
    layers: int = 2

    @property
    def rows(self) -> tuple[int, ...]:
        return (self.hidden // self.heads,) * 4 + (self.ffn // self.heads,) * 2


SMALL = Sizes()


@dataclass(frozen=True, kw_only=True)
class WrittenStore:
    """A store folder, its sealed manifest, and the weights by (layer, slice, bits)."""

    folder: Path
    manifest: ModelManifest
    weights: dict[tuple[int, int, int], list[NDArray[np.float32]]]
    resident: dict[str, NDArray[np.float32]]


def bit_stream(codes: list[int], bits: int) -> bytes:
    """Code i in bits [i*b, (i+1)*b), lowest bit first, padded to whole 4-byte words."""
    number = sum(code << (index * bits) for index, code in enumerate(codes))
    words = -(-len(codes) * bits // 32)
    return number.to_bytes(4 * words, "little")


def normals(
    rng: np.random.Generator, mean: float, sigma: float, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    return np.asarray(rng.normal(mean, sigma, shape), dtype=np.float32)


def random_shard(
    rng: np.random.Generator, rows: tuple[int, ...], hidden: int, bits: int, outliers: int = 2
) -> Shard:
    """An encoded shard and its six true matrices."""
    matrices = [normals(rng, 0, 0.2, (r, hidden)) for r in rows]
    if bits == 32:
        return b"".join(matrix.tobytes() for matrix in matrices), matrices
    header, body = b"", b""
    for matrix in matrices:
        table = normals(rng, 0, 0.2, (2**bits,))
        codes = rng.integers(0, 2**bits, matrix.size)
        positions = np.sort(rng.choice(matrix.size, outliers, replace=False))
        codes[positions] = 0
        values = normals(rng, 0, 2, (outliers,))
        matrix[:] = table[codes].reshape(matrix.shape)
        matrix.reshape(-1)[positions] = values
        header += struct.pack("<I", outliers)
        body += table.tobytes() + positions.astype("<u4").tobytes() + values.tobytes()
        body += bit_stream(codes.tolist(), bits)
    return header + body, matrices


def write_safetensors(tensors: Mapping[str, NDArray[np.float32]]) -> bytes:
    """The safetensors format by hand."""
    header: dict[str, Any] = {"__metadata__": {"made": "by hand"}}
    data = b""
    for name, tensor in tensors.items():
        end = len(data) + tensor.nbytes
        header[name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [len(data), end],
        }
        data += tensor.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def random_resident(
    rng: np.random.Generator, sizes: Sizes, architecture: Mapping[str, Any]
) -> dict[str, NDArray[np.float32]]:
    """Embeddings, biases, norms and head."""
    hidden, labels = sizes.hidden, len(architecture["labels"])
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word": (architecture["vocabulary"], hidden),
        "embeddings.position": (architecture["maximum_positions"], hidden),
        "embeddings.norm.weight": (hidden,),
        "embeddings.norm.bias": (hidden,),
    }
    if architecture["token_types"]:
        shapes["embeddings.token_type"] = (architecture["token_types"], hidden)
    for layer in range(sizes.layers):
        for name in ("query", "key", "value", "attention_output", "ffn_out"):
            shapes[f"layers.{layer}.{name}_bias"] = (hidden,)
        shapes[f"layers.{layer}.ffn_in_bias"] = (sizes.ffn,)
        for name in ("attention_norm", "output_norm"):
            shapes[f"layers.{layer}.{name}.weight"] = (hidden,)
            shapes[f"layers.{layer}.{name}.bias"] = (hidden,)
    if architecture["head"] == "classifier":
        shapes |= {"head.dense.weight": (hidden, hidden), "head.dense.bias": (hidden,)}
        shapes |= {"head.output.weight": (labels, hidden), "head.output.bias": (labels,)}
    return {name: normals(rng, 0.1, 0.5, shape) for name, shape in shapes.items()}


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def write_store(
    folder: Path,
    *,
    sizes: Sizes = SMALL,
    bitwidths: tuple[int, ...] = BITWIDTHS,
    seed: int = 0,
    **architecture: object,
) -> WrittenStore:
    """Write a random store; keyword arguments override fields of its architecture."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    described = {**ARCHITECTURE, **architecture}
    resident = random_resident(rng, sizes, described)
    resident_file = write_safetensors(resident)
    (folder / "resident.safetensors").write_bytes(resident_file)
    weights: dict[tuple[int, int, int], list[NDArray[np.float32]]] = {}
    ranges: dict[str, list[list[dict[str, Any]]]] = {}
    for bits in bitwidths:
        content, table = b"", list[list[dict[str, Any]]]()
        for layer in range(sizes.layers):
            table.append([])
            for index in range(sizes.heads):
                encoded, weights[layer, index, bits] = random_shard(
                    rng, sizes.rows, sizes.hidden, bits, outliers=2 + index
                )
                table[-1].append(
                    {
                        "file": f"shards-{bits}.bin",
                        "offset": len(content),
                        "length": len(encoded),
                        "sha256": digest(encoded),
                    }
                )
                content += encoded
        (folder / f"shards-{bits}.bin").write_bytes(content)
        ranges[str(bits)] = table
    manifest = ModelManifest.from_json(
        json.dumps(
            {
                "model": "small-random",
                "layers": sizes.layers,
                "slices": sizes.heads,
                "geometry": {"hidden": sizes.hidden, "heads": sizes.heads, "ffn": sizes.ffn},
                "bitwidths": bitwidths,
                "shard_bytes": {
                    bits: [[stored["length"] for stored in row] for row in table]
                    for bits, table in ranges.items()
                },
                "resident_bytes": sum(tensor.nbytes for tensor in resident.values()),
                "decoded_shard_bytes": 4 * sizes.hidden * sum(sizes.rows),
                "slice_selection": "any",
                "depths": list(range(1, sizes.layers + 1)),
                "widths": list(range(1, sizes.heads + 1)),
                "store": {
                    "quantiser": "random",
                    "architecture": described,
                    "resident": {
                        "file": "resident.safetensors",
                        "bytes": len(resident_file),
                        "sha256": digest(resident_file),
                    },
                    "shards": ranges,
                },
            }
        )
    ).sealed()
    (folder / "manifest.json").write_text(manifest.to_json())
    return WrittenStore(folder=folder, manifest=manifest, weights=weights, resident=resident)
