"""Speeds that change over time: a flash that others read too, a processor that throttles.

Exact in integers. Work is counted in microseconds at nominal speed; at a speed of s thousandths,
t microseconds do s * t thousandths of a microsecond of it. Both models of the pipeline follow a
schedule, SimPy stretch by stretch, the recursion in one formula.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

NOMINAL = 1000
FASTEST = 10 * NOMINAL
LONGEST_US = 2**40
"""Moments of changes, and the work of one run, stay below this: all sums then fit 64 bits."""


@dataclass(frozen=True, slots=True)
class SpeedSchedule:
    """Thousandths of the nominal speed from each moment on.

    `changes`: (at_us, speed) with rising moments, the first 0. A speed may be 0 for a while, but
    not for ever. ContractError for anything else.
    """

    changes: tuple[tuple[int, int], ...] = ((0, NOMINAL),)

    def __post_init__(self) -> None:
        moments = [at for at, _ in self.changes]
        rising = all(low < high for low, high in pairwise(moments))
        if not moments or moments[0] != 0 or not rising or moments[-1] >= LONGEST_US:
            message = f"moments of change must rise from 0 to below {LONGEST_US} us, got {moments}"
            raise ContractError(message)
        speeds = [speed for _, speed in self.changes]
        if min(speeds) < 0 or max(speeds) > FASTEST or speeds[-1] == 0:
            message = f"speeds must be 0..{FASTEST} thousandths, the last not 0, got {speeds}"
            raise ContractError(message)

    @property
    def is_nominal(self) -> bool:
        """Whether this is the nominal speed throughout."""
        return all(speed == NOMINAL for _, speed in self.changes)

    def after(self, elapsed_us: int) -> SpeedSchedule:
        """The rest of the schedule, on a clock that starts `elapsed_us` later."""
        past = [speed for at, speed in self.changes if at <= elapsed_us]
        coming = [(at - elapsed_us, speed) for at, speed in self.changes if at > elapsed_us]
        return SpeedSchedule(((0, past[-1]), *coming))

    def stretches(self, start_us: int) -> Iterator[tuple[int, int | None]]:
        """(speed, end in us) of every stretch from a moment on; the last has no end."""
        ends = [*(at for at, _ in self.changes[1:]), None]
        for (_, speed), end in zip(self.changes, ends, strict=True):
            if end is None or end > start_us:
                yield speed, end

    def finish_us(
        self, start_us: NDArray[np.int64], work_us: NDArray[np.int64] | int
    ) -> NDArray[np.int64]:
        """When work that starts at these moments is done, rounded up; any shapes that broadcast."""
        if self.is_nominal:
            return start_us + work_us
        changes: NDArray[np.int64] = np.array(self.changes, dtype=np.int64)
        moments, speeds = changes[:, 0], changes[:, 1]
        done = np.append(0, np.cumsum(np.diff(moments) * speeds[:-1]))
        since = np.searchsorted(moments, start_us, side="right") - 1
        target = done[since] + (start_us - moments[since]) * speeds[since] + NOMINAL * work_us
        last = np.maximum(np.searchsorted(done, target) - 1, 0)
        rest = -(-(target - done[last]) // np.maximum(speeds[last], 1))
        return np.maximum(start_us, moments[last] + rest)


STEADY = SpeedSchedule()


def shared_with(visits: Iterable[tuple[int, int]], *, speed: int) -> SpeedSchedule:
    """The flash while somebody else reads too, from start to end of every visit, in us.

    `speed`: thousandths of its bandwidth that are left to us. ContractError unless each visit
    ends after its start and before the next one starts.
    """
    changes: dict[int, int] = {0: NOMINAL}
    earliest = 0
    for start, end in visits:
        if not earliest <= start < end:
            message = (
                f"a visit must start at {earliest} us or later and end after it, got {(start, end)}"
            )
            raise ContractError(message)
        changes[start], changes[end] = speed, NOMINAL
        earliest = end
    return SpeedSchedule(tuple(sorted(changes.items())))
