"""Tiny random Hugging Face checkpoint folders, the same for the same arguments."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from safetensors import TensorSpec, serialize_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Family = Literal["bert", "roberta", "distilbert"]
Head = Literal["encoder", "classifier"]
Stored = Literal["float32", "float16", "bfloat16"]
Tensors = dict[str, "NDArray[np.float32]"]

MODEL_CLASS = {"bert": "Bert", "roberta": "Roberta", "distilbert": "DistilBert"}
PAD_TOKEN = {"bert": 0, "roberta": 1, "distilbert": 0}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of a tiny model."""

    hidden: int = 24
    heads: int = 3
    ffn: int = 48
    layers: int = 2
    vocabulary: int = 40
    positions: int = 20
    labels: int = 3


TINY = Shape()


def write_checkpoint(  # noqa: PLR0913 - each argument is one variation a test may want
    folder: Path,
    *,
    family: Family = "bert",
    head: Head = "classifier",
    shape: Shape = TINY,
    seed: int = 0,
    stored: Stored = "float32",
    prefixed: bool = True,
    config: Mapping[str, object] | None = None,
    tokenizer: bool = True,
) -> Path:
    """Write config.json, model.safetensors and tokenizer.json; `config` overrides fields."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = configuration(family, head, shape) | dict(config or {})
    (folder / "config.json").write_text(json.dumps(settings, indent=1))
    save_tensors(
        folder / "model.safetensors",
        random_tensors(family, head, shape, seed=seed, prefixed=prefixed),
        stored,
    )
    if tokenizer:
        tiny_tokenizer(family, shape.vocabulary).save(str(folder / "tokenizer.json"))
    return folder


def configuration(family: Family, head: Head, shape: Shape) -> dict[str, Any]:
    """The config.json of a tiny model."""
    suffix = "ForSequenceClassification" if head == "classifier" else "Model"
    common = {
        "model_type": family,
        "architectures": [MODEL_CLASS[family] + suffix],
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.positions,
        "pad_token_id": PAD_TOKEN[family],
        "id2label": {str(index): f"label-{index}" for index in range(shape.labels)},
        "label2id": {f"label-{index}": index for index in range(shape.labels)},
    }
    if family == "distilbert":
        return common | {
            "dim": shape.hidden,
            "n_heads": shape.heads,
            "hidden_dim": shape.ffn,
            "n_layers": shape.layers,
            "activation": "gelu",
        }
    return common | {
        "hidden_size": shape.hidden,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.ffn,
        "num_hidden_layers": shape.layers,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12 if family == "bert" else 1e-5,
        "type_vocab_size": 2 if family == "bert" else 1,
    }


def random_tensors(
    family: Family, head: Head, shape: Shape, *, seed: int = 0, prefixed: bool = True
) -> Tensors:
    """Weights under the names that Hugging Face gives them."""
    sizes = _body_sizes(family, shape)
    if prefixed:
        sizes = {f"{family}.{name}": size for name, size in sizes.items()}
    if head == "classifier":
        sizes |= _head_sizes(family, shape, prefixed=prefixed)
    generator = np.random.default_rng(seed)
    return {name: _random(name, size, generator) for name, size in sizes.items()}


def save_tensors(path: Path, tensors: Tensors, stored: Stored = "float32") -> None:
    """Write a safetensors file with all tensors in one type."""
    arrays = {name: _as_stored(values, stored) for name, values in tensors.items()}
    specs = {
        name: TensorSpec(
            dtype=stored,
            shape=list(tensors[name].shape),
            data_ptr=array.ctypes.data,
            data_len=array.nbytes,
        )
        for name, array in arrays.items()
    }
    serialize_file(specs, str(path))


def add_sentence_transformer(
    folder: Path,
    *,
    pooling: str = "mean",
    modules: Sequence[str] = ("Transformer", "Pooling", "Normalize"),
) -> Path:
    """Turn an encoder folder into a sentence-transformers folder."""
    listed = [
        {
            "idx": index,
            "name": str(index),
            "path": "" if name == "Transformer" else f"{index}_{name}",
            "type": f"sentence_transformers.models.{name}",
        }
        for index, name in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(listed))
    place = folder / "1_Pooling"
    place.mkdir()
    modes = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens"}
    fields = {f"pooling_mode_{field}": mode == pooling for mode, field in modes.items()}
    (place / "config.json").write_text(json.dumps(fields))
    return folder


def tiny_tokenizer(family: Family, vocabulary: int) -> Tokenizer:
    """Words `w0`, `w1`, …; a sentence becomes <cls> words <sep>; the pad id is the family's."""
    pad = PAD_TOKEN[family]
    special = {"<pad>": pad, "<cls>": 1 - pad, "<sep>": 2, "<unk>": 3}
    words = {f"w{index}": 4 + index for index in range(vocabulary - 4)}
    tokenizer = Tokenizer(WordLevel(special | words, unk_token="<unk>"))  # noqa: S106 - a word
    tokenizer.pre_tokenizer = WhitespaceSplit()  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.post_processor = TemplateProcessing(  # pyright: ignore[reportAttributeAccessIssue]
        single="<cls> $A <sep>",
        special_tokens=[("<cls>", special["<cls>"]), ("<sep>", special["<sep>"])],
    )
    return tokenizer


def _body_sizes(family: Family, shape: Shape) -> dict[str, tuple[int, ...]]:
    sizes = {
        "embeddings.word_embeddings.weight": (shape.vocabulary, shape.hidden),
        "embeddings.position_embeddings.weight": (shape.positions, shape.hidden),
        **_norm("embeddings.LayerNorm", shape.hidden),
    }
    if family != "distilbert":
        types = 2 if family == "bert" else 1
        sizes["embeddings.token_type_embeddings.weight"] = (types, shape.hidden)
    layer_sizes = _distilbert_layer if family == "distilbert" else _bert_layer
    stack = "transformer.layer" if family == "distilbert" else "encoder.layer"
    for layer in range(shape.layers):
        sizes |= {f"{stack}.{layer}.{name}": size for name, size in layer_sizes(shape).items()}
    return sizes


def _bert_layer(shape: Shape) -> dict[str, tuple[int, ...]]:
    return {
        **_linear("attention.self.query", shape.hidden, shape.hidden),
        **_linear("attention.self.key", shape.hidden, shape.hidden),
        **_linear("attention.self.value", shape.hidden, shape.hidden),
        **_linear("attention.output.dense", shape.hidden, shape.hidden),
        **_norm("attention.output.LayerNorm", shape.hidden),
        **_linear("intermediate.dense", shape.ffn, shape.hidden),
        **_linear("output.dense", shape.hidden, shape.ffn),
        **_norm("output.LayerNorm", shape.hidden),
    }


def _distilbert_layer(shape: Shape) -> dict[str, tuple[int, ...]]:
    return {
        **_linear("attention.q_lin", shape.hidden, shape.hidden),
        **_linear("attention.k_lin", shape.hidden, shape.hidden),
        **_linear("attention.v_lin", shape.hidden, shape.hidden),
        **_linear("attention.out_lin", shape.hidden, shape.hidden),
        **_norm("sa_layer_norm", shape.hidden),
        **_linear("ffn.lin1", shape.ffn, shape.hidden),
        **_linear("ffn.lin2", shape.hidden, shape.ffn),
        **_norm("output_layer_norm", shape.hidden),
    }


def _head_sizes(family: Family, shape: Shape, *, prefixed: bool) -> dict[str, tuple[int, ...]]:
    dense = {
        "bert": "bert.pooler.dense" if prefixed else "pooler.dense",
        "roberta": "classifier.dense",
        "distilbert": "pre_classifier",
    }[family]
    output = "classifier.out_proj" if family == "roberta" else "classifier"
    return {
        **_linear(dense, shape.hidden, shape.hidden),
        **_linear(output, shape.labels, shape.hidden),
    }


def _linear(name: str, outputs: int, inputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str, size: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}


def _random(
    name: str, size: tuple[int, ...], generator: np.random.Generator
) -> NDArray[np.float32]:
    values = generator.standard_normal(size)
    is_norm_weight = name.lower().endswith(("layernorm.weight", "layer_norm.weight"))
    return ((1 + 0.1 * values) if is_norm_weight else 0.2 * values).astype(np.float32)


def _as_stored(values: NDArray[np.float32], stored: Stored) -> NDArray[Any]:
    if stored == "bfloat16":
        return (values.view(np.uint32) >> 16).astype(np.uint16)
    return np.ascontiguousarray(values.astype(stored))
