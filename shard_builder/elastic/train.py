"""Trains one set of weights for every depth and width (torch).

1. Plain: the whole model, cross-entropy.
2. Its logits on all training rows are kept: it is the teacher. Heads and neurons are sorted.
3. Elastic: every batch goes through the whole model, the smallest one and a random one (the
   sandwich rule of Yu & Huang 2019), all distilling from the teacher.
"""

# torch is an extra: where types are checked it is absent, and all it gives is unknown.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch

from shard_builder.elastic.losses import elastic_loss, plain_loss
from shard_builder.elastic.network import trainable
from shard_builder.elastic.rewire import Importance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from shard_builder.elastic.batches import Batch, TokenRows
    from shard_builder.elastic.network import Weights
    from shard_builder.elastic.state import TrainingState
    from shard_builder.elastic.training import Training
    from shard_builder.progress import Progress
    from shard_runtime.weights import FloatArray

    Loss = Callable[[Training, TrainingState, Batch], Tensor]

REWIRING_BATCHES = 128
STEPS_BETWEEN_SAVES = 400
LARGEST_GRADIENT_NORM = 1.0
INFERENCE_ROWS = 256


@dataclass(frozen=True, kw_only=True)
class StateFile:
    """Where the state of training is kept, and after how many steps it is written."""

    path: Path
    every: int


def train(
    training: Training, state: TrainingState, file: StateFile, progress: Progress
) -> dict[str, FloatArray]:
    """Train from where the state stands; the weights by store name.

    Equal arguments give equal weights on one machine at one number of threads, interrupted or
    not. `progress` counts batches of both stages.
    """
    torch.set_num_threads(training.settings.threads)
    for weight in trainable(state.weights).values():
        weight.requires_grad_()
    plain, total = training.steps("plain"), training.steps("plain") + training.steps("elastic")
    if state.stage == "plain":
        _Stage(training, state, file).run(plain_loss, lambda done: progress(done, total))
        _end_plain_stage(training, state)
        state.save(file.path)
    _Stage(training, state, file).run(elastic_loss, lambda done: progress(plain + done, total))
    state.save(file.path)
    return {name: weight.detach().numpy() for name, weight in state.weights.items()}


def predict(
    training: Training,
    weights: dict[str, FloatArray],
    rows: TokenRows,
    depths: tuple[int, ...],
    width: int,
) -> NDArray[np.float32]:
    """(depths, rows, labels) logits in float32, without dropout."""
    tensors = {name: torch.from_numpy(values) for name, values in weights.items()}
    return _logits(training, tensors, rows, depths, width).numpy()


def _logits(
    training: Training, weights: Weights, rows: TokenRows, depths: tuple[int, ...], width: int
) -> Tensor:
    logits = torch.zeros(len(depths), len(rows.lengths), len(weights["head.output.bias"]))
    with torch.no_grad():
        for batch in rows.batches(INFERENCE_ROWS):
            found = training.network.logits(weights, batch, depths, width)
            logits[:, torch.from_numpy(batch.rows)] = torch.stack(found)
    return logits


class _Stage:
    """The steps of one stage that are left: AdamW, with a learning rate that rises and falls."""

    def __init__(self, training: Training, state: TrainingState, file: StateFile) -> None:
        self._training = training
        self._state = state
        self._file = file
        self._steps = training.steps(state.stage)
        self._optimiser = _optimiser(trainable(state.weights), training.settings.weight_decay)
        if state.optimiser:
            self._optimiser.load_state_dict(state.optimiser)

    def run(self, loss_of: Loss, progress: Callable[[int], None]) -> None:
        """Do them, saving the state now and then."""
        state = self._state
        for batch in self._batches():
            with self._training.precision():
                loss = loss_of(self._training, state, batch)
            self._step(loss)
            state.step += 1
            if state.step % self._file.every == 0:
                state.optimiser = self._optimiser.state_dict()
                state.save(self._file.path)
            progress(state.step)
        state.optimiser = {}

    def _batches(self) -> Iterator[Batch]:
        training, state = self._training, self._state
        seed, size = training.stage_seed(state.stage), training.settings.batch_rows
        stream = training.rows.stream(size, seed=seed, start=state.step)
        return islice(stream, self._steps - state.step)

    def _step(self, loss: Tensor) -> None:
        rate = self._training.learning_rate(self._state.stage) * self._share_of_rate()
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        loss.backward()
        weights = trainable(self._state.weights).values()
        torch.nn.utils.clip_grad_norm_(weights, LARGEST_GRADIENT_NORM)
        self._optimiser.step()
        self._optimiser.zero_grad()

    def _share_of_rate(self) -> float:
        """Up in a straight line over the warm-up, then down to 0 at the end."""
        warmup = max(1, round(self._training.settings.warmup_share * self._steps))
        done = self._state.step + 1
        return min(done / warmup, (self._steps - done + 1) / max(1, self._steps - warmup))


def _optimiser(weights: Weights, decay: float) -> torch.optim.Optimizer:
    matrices = [weight for weight in weights.values() if weight.dim() > 1]
    vectors = [weight for weight in weights.values() if weight.dim() == 1]
    groups = [
        {"params": matrices, "weight_decay": decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, fused=True)


def _end_plain_stage(training: Training, state: TrainingState) -> None:
    """Keep the teacher's logits, then sort its heads and neurons."""
    whole = training.elasticity.depths[-1:], training.elasticity.widths[-1]
    with training.precision():
        state.teacher = _logits(training, state.weights, training.rows, *whole)[0]
    _rewire(training, state)
    state.stage, state.step = "elastic", 0


def _rewire(training: Training, state: TrainingState) -> None:
    importance = Importance(training.elasticity.depths[-1], training.network.geometry)
    random = np.random.default_rng(training.settings.seed)
    batches = training.rows.batches(training.settings.batch_rows, random)
    for batch in batches[:REWIRING_BATCHES]:
        with training.precision():
            loss = _loss_without_dropout(training, state, batch)
        loss.backward()
        importance.add(state.weights)
        for weight in state.weights.values():
            weight.grad = None
    importance.rewire(state.weights)


def _loss_without_dropout(training: Training, state: TrainingState, batch: Batch) -> Tensor:
    whole = training.elasticity.depths[-1:], training.elasticity.widths[-1]
    (logits,) = training.network.logits(state.weights, batch, *whole)
    return torch.nn.functional.cross_entropy(logits, training.classes_of(batch))
