from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from checkpoints import (
    TINY,
    Family,
    Shape,
    Stored,
    add_sentence_transformer,
    random_tensors,
    save_tensors,
    write_checkpoint,
)
from shard_builder.checkpoint import read_checkpoint
from shard_builder.errors import CheckpointError
from shard_builder.slicing import layer_matrices

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checkpoints import Tensors

FAMILIES: tuple[Family, ...] = ("bert", "roberta", "distilbert")
ATTENTION = {
    "bert": "bert.encoder.layer.1.attention.self.query.weight",
    "roberta": "roberta.encoder.layer.1.attention.self.query.weight",
    "distilbert": "distilbert.transformer.layer.1.attention.q_lin.weight",
}
LAYER_RESIDENT = {
    "query_bias", "key_bias", "value_bias", "attention_output_bias",
    "attention_norm.weight", "attention_norm.bias", "ffn_in_bias", "ffn_out_bias",
    "output_norm.weight", "output_norm.bias",
}  # fmt: skip
EMBEDDINGS = {
    "embeddings.word", "embeddings.position", "embeddings.norm.weight", "embeddings.norm.bias",
}  # fmt: skip
ELASTIC = {"slice_selection": "prefix", "depths": [1, 2], "widths": [1, 3]}
HEAD = {"head.dense.weight", "head.dense.bias", "head.output.weight", "head.output.bias"}


def rewrite(folder: Path, change: Callable[[Tensors], None]) -> Path:
    """Change the tensors of a BERT classifier and save them again."""
    tensors = random_tensors("bert", "classifier", TINY)
    change(tensors)
    save_tensors(folder / "model.safetensors", tensors)
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(folder)
    return str(caught.value)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("prefixed", [True, False])
def test_each_family_is_read_with_and_without_its_prefix(
    tmp_path: Path, family: Family, *, prefixed: bool
) -> None:
    folder = write_checkpoint(tmp_path, family=family, prefixed=prefixed)
    query = random_tensors(family, "classifier", TINY)[ATTENTION[family]]
    assert np.array_equal(read_checkpoint(folder).layers[1].query, query)


def test_the_second_matrices_are_transposed(tmp_path: Path) -> None:
    layer = read_checkpoint(write_checkpoint(tmp_path)).layers[0]
    tensors = random_tensors("bert", "classifier", TINY)
    stem = "bert.encoder.layer.0"
    expected = layer_matrices(
        {
            "query": tensors[f"{stem}.attention.self.query.weight"],
            "key": tensors[f"{stem}.attention.self.key.weight"],
            "value": tensors[f"{stem}.attention.self.value.weight"],
            "attention_output": tensors[f"{stem}.attention.output.dense.weight"],
            "ffn_in": tensors[f"{stem}.intermediate.dense.weight"],
            "ffn_out": tensors[f"{stem}.output.dense.weight"],
        }
    )
    for found, wanted in zip(layer, expected, strict=True):
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize("family", FAMILIES)
def test_resident_tensors_have_the_names_of_the_format(tmp_path: Path, family: Family) -> None:
    resident = read_checkpoint(write_checkpoint(tmp_path, family=family)).resident
    layers = {f"layers.{layer}.{name}" for layer in range(2) for name in LAYER_RESIDENT}
    types: set[str] = set() if family == "distilbert" else {"embeddings.token_type"}
    assert set(resident) == EMBEDDINGS | types | layers | HEAD


@pytest.mark.parametrize("model_type", ["xlm-roberta", "camembert"])
def test_relatives_of_roberta_are_read_as_roberta(tmp_path: Path, model_type: str) -> None:
    folder = write_checkpoint(tmp_path, family="roberta", config={"model_type": model_type})
    assert read_checkpoint(folder).architecture.family == "roberta"


def test_roberta_positions_start_after_the_pad_token(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, family="roberta", config={"pad_token_id": 3})
    assert read_checkpoint(folder).architecture.position_offset == 4


@pytest.mark.parametrize(
    ("stored", "precision"), [("float32", 0), ("float16", 2**-10), ("bfloat16", 2**-7)]
)
def test_stored_types_become_float32(tmp_path: Path, stored: Stored, precision: float) -> None:
    folder = write_checkpoint(tmp_path, stored=stored)
    found = read_checkpoint(folder).layers[1].query
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        found,
        random_tensors("bert", "classifier", TINY)[ATTENTION["bert"]],
        rtol=precision,
        atol=1e-7 if precision else 0,
    )


def test_bfloat16_is_the_upper_half_of_float32(tmp_path: Path) -> None:
    found = read_checkpoint(write_checkpoint(tmp_path, stored="bfloat16")).layers[0].query
    assert not (found.view(np.uint32) & 0xFFFF).any()


def test_a_checkpoint_in_several_files_is_read_by_its_index(tmp_path: Path) -> None:
    whole = read_checkpoint(write_checkpoint(tmp_path / "whole"))
    parts = split_in_two(write_checkpoint(tmp_path / "parts"))
    assert np.array_equal(read_checkpoint(parts).layers[1].ffn_out, whole.layers[1].ffn_out)


def split_in_two(folder: Path) -> Path:
    tensors = random_tensors("bert", "classifier", TINY)
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    halves = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, part in halves.items():
        save_tensors(folder / file, {name: tensors[name] for name in part})
    index = {"weight_map": {name: file for file, part in halves.items() for name in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def test_norms_with_their_old_names_are_found(tmp_path: Path) -> None:
    def rename(tensors: Tensors) -> None:
        for name in [name for name in tensors if "LayerNorm" in name]:
            old = name.replace("LayerNorm.weight", "LayerNorm.gamma")
            tensors[old.replace("LayerNorm.bias", "LayerNorm.beta")] = tensors.pop(name)

    folder = rewrite(write_checkpoint(tmp_path), rename)
    assert "embeddings.norm.weight" in read_checkpoint(folder).resident


def test_a_model_name_is_the_folders_unless_given(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "tiny")
    assert read_checkpoint(folder).model == "tiny"
    assert read_checkpoint(folder, model="other").model == "other"


def test_labels_come_from_the_configuration(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path)
    assert read_checkpoint(folder).architecture.labels == ("label-0", "label-1", "label-2")


def test_labels_without_names_are_numbered(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, config={"id2label": None})
    assert read_checkpoint(folder).architecture.labels == ("LABEL_0", "LABEL_1", "LABEL_2")


def test_without_class_names_the_tensors_tell_a_classifier(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, config={"architectures": None})
    assert read_checkpoint(folder).architecture.head == "classifier"


@pytest.mark.parametrize("task", ["BertModel", "BertForMaskedLM", "BertForPreTraining"])
def test_an_encoder_leaves_other_heads_out(tmp_path: Path, task: str) -> None:
    folder = write_checkpoint(tmp_path, config={"architectures": [task]})
    checkpoint = read_checkpoint(folder)
    assert checkpoint.architecture.head == "mean_embedding"
    assert not HEAD & set(checkpoint.resident)


@pytest.mark.parametrize(
    ("pooling", "head"), [("mean", "mean_embedding"), ("cls", "cls_embedding")]
)
def test_sentence_transformers_say_how_to_pool(tmp_path: Path, pooling: str, head: str) -> None:
    folder = add_sentence_transformer(write_checkpoint(tmp_path, head="encoder"), pooling=pooling)
    architecture = read_checkpoint(folder).architecture
    assert (architecture.head, architecture.normalise) == (head, True)


def test_without_a_normalise_module_embeddings_keep_their_length(tmp_path: Path) -> None:
    folder = add_sentence_transformer(
        write_checkpoint(tmp_path, head="encoder"), modules=("Transformer", "Pooling")
    )
    assert not read_checkpoint(folder).architecture.normalise


def test_a_checkpoint_says_which_submodels_it_was_trained_to_be(tmp_path: Path) -> None:
    elasticity = read_checkpoint(
        write_checkpoint(tmp_path, config={"shardstream": ELASTIC})
    ).elasticity
    assert elasticity is not None
    assert elasticity.as_field() == ELASTIC


def test_a_checkpoint_that_says_nothing_was_trained_as_a_whole(tmp_path: Path) -> None:
    assert read_checkpoint(write_checkpoint(tmp_path)).elasticity is None


def test_a_damaged_tokenizer_is_refused(tmp_path: Path) -> None:
    (write_checkpoint(tmp_path) / "tokenizer.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json must be a tokenizer that"):
        read_checkpoint(tmp_path)


def test_a_tokenizer_is_optional(tmp_path: Path) -> None:
    assert read_checkpoint(write_checkpoint(tmp_path, tokenizer=False)).tokenizer is None


@pytest.mark.parametrize(
    ("config", "rule"),
    [
        ({"model_type": "t5"}, "model_type must be one of bert, .* got 't5'"),
        ({"position_embedding_type": "relative_key"}, "must be 'absolute'.*got 'relative_key'"),
        ({"is_decoder": True}, "is_decoder must be false.*got True"),
        ({"add_cross_attention": True}, "add_cross_attention must be false.*got True"),
        ({"pruned_heads": {"0": [1]}}, r"pruned_heads must be empty.*got \{'0': \[1\]\}"),
        ({"hidden_act": "silu"}, "hidden_act must be one of gelu, .* got 'silu'"),
        ({"hidden_size": 25}, "hidden_size must be a multiple of the 3 heads, got 25"),
        ({"intermediate_size": 50}, "intermediate_size must be a multiple of the 3 heads.*50"),
        ({"num_hidden_layers": 0}, "num_hidden_layers must be an integer of at least 1, got 0"),
        ({"vocab_size": "40"}, "vocab_size must be an integer of at least 1, got '40'"),
        ({"vocab_size": True}, "vocab_size must be an integer of at least 1, got True"),
        ({"layer_norm_eps": 0}, "layer_norm_eps must be a number above 0, got 0"),
        ({"hidden_act": 3}, "hidden_act must be a text, got 3"),
        ({"architectures": ["BertForTokenClassification"]}, "architectures must end in one of"),
        ({"architectures": ["BertLMHeadModel"]}, "architectures must end in one of"),
        ({"architectures": "BertModel"}, "architectures must be a list of class names"),
        ({"id2label": ["a"]}, "id2label must map 0, 1, … to label names"),
        ({"id2label": {"1": "a", "2": "b"}}, "id2label must map 0, 1, … to label names"),
        ({"id2label": {"0": "a"}}, r"classifier.weight must have shape \[1, 24\], got \[3, 24\]"),
        ({"hidden_size": 48}, r"must have shape \[48, 48\], got \[24, 24\]"),
        ({"num_hidden_layers": 3}, "encoder.layer.2.* must be there, it is missing"),
        ({"shardstream": "prefix"}, "shardstream must be an object, got 'prefix'"),
        (
            {"shardstream": ELASTIC | {"slice_selection": "suffix"}},
            "shardstream.slice_selection must be one of any, prefix, got 'suffix'",
        ),
        (
            {"shardstream": ELASTIC | {"depths": [1, 3]}},
            r"shardstream.depths must be .* rise strictly within 1..2, got \[1, 3\]",
        ),
        (
            {"shardstream": {"slice_selection": "prefix", "depths": [2]}},
            "shardstream.widths must be .* within 1..3, got no such field",
        ),
        (
            {"shardstream": ELASTIC | {"widths": [1, "3"]}},
            r"shardstream.widths must be .* within 1..3, got \[1, '3'\]",
        ),
    ],
)
def test_what_the_configuration_cannot_be_is_refused(
    tmp_path: Path, config: dict[str, object], rule: str
) -> None:
    folder = write_checkpoint(tmp_path, config=config)
    with pytest.raises(CheckpointError, match=rule):
        read_checkpoint(folder)


def test_a_required_size_must_be_there(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path)
    settings = json.loads((folder / "config.json").read_text())
    del settings["hidden_size"]
    (folder / "config.json").write_text(json.dumps(settings))
    assert "hidden_size must be an integer of at least 1, got no such field" in refusal(folder)


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path)
    (folder / "config.json").unlink()
    assert refusal(folder) == f"{folder} must hold config.json, which is missing"


@pytest.mark.parametrize(
    ("text", "rule"), [("{", "must be JSON"), ("[]", "must hold a JSON object, got list")]
)
def test_a_broken_configuration_is_refused(tmp_path: Path, text: str, rule: str) -> None:
    folder = write_checkpoint(tmp_path)
    (folder / "config.json").write_text(text)
    assert rule in refusal(folder)


def test_a_checkpoint_must_be_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none") == f"a checkpoint must be a folder, got {tmp_path / 'none'}"


def test_pickled_weights_alone_are_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "has only pytorch_model.bin, which can run code when loaded" in refusal(folder)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path)
    (folder / "model.safetensors").unlink()
    assert "must hold model.safetensors or model.safetensors.index.json" in refusal(folder)


def test_a_truncated_weight_file_is_refused(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-7])
    assert "must be a whole safetensors file" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("index", "rule"),
    [
        ({}, "weight_map must map tensor names to files, got no such field"),
        ({"weight_map": {"a": "../b"}}, "must name files of the folder itself, got '../b'"),
        ({"weight_map": {"a": "b"}}, "must exist: model.safetensors.index.json lists it"),
    ],
)
def test_a_broken_index_is_refused(tmp_path: Path, index: dict[str, Any], rule: str) -> None:
    folder = write_checkpoint(tmp_path)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert rule in refusal(folder)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, bad: float) -> None:
    def spoil(tensors: Tensors) -> None:
        tensors[ATTENTION["bert"]][3, 5] = bad

    folder = rewrite(write_checkpoint(tmp_path), spoil)
    assert "must be finite, got 1 values that are NaN or infinite" in refusal(folder)


@pytest.mark.parametrize(
    "name", ["bert.encoder.layer.0.crossattention.self.query.weight", "bert.distance_embedding"]
)
def test_tensors_of_other_architectures_are_refused(tmp_path: Path, name: str) -> None:
    def add(tensors: Tensors) -> None:
        tensors[name] = np.zeros((2, 2), dtype=np.float32)

    folder = rewrite(write_checkpoint(tmp_path), add)
    assert "a plain encoder must have no" in refusal(folder)
    assert name in refusal(folder)


def test_a_folder_without_word_embeddings_is_refused(tmp_path: Path) -> None:
    def remove(tensors: Tensors) -> None:
        del tensors["bert.embeddings.word_embeddings.weight"]

    folder = rewrite(write_checkpoint(tmp_path), remove)
    assert "exactly one tensor must be named" in refusal(folder)


def test_integer_weights_are_refused(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, shape=Shape()) / "model.safetensors"
    path.write_bytes(path.read_bytes().replace(b'"F32"', b'"I32"'))
    assert "type must be F32, F16 or BF16, got I32" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("modules", "rule"),
    [
        (("Transformer", "Pooling", "Dense"), "got Transformer, Pooling, Dense"),
        (("Pooling",), "modules must be Transformer, .* got Pooling"),
    ],
)
def test_other_sentence_modules_are_refused(
    tmp_path: Path, modules: tuple[str, ...], rule: str
) -> None:
    folder = add_sentence_transformer(write_checkpoint(tmp_path, head="encoder"), modules=modules)
    with pytest.raises(CheckpointError, match=rule):
        read_checkpoint(folder)


@pytest.mark.parametrize("pooling", ["max", "none"])
def test_other_pooling_is_refused(tmp_path: Path, pooling: str) -> None:
    folder = add_sentence_transformer(write_checkpoint(tmp_path, head="encoder"), pooling=pooling)
    assert "exactly one pooling mode of mean_tokens, cls_token must be set" in refusal(folder)


@pytest.mark.parametrize("text", ["{}", "[3]", '[{"type": "Transformer", "path": "../up"}]'])
def test_a_broken_list_of_modules_is_refused(tmp_path: Path, text: str) -> None:
    folder = write_checkpoint(tmp_path, head="encoder")
    (folder / "modules.json").write_text(text)
    assert "must be a list of modules with a type and a path inside the folder" in refusal(folder)
