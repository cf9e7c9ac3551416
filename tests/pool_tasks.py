"""Tasks for worker processes, in a module that a fresh process finds on the tests' path."""

from __future__ import annotations

import os
import time
from pathlib import Path

from shard_builder.process_pool import THREAD_COUNT_VARIABLES, worker_pool


def square(number: int) -> int:
    return number * number


def blas_threads(_: int) -> list[str | None]:
    return [os.environ.get(name) for name in THREAD_COUNT_VARIABLES]


def fail_at_2(number: int) -> int:
    if number == 2:
        message = "two"
        raise ValueError(message)
    return number


def touch(task: tuple[str, float]) -> None:
    """Make the file NAME.begun, and NAME.done some seconds later."""
    name, seconds = task
    Path(f"{name}.begun").touch()
    time.sleep(seconds)
    Path(f"{name}.done").touch()


def touch_in_two_processes(name: str, seconds: float) -> None:
    with worker_pool(touch, workers=2) as run:
        list(run([(name, seconds)]))
