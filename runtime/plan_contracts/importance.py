"""ImportanceTable: what each shard at each bitwidth is worth to the model's output."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from plan_contracts.document import Document
from plan_contracts.errors import ContractError
from plan_contracts.model import require_shape
from plan_contracts.provenance import Provenance
from plan_contracts.units import BitwidthKey, Sha256

if TYPE_CHECKING:
    from plan_contracts.model import ModelManifest, SliceSelection

Gain = Annotated[float, Field(ge=0)]
ScoreTable = tuple[tuple[float, ...], ...]
GainTable = tuple[tuple[Gain, ...], ...]


class ImportanceTable(Document):
    """Scores of submodels and gains of shards; higher is better, scores may be negative.

    `base[n-1][m-1]`: score of depth n, width m with every shard at the lowest bitwidth, on the
    reference slices (see `reference_slices`); `full`: the same at the highest bitwidth.
    `gain[b][layer][slice]` never falls as b rises. `stderr[b][layer][slice]`: standard error of
    the gain, same unit.
    """

    model: Annotated[str, Field(min_length=1)]
    model_digest: Sha256 | None = None
    task: str
    metric: str
    unit: str
    base: ScoreTable
    full: ScoreTable | None = None
    gain: Annotated[dict[BitwidthKey, GainTable], Field(min_length=1)]
    stderr: dict[BitwidthKey, GainTable] | None = None
    provenance: Provenance

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        layers = len(self.base)
        slices = len(self.base[0]) if self.base else 0
        require_shape("base", self.base, layers, slices)
        if self.full is not None:
            require_shape("full", self.full, layers, slices)
        for bits, table in self.gain.items():
            require_shape(f"gain.{bits}", table, layers, slices)
        for bits, table in (self.stderr or {}).items():
            require_shape(f"stderr.{bits}", table, layers, slices)
        self._check_gains_rise(layers, slices)
        return self

    def _check_gains_rise(self, layers: int, slices: int) -> None:
        ordered = sorted(self.gain)
        for low, high in pairwise(ordered):
            for layer in range(layers):
                for index in range(slices):
                    below, above = self.gain[low][layer][index], self.gain[high][layer][index]
                    if above < below:
                        message = (
                            f"gain.{high}.{layer}.{index} must be at least the {below} of "
                            f"{low} bit, got {above}"
                        )
                        raise ValueError(message)

    @cached_property
    def digest(self) -> str:
        """Digest of the whole document."""
        return self.content_digest()

    @property
    def highest_bits(self) -> int:
        """The table's own highest bitwidth."""
        return max(self.gain)

    @property
    def lowest_bits(self) -> int:
        """The table's own lowest bitwidth."""
        return min(self.gain)

    def reference_slices(self, layer: int, width: int, selection: SliceSelection) -> list[int]:
        """Slices that `base` and `full` are measured on in this layer, ascending.

        `prefix`: 0..width-1. `any`: those of greatest gain at the highest bitwidth, ties to the
        lower index (CONTRACTS, ImportanceTable).
        """
        if selection == "prefix":
            return list(range(width))
        gains = self.gain[self.highest_bits][layer]
        return sorted(sorted(range(len(gains)), key=lambda index: (-gains[index], index))[:width])

    def bound_to(self, manifest: ModelManifest) -> Self:
        """The table with `model_digest` filled in, after checking that it fits the manifest.

        `manifest` is sealed. ContractError if shape, bitwidths or digest differ, or if under
        `prefix` the lowest bitwidth has a gain.
        """
        self._check_fits(manifest)
        if self.model_digest is not None and self.model_digest != manifest.digest:
            message = (
                f"importance.model_digest must be the manifest's {manifest.digest}, "
                f"got {self.model_digest}"
            )
            raise ContractError(message)
        if self.model_digest is not None:
            return self
        return self.model_copy(update={"model_digest": manifest.digest})

    def _check_fits(self, manifest: ModelManifest) -> None:
        shape = (len(self.base), len(self.base[0]) if self.base else 0)
        if shape != (manifest.layers, manifest.slices):
            message = (
                f"importance table must be {manifest.layers} layers x {manifest.slices} slices "
                f"as model {manifest.model!r}, got {shape[0]} x {shape[1]}"
            )
            raise ContractError(message)
        missing = sorted(set(manifest.bitwidths) - set(self.gain))
        if missing:
            message = f"importance.gain must have the model's bitwidths, lacks {missing}"
            raise ContractError(message)
        lowest = self.gain[self.lowest_bits]
        if manifest.slice_selection == "prefix" and any(gain for row in lowest for gain in row):
            message = (
                f"importance.gain.{self.lowest_bits} must be 0 everywhere under prefix: "
                "base already counts the lowest bitwidth"
            )
            raise ContractError(message)
