"""What config.json says about a checkpoint, and which checkpoints cannot be sharded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from plan_contracts import Geometry
from shard_builder.settings_file import SettingsFile

if TYPE_CHECKING:
    from pathlib import Path

    from plan_contracts.model import SliceSelection

Family = Literal["bert", "roberta", "distilbert"]
Activation = Literal["gelu", "gelu_tanh", "relu"]

FAMILY_OF_MODEL_TYPE: dict[str, Family] = {
    "bert": "bert",
    "roberta": "roberta",
    "xlm-roberta": "roberta",
    "camembert": "roberta",
    "distilbert": "distilbert",
}
ACTIVATION_OF_NAME: dict[str, Activation] = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}
DEFAULT_PAD_TOKEN: dict[Family, int] = {"bert": 0, "roberta": 1, "distilbert": 0}
DISTILBERT_EPSILON = 1e-12
"""Not in config.json: DistilBERT's source fixes it."""

CLASSIFIER_TASK = "ForSequenceClassification"
ENCODER_TASKS = ("Model", "ForMaskedLM", "ForPreTraining")
"""Tasks whose head, if any, is left out: only the encoder is sharded."""

ELASTICITY_FIELD = "shardstream"
"""Our one field of config.json: an object as `Elasticity.as_field` gives it."""

_TASK_OF_CLASS = re.compile(r"(?:For|LMHead|Model)\w*$")


@dataclass(frozen=True, kw_only=True)
class Elasticity:
    """Which submodels a checkpoint was trained to be: rising depths and widths.

    `prefix`: width m means slices 0..m-1.
    """

    slice_selection: SliceSelection
    depths: tuple[int, ...]
    widths: tuple[int, ...]

    def as_field(self) -> dict[str, object]:
        """What config.json holds of it."""
        return {
            "slice_selection": self.slice_selection,
            "depths": list(self.depths),
            "widths": list(self.widths),
        }


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Sizes and conventions of a checkpoint.

    `is_classifier` is None where config.json does not say. `labels` are in the order of the
    outputs and empty where config.json names none. `elasticity` is None for a model that was
    trained as a whole only.
    """

    family: Family
    layers: int
    geometry: Geometry
    vocabulary: int
    positions: int
    position_offset: int
    token_types: int
    epsilon: float
    activation: Activation
    pad_token: int
    is_classifier: bool | None
    labels: tuple[str, ...]
    elasticity: Elasticity | None


@dataclass(frozen=True, kw_only=True)
class _SizeNames:
    """The names of the sizes in config.json."""

    layers: str
    hidden: str
    heads: str
    ffn: str
    activation: str


_BERT_SIZES = _SizeNames(
    layers="num_hidden_layers",
    hidden="hidden_size",
    heads="num_attention_heads",
    ffn="intermediate_size",
    activation="hidden_act",
)
_DISTILBERT_SIZES = _SizeNames(
    layers="n_layers", hidden="dim", heads="n_heads", ffn="hidden_dim", activation="activation"
)


def read_configuration(path: Path) -> Configuration:
    """Read config.json; CheckpointError names the field, the value and the rule."""
    file = SettingsFile.read(path)
    family = _family(file)
    _refuse_what_is_no_plain_encoder(file)
    names = _DISTILBERT_SIZES if family == "distilbert" else _BERT_SIZES
    pad_token = file.integer("pad_token_id", least=0, default=DEFAULT_PAD_TOKEN[family])
    is_distilbert = family == "distilbert"
    layers = file.integer(names.layers, least=1)
    geometry = _geometry(file, names)
    return Configuration(
        family=family,
        layers=layers,
        geometry=geometry,
        vocabulary=file.integer("vocab_size", least=1),
        positions=file.integer("max_position_embeddings", least=1),
        position_offset=pad_token + 1 if family == "roberta" else 0,
        token_types=0 if is_distilbert else file.integer("type_vocab_size", least=1),
        epsilon=DISTILBERT_EPSILON if is_distilbert else file.positive_number("layer_norm_eps"),
        activation=_activation(file, names.activation),
        pad_token=pad_token,
        is_classifier=_is_classifier(file),
        labels=_labels(file),
        elasticity=_elasticity(file, layers=layers, slices=geometry.heads),
    )


def _family(file: SettingsFile) -> Family:
    model_type = file.text("model_type", "")
    if model_type not in FAMILY_OF_MODEL_TYPE:
        file.refuse("model_type", f"must be one of {', '.join(FAMILY_OF_MODEL_TYPE)}")
    return FAMILY_OF_MODEL_TYPE[model_type]


def _refuse_what_is_no_plain_encoder(file: SettingsFile) -> None:
    if file.text("position_embedding_type", "absolute") != "absolute":
        rule = "must be 'absolute': relative positions enter every attention score"
        file.refuse("position_embedding_type", rule)
    for name in ("is_decoder", "add_cross_attention", "is_encoder_decoder"):
        if file.is_set(name):
            file.refuse(name, "must be false: only encoders without cross-attention")
    if file.is_set("pruned_heads"):
        file.refuse("pruned_heads", "must be empty: every layer needs all its heads")


def _geometry(file: SettingsFile, names: _SizeNames) -> Geometry:
    hidden = file.integer(names.hidden, least=1)
    heads = file.integer(names.heads, least=1)
    ffn = file.integer(names.ffn, least=1)
    if hidden % heads:
        file.refuse(names.hidden, f"must be a multiple of the {heads} heads")
    if ffn % heads:
        file.refuse(names.ffn, f"must be a multiple of the {heads} heads, one part a slice")
    return Geometry(hidden=hidden, heads=heads, ffn=ffn)


def _activation(file: SettingsFile, field: str) -> Activation:
    name = file.text(field, "gelu")
    if name not in ACTIVATION_OF_NAME:
        file.refuse(field, f"must be one of {', '.join(ACTIVATION_OF_NAME)}")
    return ACTIVATION_OF_NAME[name]


def _is_classifier(file: SettingsFile) -> bool | None:
    classes = file.fields.get("architectures")
    if not classes:
        return None
    if not isinstance(classes, list) or not isinstance(cast("list[object]", classes)[0], str):
        file.refuse("architectures", "must be a list of class names")
    found = _TASK_OF_CLASS.search(cast("list[str]", classes)[0])
    task = found.group() if found else ""
    if task not in {CLASSIFIER_TASK, *ENCODER_TASKS}:
        allowed = ", ".join((CLASSIFIER_TASK, *ENCODER_TASKS))
        file.refuse("architectures", f"must end in one of {allowed}")
    return task == CLASSIFIER_TASK


def _labels(file: SettingsFile) -> tuple[str, ...]:
    named = file.fields.get("id2label")
    if not named:
        return ()
    rule = "must map 0, 1, … to label names"
    if not isinstance(named, dict):
        file.refuse("id2label", rule)
    labels = cast("dict[str, object]", named)
    if set(labels) != {str(index) for index in range(len(labels))}:
        file.refuse("id2label", rule)
    return tuple(str(labels[str(index)]) for index in range(len(labels)))


def _elasticity(file: SettingsFile, *, layers: int, slices: int) -> Elasticity | None:
    part = file.part(ELASTICITY_FIELD)
    if part is None:
        return None
    selection = part.text(f"{ELASTICITY_FIELD}.slice_selection", "any")
    if selection not in {"any", "prefix"}:
        part.refuse(f"{ELASTICITY_FIELD}.slice_selection", "must be one of any, prefix")
    return Elasticity(
        slice_selection=cast("SliceSelection", selection),
        depths=part.rising_integers(f"{ELASTICITY_FIELD}.depths", largest=layers),
        widths=part.rising_integers(f"{ELASTICITY_FIELD}.widths", largest=slices),
    )
