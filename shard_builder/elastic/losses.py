"""What each stage minimises (torch)."""

# torch is an extra: where types are checked it is absent, and all it gives is unknown.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from shard_builder.configuration import Elasticity
    from shard_builder.elastic.batches import Batch
    from shard_builder.elastic.state import TrainingState
    from shard_builder.elastic.training import Training


class Pass(NamedTuple):
    """One trip through the model: the rising depths at which it is read out, and its width."""

    depths: tuple[int, ...]
    width: int


def plain_loss(training: Training, state: TrainingState, batch: Batch) -> Tensor:
    """Cross-entropy of the whole model."""
    elasticity = training.elasticity
    (logits,) = training.network.logits(
        state.weights,
        batch,
        elasticity.depths[-1:],
        elasticity.widths[-1],
        training.step_dropout(state),
    )
    return F.cross_entropy(logits, training.classes_of(batch))


def elastic_loss(training: Training, state: TrainingState, batch: Batch) -> Tensor:
    """The sum over the submodels of this step: cross-entropy and divergence from the teacher."""
    dropout = training.step_dropout(state)
    losses = [
        _distilled(training, state, batch, logits)
        for depths, width in sandwich(training.elasticity, training.step_random(state))
        for logits in training.network.logits(state.weights, batch, depths, width, dropout)
    ]
    return torch.stack(losses).sum()


def sandwich(elasticity: Elasticity, random: np.random.Generator) -> tuple[Pass, Pass, Pass]:
    """The whole model, the smallest one and a random one.

    Each is read out at a random smaller depth too, which costs next to nothing.
    """
    depths, widths = elasticity.depths, elasticity.widths
    place = int(random.integers(len(depths)))
    width = int(random.choice(widths))
    return (
        Pass(_with_shallower(depths, len(depths) - 1, random), widths[-1]),
        Pass(depths[:1], widths[0]),
        Pass(_with_shallower(depths, place, random), width),
    )


def _with_shallower(
    depths: tuple[int, ...], place: int, random: np.random.Generator
) -> tuple[int, ...]:
    if place == 0:
        return depths[:1]
    return (depths[int(random.integers(place))], depths[place])


def _distilled(training: Training, state: TrainingState, batch: Batch, logits: Tensor) -> Tensor:
    """Part cross-entropy, part divergence from the softened teacher (Hinton et al. 2015)."""
    share, heat = training.settings.distillation_share, training.settings.temperature
    teacher = state.teacher[torch.from_numpy(batch.rows)]
    aim = torch.log_softmax(teacher / heat, dim=-1)
    answer = torch.log_softmax(logits / heat, dim=-1)
    soft = F.kl_div(answer, aim, reduction="batchmean", log_target=True)
    hard = F.cross_entropy(logits, training.classes_of(batch))
    return (1 - share) * hard + share * heat**2 * soft
