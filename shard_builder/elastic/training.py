"""What a training run works on: the network, the rows, the recipe (torch)."""

# torch is an extra: where types are checked it is absent, and all it gives is unknown.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from shard_builder.elastic.network import Dropout, ElasticNetwork, initial_weights
from shard_builder.elastic.state import Stage, TrainingState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from torch import Tensor

    from shard_builder.checkpoint import Checkpoint
    from shard_builder.configuration import Elasticity
    from shard_builder.elastic.batches import Batch, TokenRows
    from shard_builder.elastic.settings import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Training:
    """Network, submodels to train, and the training rows: tokens and class (0, 1, …) of each."""

    network: ElasticNetwork
    elasticity: Elasticity
    rows: TokenRows
    classes: Tensor
    settings: TrainingSettings

    def steps(self, stage: Stage) -> int:
        """Batches of a stage, at least one."""
        settings = self.settings
        epochs = settings.plain_epochs if stage == "plain" else settings.elastic_epochs
        return max(1, round(epochs * self.rows.batches_per_epoch(settings.batch_rows)))

    def learning_rate(self, stage: Stage) -> float:
        """The highest learning rate of a stage."""
        settings = self.settings
        plain = stage == "plain"
        return settings.plain_learning_rate if plain else settings.elastic_learning_rate

    def stage_seed(self, stage: Stage) -> int:
        """What decides all that is random in a stage, together with the number of the step."""
        return 2 * self.settings.seed + (stage == "elastic")

    def step_random(self, state: TrainingState) -> np.random.Generator:
        """The random choices of one step."""
        return np.random.default_rng([self.stage_seed(state.stage), state.step])

    def step_dropout(self, state: TrainingState) -> Dropout:
        """The dropout of one step."""
        seed = np.random.SeedSequence([self.stage_seed(state.stage), state.step])
        random = torch.Generator().manual_seed(int(seed.generate_state(1)[0]))
        return Dropout(share=self.settings.dropout, random=random)

    def classes_of(self, batch: Batch) -> Tensor:
        """(B,) the class of each row."""
        return self.classes[torch.from_numpy(batch.rows)]

    def precision(self) -> AbstractContextManager[object]:
        """Where matrix products have the type that the settings say."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.settings.precision == "bfloat16")


def new_training(
    checkpoint: Checkpoint,
    elasticity: Elasticity,
    rows: TokenRows,
    classes: Sequence[int],
    settings: TrainingSettings,
) -> Training:
    """A run of this recipe on a checkpoint and these rows."""
    return Training(
        network=ElasticNetwork(checkpoint.architecture, checkpoint.geometry),
        elasticity=elasticity,
        rows=rows,
        classes=torch.tensor(classes),
        settings=settings,
    )


def begin(
    checkpoint: Checkpoint, outputs: int, settings: TrainingSettings, file: Path, run: str
) -> TrainingState:
    """Where this run stood when it was interrupted, or its start."""
    file.parent.mkdir(parents=True, exist_ok=True)
    found = TrainingState.load(file, run)
    if found is not None:
        return found
    return TrainingState(run=run, weights=initial_weights(checkpoint, outputs, seed=settings.seed))
