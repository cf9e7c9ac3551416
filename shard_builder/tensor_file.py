"""Tensors of a checkpoint folder from safetensors files, as float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import safetensors

from shard_builder.errors import CheckpointError
from shard_builder.settings_file import SettingsFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
PICKLED_FILES = ("pytorch_model.bin", "pytorch_model.bin.index.json")

_OLD_NORM_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
"""Checkpoints converted from TensorFlow before 2019 still carry these names."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as the file holds it: its type's name, shape and bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: bytearray

    def as_float32(self) -> NDArray[np.float32]:
        """The values as float32; CheckpointError for a type that holds no such weights.

        A bfloat16 is the upper half of a float32.
        """
        match self.dtype:
            case "F32":
                values = np.frombuffer(self.data, "<f4")
            case "F16":
                values = np.frombuffer(self.data, "<f2").astype(np.float32)
            case "BF16":
                halves = np.frombuffer(self.data, "<u2").astype(np.uint32)
                values = (halves << np.uint32(16)).view(np.float32)
            case _:
                message = f"type must be F32, F16 or BF16, got {self.dtype}"
                raise CheckpointError(message)
        return values.reshape(self.shape)


def read_tensors(folder: Path) -> dict[str, StoredTensor]:
    """All tensors of a folder by name, from one file or from the files an index lists."""
    tensors: dict[str, StoredTensor] = {}
    for name in _file_names(folder):
        for tensor_name, tensor in _read_file(folder / name):
            tensors[_current_name(tensor_name)] = tensor
    return tensors


def _file_names(folder: Path) -> list[str]:
    if (folder / SINGLE_FILE).is_file():
        return [SINGLE_FILE]
    if (folder / INDEX_FILE).is_file():
        return _indexed_files(folder / INDEX_FILE)
    pickled = [name for name in PICKLED_FILES if (folder / name).exists()]
    found = f"it has only {pickled[0]}, which can run code when loaded" if pickled else "none found"
    message = f"{folder} must hold {SINGLE_FILE} or {INDEX_FILE}: {found}"
    raise CheckpointError(message)


def _indexed_files(path: Path) -> list[str]:
    index = SettingsFile.read(path)
    files = index.fields.get("weight_map")
    if not isinstance(files, dict) or not files:
        index.refuse("weight_map", "must map tensor names to files")
    names = sorted({str(name) for name in cast("Mapping[str, object]", files).values()})
    for name in names:
        if "/" in name or "\\" in name or name.startswith("."):
            message = f"{path}: weight_map must name files of the folder itself, got {name!r}"
            raise CheckpointError(message)
    return names


def _read_file(path: Path) -> Iterator[tuple[str, StoredTensor]]:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        message = f"{path} must exist: {INDEX_FILE} lists it"
        raise CheckpointError(message) from error
    try:
        entries = cast(
            "list[tuple[str, dict[str, Any]]]",
            safetensors.deserialize(content),  # pyright: ignore[reportUnknownMemberType] - untyped
        )
    except safetensors.SafetensorError as error:
        message = f"{path} must be a whole safetensors file: {error}"
        raise CheckpointError(message) from error
    for name, entry in entries:
        yield name, StoredTensor(entry["dtype"], tuple(entry["shape"]), entry["data"])


def _current_name(name: str) -> str:
    for old, new in _OLD_NORM_NAMES.items():
        name = name.replace(old, new)
    return name
