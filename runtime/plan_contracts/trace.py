"""RunTrace: what happened in one run, simulated or measured, in one shape."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from plan_contracts.document import Document, Part
from plan_contracts.units import (
    Bytes,
    Count,
    Microseconds,
    Sha256,
)


class Span(Part):
    """One read, decode, compute or stall; microseconds from the first read's issue."""

    kind: Literal["read", "decode", "compute", "stall"]
    layer: Count
    slices: tuple[Count, ...]
    start_us: Microseconds
    end_us: Microseconds
    bytes: Bytes

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.end_us < self.start_us:
            message = f"end_us must be at least start_us {self.start_us}, got {self.end_us}"
            raise ValueError(message)
        return self


class RunTrace(Document):
    """One run; the clock runs from the first read's issue to the logits."""

    plan_id: Sha256
    source: Literal["simulated", "measured"]
    device: str
    latency_us: Microseconds
    peak_memory_bytes: Bytes
    spans: tuple[Span, ...]
