"""Sorts heads and FFN neurons so that the important ones come first (torch).

The importance of a part is the first-order change of the loss when it is taken away,
|sum of weight x gradient| over its outgoing rows, summed over batches (Michel et al. 2019,
DynaBERT, Hou et al. 2020). Sorting changes no answer of the whole model.
"""

# torch is an extra: where types are checked it is absent, and all it gives is unknown.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from plan_contracts import Geometry
    from shard_builder.elastic.network import Weights

HEAD_PARTS = ("query", "key", "value", "attention_output", "query_bias", "key_bias", "value_bias")
NEURON_PARTS = ("ffn_in", "ffn_out", "ffn_in_bias")


class Importance:
    """Adds up the importance of every head and neuron over batches."""

    def __init__(self, layers: int, geometry: Geometry) -> None:
        self._geometry = geometry
        self._heads = torch.zeros(layers, geometry.heads)
        self._neurons = torch.zeros(layers, geometry.ffn)

    def add(self, weights: Weights) -> None:
        """Count one batch, whose gradients the weights hold."""
        for layer in range(len(self._heads)):
            attention = _effect_of_rows(weights[f"layers.{layer}.attention_output"])
            self._heads[layer] += attention.view(self._geometry.heads, -1).sum(1).abs()
            self._neurons[layer] += _effect_of_rows(weights[f"layers.{layer}.ffn_out"]).abs()

    def rewire(self, weights: Weights) -> None:
        """Put the heads and neurons of every layer in falling order, in place."""
        for layer in range(len(self._heads)):
            heads = torch.argsort(self._heads[layer], descending=True, stable=True)
            neurons = torch.argsort(self._neurons[layer], descending=True, stable=True)
            for name in HEAD_PARTS:
                _reorder(weights[f"layers.{layer}.{name}"], heads)
            for name in NEURON_PARTS:
                _reorder(weights[f"layers.{layer}.{name}"], neurons)


def _effect_of_rows(weight: Tensor) -> Tensor:
    if weight.grad is None:
        return torch.zeros(len(weight))
    return (weight.detach() * weight.grad).sum(1)


def _reorder(weight: Tensor, order: Tensor) -> None:
    """Move equal blocks of rows, as many as `order` has entries."""
    with torch.no_grad():
        blocks = weight.view(len(order), -1)
        weight.copy_(blocks[order].view_as(weight))
