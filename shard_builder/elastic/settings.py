"""How a model is trained, as plain numbers that check themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

from shard_builder.errors import TrainingError

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """The recipe. Depths and widths of None mean 2..layers and a quarter..all of the slices.

    Epochs count all training rows, and may be broken. Learning rates are the highest ones: both
    rise from 0 over `warmup_share` of the steps and fall back to 0 in a straight line.
    `bfloat16` is the type of the matrix products only; weights and norms stay float32.
    """

    depths: tuple[int, ...] | None = None
    widths: tuple[int, ...] | None = None
    plain_epochs: float = 1.0
    elastic_epochs: float = 2.0
    batch_rows: int = 32
    plain_learning_rate: float = 1e-4
    elastic_learning_rate: float = 1e-4
    warmup_share: float = 0.06
    weight_decay: float = 0.01
    dropout: float = 0.1
    distillation_share: float = 0.5
    temperature: float = 2.0
    longest_tokens: int = 128
    held_out_rows: int = 500
    seed: int = 0
    precision: Precision = "float32"
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        for name, least in (
            ("batch_rows", 1), ("longest_tokens", 3), ("held_out_rows", 1), ("threads", 1),
            ("seed", 0),
        ):  # fmt: skip
            self._require(name, f"at least {least}", holds=getattr(self, name) >= least)
        for name in (
            "plain_epochs", "elastic_epochs", "plain_learning_rate", "elastic_learning_rate",
            "temperature",
        ):  # fmt: skip
            self._require(name, "above 0 and finite", holds=0 < getattr(self, name) < math.inf)
        for name in ("dropout", "distillation_share", "warmup_share"):
            self._require(name, "at least 0 and below 1", holds=0 <= getattr(self, name) < 1)
        self._require("weight_decay", "at least 0", holds=self.weight_decay >= 0)
        kinds = get_args(Precision)
        self._require("precision", f"one of {', '.join(kinds)}", holds=self.precision in kinds)

    def depths_of(self, layers: int) -> tuple[int, ...]:
        """The depths that are trained; the last one is the whole model's."""
        return _rising("depths", self.depths, range(min(2, layers), layers + 1))

    def widths_of(self, slices: int) -> tuple[int, ...]:
        """The widths that are trained; the last one is the whole model's."""
        return _rising("widths", self.widths, range(-(-slices // 4), slices + 1))

    def _require(self, name: str, rule: str, *, holds: bool) -> None:
        if not holds:
            message = f"{name} must be {rule}, got {getattr(self, name)}"
            raise TrainingError(message)


def _rising(name: str, given: tuple[int, ...] | None, usual: range) -> tuple[int, ...]:
    if given is None:
        return tuple(usual)
    last = usual[-1]
    if not given or given[0] < 1 or given[-1] != last or any(a >= b for a, b in pairwise(given)):
        message = f"{name} must rise strictly within 1..{last} and end with {last}, got {given}"
        raise TrainingError(message)
    return given
