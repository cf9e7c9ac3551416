"""Which failures are the user's to mend, and how they are said."""

from __future__ import annotations

from plan_contracts import ContractError
from planner_api.errors import ShardstreamError
from shard_builder.errors import BuilderError
from shard_runtime.errors import ShardRuntimeError

MENDABLE = (ContractError, ShardstreamError, BuilderError, ShardRuntimeError, OSError)


def one_line(error: Exception) -> str:
    """What went wrong, without line breaks."""
    if isinstance(error, OSError) and error.strerror:
        return ": ".join(str(part) for part in (error.filename, error.strerror) if part)
    return " ".join(str(error).split())
