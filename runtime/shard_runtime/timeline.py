"""What happened when, in one run; any thread may record."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

from plan_contracts import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["read", "decode", "compute", "stall"]
Clock = Callable[[], int]
"""A monotonic clock in nanoseconds."""

NANOSECONDS_PER_MICROSECOND = 1000


class Step(NamedTuple):
    """What a span of time was spent on: some slices of a layer, and how many bytes of them."""

    kind: Kind
    layer: int
    slices: Sequence[int]
    bytes: int


class Timeline:
    """Steps of one run on one clock; microseconds from its start are made of them at the end."""

    def __init__(self, clock: Clock = time.perf_counter_ns) -> None:
        self.now = clock
        self._origin = clock()
        self._records: list[tuple[Step, int, int]] = []

    def begin(self) -> int:
        """Start the run's clock now; returns now."""
        self._origin = self.now()
        return self._origin

    def record(self, step: Step, start: int) -> int:
        """Keep a step that began at `start` and ends now; returns its end."""
        end = self.now()
        self._records.append((step, start, end))
        return end

    def spans(self) -> tuple[Span, ...]:
        """All steps in the order of their start."""
        ordered = sorted(self._records, key=lambda record: record[1:])
        return tuple(
            Span(
                kind=step.kind,
                layer=step.layer,
                slices=tuple(step.slices),
                start_us=self.microseconds(start),
                end_us=self.microseconds(end),
                bytes=step.bytes,
            )
            for step, start, end in ordered
        )

    def microseconds(self, at: int) -> int:
        """Whole microseconds from the start of the run's clock."""
        return (at - self._origin) // NANOSECONDS_PER_MICROSECOND
