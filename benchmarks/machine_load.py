"""How much of the processor other programs take, from Linux' counters."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple, Self

COUNTERS = Path("/proc/stat")
WAITING = (3, 4)
"""Columns of `cpu` that are no work: idle, and idle with I/O pending."""

QUIET_CORES = 0.25
"""What others may take of a machine that counts as quiet."""


class Usage(NamedTuple):
    """Seconds since some moment: of work on all cores, of our own work, of the clock."""

    total_s: float
    own_s: float
    clock_s: float

    @classmethod
    def now(cls) -> Self | None:
        """The counters now; None where the system has none."""
        if not COUNTERS.exists():
            return None
        columns = [int(field) for field in COUNTERS.read_text().split("\n")[0].split()[1:9]]
        idle = sum(columns[column] for column in WAITING)
        own = os.times()
        return cls(
            total_s=(sum(columns) - idle) / os.sysconf("SC_CLK_TCK"),
            own_s=own.user + own.system + own.children_user + own.children_system,
            clock_s=time.monotonic(),
        )

    def others_since(self, before: Usage) -> float:
        """Cores that other programs kept busy since then, on average."""
        others_s = (self.total_s - before.total_s) - (self.own_s - before.own_s)
        return max(0.0, others_s / (self.clock_s - before.clock_s))
