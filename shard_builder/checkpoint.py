"""A Hugging Face checkpoint folder of the BERT family, read into one form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from plan_contracts import Architecture, Geometry
from shard_builder.configuration import Configuration, Elasticity, read_configuration
from shard_builder.errors import CheckpointError
from shard_builder.pooling import Pooling, read_pooling
from shard_builder.slicing import layer_matrices
from shard_builder.tensor_file import StoredTensor, read_tensors
from shard_builder.tensor_names import (
    CROSS_ATTENTION,
    EMBEDDINGS,
    NAMES,
    RELATIVE_POSITIONS,
    WORD_EMBEDDINGS,
    embedding_shapes,
    head_shapes,
    layer_resident_shapes,
    matrix_shapes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from shard_runtime.weights import FloatArray, Matrices

TOKENIZER_FILE = "tokenizer.json"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A model ready to be sharded: all weights float32 and finite.

    `resident` holds what is not sharded, by its name in the store (docs/formats/shard-store.md).
    `elasticity` is None for a model that was trained as a whole only.
    """

    model: str
    architecture: Architecture
    geometry: Geometry
    layers: tuple[Matrices, ...]
    resident: Mapping[str, NDArray[np.float32]]
    tokenizer: Path | None
    elasticity: Elasticity | None = None


def read_checkpoint(
    folder: Path, *, model: str | None = None, embeddings: Path | None = None
) -> Checkpoint:
    """Read a checkpoint folder; `model` names it (None: the folder's name).

    Takes `config.json`, `model.safetensors` (or its index and parts) and, if there,
    `tokenizer.json`; a sentence-transformers folder also `modules.json`. `embeddings` is another
    checkpoint folder, for one that lacks embeddings and tokeniser and names its tensors without a
    prefix. CheckpointError says why a checkpoint cannot be sharded: the field or tensor, its value
    and the rule.
    """
    if not folder.is_dir():
        message = f"a checkpoint must be a folder, got {folder}"
        raise CheckpointError(message)
    pooling = read_pooling(folder)
    place = pooling.transformer
    borrowed = {} if embeddings is None else embedding_tensors(read_tensors(embeddings))
    tensors = _Tensors(place, borrowed | read_tensors(place))
    configuration = read_configuration(place / "config.json")
    head = _head_tensors(tensors, configuration)
    return Checkpoint(
        model=model or folder.resolve().name,
        architecture=_architecture(configuration, pooling, head),
        geometry=configuration.geometry,
        layers=tuple(
            _layer_matrices(tensors, configuration, layer) for layer in range(configuration.layers)
        ),
        resident=_body_resident(tensors, configuration) | head,
        tokenizer=_tokenizer(folder, place, *([] if embeddings is None else [embeddings])),
        elasticity=configuration.elasticity,
    )


def embedding_tensors(tensors: Mapping[str, StoredTensor]) -> dict[str, StoredTensor]:
    """The embeddings among a checkpoint's tensors, by name without prefix."""
    return {
        name[name.index(EMBEDDINGS) :]: tensor
        for name, tensor in tensors.items()
        if EMBEDDINGS in name
    }


class _Tensors:
    """Looks tensors up by their name below the prefix, and checks them."""

    def __init__(self, folder: Path, tensors: Mapping[str, StoredTensor]) -> None:
        self._folder = folder
        self._tensors = tensors
        self._prefix = self._find_prefix()
        for forbidden in (CROSS_ATTENTION, RELATIVE_POSITIONS):
            for name in tensors:
                if forbidden in name:
                    message = f"{folder}: a plain encoder must have no {forbidden}, got {name}"
                    raise CheckpointError(message)

    def _find_prefix(self) -> str:
        found = [name for name in self._tensors if name.endswith(WORD_EMBEDDINGS)]
        if len(found) != 1:
            message = (
                f"{self._folder}: exactly one tensor must be named [prefix.]{WORD_EMBEDDINGS}, "
                f"got {found or 'none'}"
            )
            raise CheckpointError(message)
        return found[0].removesuffix(WORD_EMBEDDINGS)

    def find(self, name: str) -> StoredTensor | None:
        """The tensor below the prefix, or else under the bare name."""
        return self._tensors.get(self._prefix + name) or self._tensors.get(name)

    def require(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """The values of a tensor; CheckpointError if missing, misshapen or not finite."""
        tensor = self.find(name)
        if tensor is None:
            message = f"{self._folder}: tensor {name} must be there, it is missing"
            raise CheckpointError(message)
        where = f"{self._folder}: tensor {name}"
        if tensor.shape != shape:
            message = f"{where} must have shape {list(shape)}, got {list(tensor.shape)}"
            raise CheckpointError(message)
        try:
            values = tensor.as_float32()
        except CheckpointError as error:
            message = f"{where}: {error}"
            raise CheckpointError(message) from error
        wrong = values.size - int(np.isfinite(values).sum())
        if wrong:
            message = f"{where} must be finite, got {wrong} values that are NaN or infinite"
            raise CheckpointError(message)
        return values


def _body_resident(tensors: _Tensors, configuration: Configuration) -> dict[str, FloatArray]:
    names = NAMES[configuration.family]
    resident = {
        store: tensors.require(names.embeddings[store], shape)
        for store, shape in embedding_shapes(configuration).items()
    }
    for layer in range(configuration.layers):
        for store, shape in layer_resident_shapes(configuration).items():
            name = f"{names.stack}.{layer}.{names.layer_resident[store]}"
            resident[f"layers.{layer}.{store}"] = tensors.require(name, shape)
    return resident


def _layer_matrices(tensors: _Tensors, configuration: Configuration, layer: int) -> Matrices:
    names = NAMES[configuration.family]
    return layer_matrices(
        {
            store: tensors.require(f"{names.stack}.{layer}.{names.matrices[store]}", shape)
            for store, shape in matrix_shapes(configuration).items()
        }
    )


def _head_tensors(tensors: _Tensors, configuration: Configuration) -> dict[str, FloatArray]:
    """The classifier's head by store name; empty for an encoder."""
    names = NAMES[configuration.family].head
    output = tensors.find(names["head.output.bias"])
    is_classifier = configuration.is_classifier
    if is_classifier is None:
        is_classifier = output is not None
    if not is_classifier:
        return {}
    outputs = len(configuration.labels) or (output.shape[0] if output else 0)
    shapes = head_shapes(configuration.geometry.hidden, outputs)
    return {store: tensors.require(name, shapes[store]) for store, name in names.items()}


def _architecture(
    configuration: Configuration, pooling: Pooling, head: Mapping[str, FloatArray]
) -> Architecture:
    outputs = len(head["head.output.bias"]) if head else 0
    unnamed = tuple(f"LABEL_{index}" for index in range(outputs))
    return Architecture(
        family=configuration.family,
        vocabulary=configuration.vocabulary,
        maximum_positions=configuration.positions,
        position_offset=configuration.position_offset,
        token_types=configuration.token_types,
        layer_norm_epsilon=configuration.epsilon,
        activation=configuration.activation,
        pad_token=configuration.pad_token,
        head="classifier" if head else pooling.head,
        normalise=pooling.normalise and not head,
        labels=(configuration.labels or unnamed) if head else (),
    )


def _tokenizer(*folders: Path) -> Path | None:
    paths = (folder / TOKENIZER_FILE for folder in folders)
    found = next((path for path in paths if path.is_file()), None)
    if found is not None:
        _require_tokenizer(found)
    return found


def _require_tokenizer(file: Path) -> None:
    try:
        Tokenizer.from_file(str(file))
    except Exception as error:  # the package raises no narrower one
        message = f"{file} must be a tokenizer that the package tokenizers reads: {error}"
        raise CheckpointError(message) from error
