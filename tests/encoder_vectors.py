"""Outputs of the transformers reference implementation, and the checkpoints they belong to.

tests/golden/make_encoder_vectors.py makes the files in tests/golden/encoder.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from checkpoints import add_sentence_transformer, write_checkpoint

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "golden" / "encoder"
EXAMPLE = "all-MiniLM-L6-v2"


@dataclass(frozen=True, kw_only=True)
class EncoderVector:
    """Token ids and mask (batch x sequence) and the model's outputs (batch x outputs).

    `checkpoint`: the arguments of `write_checkpoint`; None for the example model. `pooling` and
    `normalise` make a sentence-transformers folder of it.
    """

    name: str
    checkpoint: dict[str, Any] | None
    pooling: str | None
    normalise: bool
    token_ids: NDArray[np.int64]
    attention_mask: NDArray[np.bool_]
    outputs: NDArray[np.float32]


def vector_names() -> list[str]:
    """Names of all stored vectors."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load_vector(name: str) -> EncoderVector:
    """Read one stored vector."""
    content = json.loads((FOLDER / f"{name}.json").read_text())
    return EncoderVector(
        name=name,
        checkpoint=content["checkpoint"],
        pooling=content["pooling"],
        normalise=content["normalise"],
        token_ids=np.array(content["token_ids"], dtype=np.int64),
        attention_mask=np.array(content["attention_mask"], dtype=np.bool_),
        outputs=np.array(content["outputs"], dtype=np.float32),
    )


def make_checkpoint(
    folder: Path, checkpoint: dict[str, Any], pooling: str | None, *, normalise: bool
) -> Path:
    """Write the tiny checkpoint that a vector belongs to."""
    write_checkpoint(folder, **checkpoint)
    if pooling is not None:
        modules = ("Transformer", "Pooling", "Normalize") if normalise else None
        add_sentence_transformer(
            folder, pooling=pooling, modules=modules or ("Transformer", "Pooling")
        )
    return folder
