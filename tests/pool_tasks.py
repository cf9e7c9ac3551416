"""Tasks for worker processes, in a module that a fresh process finds on the tests' path."""

from __future__ import annotations

import os

from shard_builder.process_pool import THREAD_COUNT_VARIABLES


def square(number: int) -> int:
    return number * number


def blas_threads(_: int) -> list[str | None]:
    return [os.environ.get(name) for name in THREAD_COUNT_VARIABLES]


def fail_at_2(number: int) -> int:
    if number == 2:
        message = "two"
        raise ValueError(message)
    return number
