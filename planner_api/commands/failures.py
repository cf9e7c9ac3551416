"""Which failures are the user's to mend, and how a command ends."""

from __future__ import annotations

from enum import IntEnum

from plan_contracts import ContractError
from planner_api.errors import ShardstreamError
from shard_builder.errors import BuilderError
from shard_runtime.errors import ShardRuntimeError

MENDABLE = (ContractError, ShardstreamError, BuilderError, ShardRuntimeError, OSError)


class ExitCode(IntEnum):
    """How a command ends; an answer, infeasible too, is DONE."""

    DONE = 0
    UNEXPECTED = 1
    BAD_INPUT = 2
    NO_PLAN = 3
    INTERRUPTED = 130


def one_line(error: Exception) -> str:
    """What went wrong, without line breaks."""
    if isinstance(error, OSError) and error.strerror:
        return ": ".join(str(part) for part in (error.filename, error.strerror) if part)
    return " ".join(str(error).split())
