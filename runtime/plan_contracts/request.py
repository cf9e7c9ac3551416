"""PlanRequest: which device, model and importance table, which target, which options."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from plan_contracts.device import DeviceProfile
from plan_contracts.document import Document, Part
from plan_contracts.importance import ImportanceTable
from plan_contracts.model import ModelManifest, require_increasing
from plan_contracts.units import Bitwidth, Bytes, Count, Positive

Policy = Literal["optimal", "sti-largest", "sti-deepest", "uniform", "full"]


class Target(Part):
    """What the plan must keep to.

    `read_ahead_layers` r: reads of layer l start once layer l-1-r is computed (0: no overlap,
    1: double buffering, None: no limit). `latency_quantile` q: P(latency <= target) >= q under
    the profile's jitter.
    """

    latency_us: Positive
    preload_bytes: Bytes = 0
    memory_bytes: Bytes | None = None
    read_ahead_layers: Count | None = None
    latency_quantile: Annotated[float, Field(gt=0, lt=1)] | None = None
    compute_target: str = "cpu"
    sequence_length: Positive = 128


class ShardRule(Part):
    """Names shards by layer and slice, and if given by bitwidth and by being preloaded."""

    layer: Count
    slice: Count
    bits: Bitwidth | None = None
    preload: bool | None = None


class PlanOptions(Part):
    """How to plan: policy, allowed bitwidths, pins and forbids, effort."""

    policy: Policy = "optimal"
    max_relative_gap: Annotated[float, Field(ge=0)] = 0.001
    time_limit_ms: Positive = 2000
    bitwidths: Annotated[tuple[Bitwidth, ...], Field(min_length=1)] | None = None
    pins: tuple[ShardRule, ...] = ()
    forbids: tuple[ShardRule, ...] = ()
    seed: Count = 0

    @model_validator(mode="after")
    def _bitwidths_rise(self) -> Self:
        if self.bitwidths is not None:
            require_increasing("bitwidths", self.bitwidths)
        return self


def name_or_document(value: object) -> str:
    """Which form of a reference is read, for a pydantic Discriminator."""
    return "<name>" if isinstance(value, str) else "<document>"


Name = Annotated[str, Field(min_length=1), Tag("<name>")]
DeviceRef = Annotated[
    Name | Annotated[DeviceProfile, Tag("<document>")], Discriminator(name_or_document)
]
ModelRef = Annotated[
    Name | Annotated[ModelManifest, Tag("<document>")], Discriminator(name_or_document)
]
ImportanceRef = Annotated[
    Name | Annotated[ImportanceTable, Tag("<document>")], Discriminator(name_or_document)
]


class PlanRequest(Document):
    """One request; device, model and importance each by registered name, digest, or inline."""

    device: DeviceRef
    model: ModelRef
    importance: ImportanceRef
    target: Target
    options: PlanOptions = PlanOptions()
