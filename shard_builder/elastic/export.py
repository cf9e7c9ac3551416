"""Trained weights as a Hugging Face checkpoint: its tensors and its config.json."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shard_builder.configuration import ELASTICITY_FIELD
from shard_builder.tensor_names import NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shard_builder.configuration import Elasticity, Family
    from shard_runtime.weights import FloatArray

BODY: dict[Family, str] = {"bert": "bert.", "roberta": "roberta.", "distilbert": "distilbert."}
POOLER = "pooler."
"""Part of a BERT's body, though only its head uses it."""

CLASSIFIER: dict[Family, str] = {
    "bert": "BertForSequenceClassification",
    "roberta": "RobertaForSequenceClassification",
    "distilbert": "DistilBertForSequenceClassification",
}
TRANSPOSED = ("attention_output", "ffn_out")


def checkpoint_tensors(weights: Mapping[str, FloatArray], family: Family) -> dict[str, FloatArray]:
    """The weights of a store under the names and in the layouts of a checkpoint."""
    return {
        _checkpoint_name(store, family): _laid_out(store, values)
        for store, values in weights.items()
    }


def _checkpoint_name(store: str, family: Family) -> str:
    names = NAMES[family]
    if store in names.head:
        own = names.head[store]
        return f"{BODY[family]}{own}" if own.startswith(POOLER) else own
    if store in names.embeddings:
        return BODY[family] + names.embeddings[store]
    _, layer, part = store.split(".", 2)
    own = {**names.matrices, **names.layer_resident}[part]
    return f"{BODY[family]}{names.stack}.{layer}.{own}"


def _laid_out(store: str, values: FloatArray) -> FloatArray:
    return np.ascontiguousarray(values.T) if store.endswith(TRANSPOSED) else values


def classifier_configuration(
    base: Mapping[str, object], family: Family, labels: tuple[str, ...], elasticity: Elasticity
) -> dict[str, object]:
    """config.json of the trained model: the base's, with its class, labels and elasticity."""
    fields = {name: value for name, value in base.items() if not name.startswith("_")}
    return fields | {
        "architectures": [CLASSIFIER[family]],
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
        ELASTICITY_FIELD: elasticity.as_field(),
    }
