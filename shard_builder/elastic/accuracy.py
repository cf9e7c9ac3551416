"""Accuracy at every trained depth and width."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from shard_builder.configuration import Elasticity

    Logits = Callable[[tuple[int, ...], int], NDArray[np.float32]]
    """Rising depths and a width -> (depths, rows, labels) logits."""

AccuracyTable = dict[int, dict[int, float]]
"""Share of right answers by depth, then width."""


def accuracy_table(logits: Logits, classes: Sequence[int], elasticity: Elasticity) -> AccuracyTable:
    """The share of rows whose highest logit is their class."""
    right = np.array(classes)
    table: AccuracyTable = {depth: {} for depth in elasticity.depths}
    for width in elasticity.widths:
        answers = logits(elasticity.depths, width).argmax(axis=-1)
        for depth, answered in zip(elasticity.depths, answers, strict=True):
            table[depth][width] = int(np.count_nonzero(answered == right)) / len(right)
    return table
