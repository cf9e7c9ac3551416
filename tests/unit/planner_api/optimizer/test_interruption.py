"""Stopping a solver from outside while it runs."""

from __future__ import annotations

import threading

import pytest

from planner_api.optimizer.interruption import interrupted_when


def test_what_runs_is_interrupted_until_it_ends() -> None:
    interrupted = threading.Semaphore(0)
    with interrupted_when(lambda: True, interrupted.release):
        assert all(interrupted.acquire(timeout=60) for _ in range(2))


def test_without_a_reason_nothing_is_interrupted() -> None:
    asked, interruptions = threading.Event(), list[None]()

    def stopped() -> bool:
        asked.set()
        return False

    with interrupted_when(stopped, lambda: interruptions.append(None)):
        assert asked.wait(timeout=60)
    assert not interruptions


def test_an_error_within_ends_the_watch() -> None:
    before, message = threading.active_count(), "broken"
    with pytest.raises(ValueError, match=message), interrupted_when(lambda: True, lambda: None):
        raise ValueError(message)
    assert threading.active_count() == before
