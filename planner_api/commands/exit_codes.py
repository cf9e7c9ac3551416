"""How a command ends."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """An answer, infeasible too, is DONE; anything unexpected ends as Python ends it, with 1."""

    DONE = 0
    REFUSED = 1
    BAD_INPUT = 2
    NO_PLAN = 3
    INTERRUPTED = 130
