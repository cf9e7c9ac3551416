"""What training needs to go on after an interruption, kept in one file (torch)."""

# torch is an extra: where types are checked it is absent, and all it gives is unknown.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, Literal

import torch

from shard_builder.errors import TrainingError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

Stage = Literal["plain", "elastic"]


@dataclass(kw_only=True)
class TrainingState:
    """Where training stands: `step` batches of `stage` are done.

    `run` is the digest of all that decides the result. `teacher` has a logit for every training
    row and class; it is empty during the plain stage, which makes it.
    """

    run: str
    weights: dict[str, Tensor]
    stage: Stage = "plain"
    step: int = 0
    optimiser: dict[str, Any] = field(default_factory=dict[str, "Any"])
    teacher: Tensor = field(default_factory=lambda: torch.empty(0))

    def save(self, path: Path) -> None:
        """Replace the file in one go."""
        beside = path.with_name(f".{path.name}.part")
        with beside.open("wb") as file:
            torch.save(self.__dict__, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)

    @classmethod
    def load(cls, path: Path, run: str) -> TrainingState | None:
        """The state of this very run; None where there is none.

        TrainingError for that of another run, or a file that holds something else.
        """
        if not path.is_file():
            return None
        try:
            state = cls(**torch.load(path, weights_only=True))
        except (EOFError, RuntimeError, TypeError, UnpicklingError) as error:
            message = f"{path} must hold a state of training, and it does not: remove it"
            raise TrainingError(message) from error
        if state.run != run:
            message = (
                f"{path} must be of a run on the same weights, rows and settings, it is of "
                "another one: move the file away to start over"
            )
            raise TrainingError(message)
        return state
