"""Stopping a solver from outside while it runs."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

POLL_S = 0.003


@contextmanager
def interrupted_when(
    stopped: Callable[[], bool] | None, interrupt: Callable[[], object]
) -> Generator[None]:
    """Ask every few milliseconds, on a thread of its own, whether to interrupt what runs within.

    `interrupt` is called again and again: a solver that has yet to begin forgets it. Without
    `stopped` nothing is asked.
    """
    if stopped is None:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(POLL_S):
            if stopped():
                interrupt()

    watcher = threading.Thread(target=watch, name="interruption", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
