"""How Hugging Face names the tensors of each family, and what they are called in a store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shard_builder.configuration import Configuration, Family

WORD_EMBEDDINGS = "embeddings.word_embeddings.weight"
"""Every family has this tensor; what stands before it is the prefix of the body."""

EMBEDDINGS = "embeddings."
"""In every family their names begin with this, below the prefix; no other name has it."""

CROSS_ATTENTION = "crossattention"
RELATIVE_POSITIONS = "distance_embedding"


@dataclass(frozen=True, kw_only=True)
class TensorNames:
    """Store name -> checkpoint name. Layer names stand below `<stack>.<layer>.`."""

    embeddings: Mapping[str, str]
    stack: str
    matrices: Mapping[str, str]
    layer_resident: Mapping[str, str]
    head: Mapping[str, str]


def _linear_pair(store: str, checkpoint: str) -> dict[str, str]:
    return {f"{store}.weight": f"{checkpoint}.weight", f"{store}.bias": f"{checkpoint}.bias"}


def _head(dense: str, output: str) -> dict[str, str]:
    return _linear_pair("head.dense", dense) | _linear_pair("head.output", output)


_EMBEDDINGS_WITHOUT_TYPES = {
    "embeddings.word": WORD_EMBEDDINGS,
    "embeddings.position": "embeddings.position_embeddings.weight",
    **_linear_pair("embeddings.norm", "embeddings.LayerNorm"),
}
_EMBEDDINGS = {
    **_EMBEDDINGS_WITHOUT_TYPES,
    "embeddings.token_type": "embeddings.token_type_embeddings.weight",
}
_BERT_LINEAR = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "ffn_in": "intermediate.dense",
    "ffn_out": "output.dense",
}
_DISTILBERT_LINEAR = {
    "query": "attention.q_lin",
    "key": "attention.k_lin",
    "value": "attention.v_lin",
    "attention_output": "attention.out_lin",
    "ffn_in": "ffn.lin1",
    "ffn_out": "ffn.lin2",
}


def _family_names(
    *,
    embeddings: Mapping[str, str],
    stack: str,
    linear: Mapping[str, str],
    norms: tuple[str, str],
    head: Mapping[str, str],
) -> TensorNames:
    attention_norm, output_norm = norms
    return TensorNames(
        embeddings=embeddings,
        stack=stack,
        matrices={store: f"{name}.weight" for store, name in linear.items()},
        layer_resident={f"{store}_bias": f"{name}.bias" for store, name in linear.items()}
        | _linear_pair("attention_norm", attention_norm)
        | _linear_pair("output_norm", output_norm),
        head=head,
    )


NAMES: dict[Family, TensorNames] = {
    "bert": _family_names(
        embeddings=_EMBEDDINGS,
        stack="encoder.layer",
        linear=_BERT_LINEAR,
        norms=("attention.output.LayerNorm", "output.LayerNorm"),
        head=_head("pooler.dense", "classifier"),
    ),
    "roberta": _family_names(
        embeddings=_EMBEDDINGS,
        stack="encoder.layer",
        linear=_BERT_LINEAR,
        norms=("attention.output.LayerNorm", "output.LayerNorm"),
        head=_head("classifier.dense", "classifier.out_proj"),
    ),
    "distilbert": _family_names(
        embeddings=_EMBEDDINGS_WITHOUT_TYPES,
        stack="transformer.layer",
        linear=_DISTILBERT_LINEAR,
        norms=("sa_layer_norm", "output_layer_norm"),
        head=_head("pre_classifier", "classifier"),
    ),
}


def embedding_shapes(configuration: Configuration) -> dict[str, tuple[int, ...]]:
    """Shapes of the embedding tensors by store name; no token types: no such tensor."""
    hidden = configuration.geometry.hidden
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word": (configuration.vocabulary, hidden),
        "embeddings.position": (configuration.positions, hidden),
        "embeddings.token_type": (configuration.token_types, hidden),
        "embeddings.norm.weight": (hidden,),
        "embeddings.norm.bias": (hidden,),
    }
    return {name: shapes[name] for name in NAMES[configuration.family].embeddings}


def matrix_shapes(configuration: Configuration) -> dict[str, tuple[int, ...]]:
    """Shapes of a layer's matrices, [outputs, inputs], by store name."""
    hidden, ffn = configuration.geometry.hidden, configuration.geometry.ffn
    square = dict.fromkeys(("query", "key", "value", "attention_output"), (hidden, hidden))
    return {**square, "ffn_in": (ffn, hidden), "ffn_out": (hidden, ffn)}


def layer_resident_shapes(configuration: Configuration) -> dict[str, tuple[int, ...]]:
    """Shapes of a layer's biases and norms by store name."""
    hidden, ffn = configuration.geometry.hidden, configuration.geometry.ffn
    names = NAMES[configuration.family].layer_resident
    return {name: (ffn,) if name == "ffn_in_bias" else (hidden,) for name in names}


def head_shapes(hidden: int, outputs: int) -> dict[str, tuple[int, ...]]:
    """Shapes of a classifier's head by store name."""
    return {
        "head.dense.weight": (hidden, hidden),
        "head.dense.bias": (hidden,),
        "head.output.weight": (outputs, hidden),
        "head.output.bias": (outputs,),
    }
