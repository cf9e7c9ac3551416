"""The forward pass of a model cut to a depth and a width, differentiable (torch).

A model of width m uses slices 0..m-1: heads and FFN neurons from the front. Depth n puts the
head on layer n's output. Weights have their names and layouts of a store, so attention_output
and ffn_out are transposed and every slice is a block of rows.
"""

# torch is an extra: where types are checked it is absent, and all it gives is unknown.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from shard_runtime.weights import Matrices, ShardShape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from plan_contracts import Architecture, Geometry
    from shard_builder.checkpoint import Checkpoint
    from shard_builder.elastic.batches import Batch

FROZEN = "embeddings."
HEAD_DEVIATION = 0.02
"""Standard deviation of a new head's weights, as BERT's (Devlin et al. 2019)."""

Weights = dict[str, Tensor]


def initial_weights(checkpoint: Checkpoint, outputs: int, *, seed: int) -> Weights:
    """The checkpoint's weights by store name; a head of other size than `outputs` is drawn anew."""
    weights = {name: torch.from_numpy(value.copy()) for name, value in checkpoint.resident.items()}
    for number, layer in enumerate(checkpoint.layers):
        for name, matrix in zip(Matrices._fields, layer, strict=True):
            weights[f"layers.{number}.{name}"] = torch.from_numpy(matrix.copy())
    head = weights.get("head.output.bias")
    if head is None or len(head) != outputs:
        weights |= _new_head(checkpoint.geometry.hidden, outputs, seed)
    return weights


def _new_head(hidden: int, outputs: int, seed: int) -> Weights:
    random = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.empty(shape).normal_(0, HEAD_DEVIATION, generator=random)

    return {
        "head.dense.weight": drawn(hidden, hidden),
        "head.dense.bias": torch.zeros(hidden),
        "head.output.weight": drawn(outputs, hidden),
        "head.output.bias": torch.zeros(outputs),
    }


def trainable(weights: Weights) -> Weights:
    """All weights but the embeddings, which stay as they are."""
    return {name: weight for name, weight in weights.items() if not name.startswith(FROZEN)}


@dataclass(frozen=True, kw_only=True)
class Dropout:
    """Zeroes a share of the values, to a 256th, and scales the others up.

    One drawn integer serves four values: drawing is a tenth of the time otherwise.
    """

    share: float
    random: torch.Generator

    def __call__(self, values: Tensor) -> Tensor:
        """Values of the same mean."""
        if not self.share:
            return values
        drawn = torch.empty(-(-values.numel() // 4), dtype=torch.int32)
        drawn.random_(-(2**31), 2**31 - 1, generator=self.random)
        bytes_drawn = drawn.view(torch.uint8)[: values.numel()].view_as(values)
        zeroed = round(256 * self.share)
        return values * (bytes_drawn >= zeroed).to(values.dtype).mul_(256 / (256 - zeroed))


class ElasticNetwork:
    """Logits of a classifier at any depth and width, from weights by store name."""

    def __init__(self, architecture: Architecture, geometry: Geometry) -> None:
        self.geometry = geometry
        self._architecture = architecture
        self._shape = ShardShape.of(geometry)
        self._activate = _ACTIVATIONS[architecture.activation]
        self._pool = torch.relu if architecture.family == "distilbert" else torch.tanh

    def logits(
        self,
        weights: Mapping[str, Tensor],
        batch: Batch,
        depths: Sequence[int],
        width: int,
        dropout: Dropout | None = None,
    ) -> list[Tensor]:
        """(B, labels) logits at each of these rising depths, at one width, in one pass."""
        hidden = self._embed(weights, torch.from_numpy(batch.ids))
        mask = _additive(batch)
        found: list[Tensor] = []
        for layer in range(depths[-1]):
            own = _Layer(weights, f"layers.{layer}.")
            hidden = self._layer(own, hidden, mask, width, dropout)
            if layer + 1 in depths:
                found.append(self._classify(weights, hidden[:, 0]))
        return found

    def _embed(self, weights: Mapping[str, Tensor], ids: Tensor) -> Tensor:
        start = self._architecture.position_offset
        hidden = F.embedding(ids, weights["embeddings.word"])
        hidden = hidden + weights["embeddings.position"][start : start + ids.shape[1]]
        if "embeddings.token_type" in weights:
            hidden = hidden + weights["embeddings.token_type"][0]
        return self._norm(_Layer(weights, "embeddings."), "norm", hidden)

    def _layer(
        self,
        own: _Layer,
        hidden: Tensor,
        mask: Tensor | None,
        width: int,
        dropout: Dropout | None,
    ) -> Tensor:
        attended = self._attend(own, hidden, mask, width)
        hidden = self._norm(own, "attention_norm", hidden + _dropped(attended, dropout))
        neurons = width * self._shape.neurons
        inner = self._activate(own.rows("ffn_in", hidden, neurons))
        outer = own.columns("ffn_out", inner, neurons)
        return self._norm(own, "output_norm", hidden + _dropped(outer, dropout))

    def _attend(self, own: _Layer, hidden: Tensor, mask: Tensor | None, width: int) -> Tensor:
        batch, tokens, _ = hidden.shape
        size = self._shape.head_dim

        def heads(name: str) -> Tensor:
            values = own.rows(name, hidden, width * size)
            return values.view(batch, tokens, width, size).transpose(1, 2)

        scores = (heads("query") @ heads("key").transpose(-1, -2)) * size**-0.5
        if mask is not None:
            scores = scores + mask
        mixed = torch.softmax(scores, dim=-1).to(scores.dtype) @ heads("value")
        joined = mixed.transpose(1, 2).reshape(batch, tokens, width * size)
        return own.columns("attention_output", joined, width * size)

    def _norm(self, own: _Layer, name: str, hidden: Tensor) -> Tensor:
        weight, bias = own[f"{name}.weight"], own[f"{name}.bias"]
        return F.layer_norm(
            hidden, weight.shape, weight, bias, self._architecture.layer_norm_epsilon
        )

    def _classify(self, weights: Mapping[str, Tensor], first: Tensor) -> Tensor:
        own = _Layer(weights, "head.")
        pooled = self._pool(F.linear(first, own["dense.weight"], own["dense.bias"]))
        return F.linear(pooled, own["output.weight"], own["output.bias"]).float()


class _Layer:
    """The weights below one prefix."""

    def __init__(self, weights: Mapping[str, Tensor], prefix: str) -> None:
        self._weights = weights
        self._prefix = prefix

    def __getitem__(self, name: str) -> Tensor:
        return self._weights[self._prefix + name]

    def rows(self, name: str, values: Tensor, count: int) -> Tensor:
        """Values times the first rows of a matrix [outputs, inputs], with its bias."""
        weight, bias = self[name], self[f"{name}_bias"]
        if count < len(weight):
            weight, bias = weight[:count], bias[:count]
        return F.linear(values, weight, bias)

    def columns(self, name: str, values: Tensor, count: int) -> Tensor:
        """Values times the first rows of a transposed matrix [inputs, outputs], with its bias."""
        weight = self[name]
        return values @ (weight[:count] if count < len(weight) else weight) + self[f"{name}_bias"]


def _dropped(values: Tensor, dropout: Dropout | None) -> Tensor:
    return values if dropout is None else dropout(values)


def _additive(batch: Batch) -> Tensor | None:
    """(B, 1, 1, S): 0 at tokens and minus infinity at padding."""
    if batch.mask is None:
        return None
    mask = torch.from_numpy(batch.mask)
    return torch.zeros(mask.shape).masked_fill(~mask, -torch.inf)[:, None, None]


def _gelu_tanh(values: Tensor) -> Tensor:
    return F.gelu(values, approximate="tanh")


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": _gelu_tanh,
    "relu": torch.relu,
}
