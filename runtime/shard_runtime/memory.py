"""Counting the bytes a run holds at once."""

from __future__ import annotations

from threading import Lock


class MemoryAccount:
    """Bytes taken and given back, by any thread, and the most that were held at once."""

    def __init__(self, held: int = 0) -> None:
        self._lock = Lock()
        self._held = held
        self._peak = held

    @property
    def peak(self) -> int:
        """The most bytes held at once so far."""
        return self._peak

    def take(self, size: int) -> None:
        """Count bytes that are about to be allocated."""
        with self._lock:
            self._held += size
            self._peak = max(self._peak, self._held)

    def give(self, size: int) -> None:
        """Count bytes that are no longer needed."""
        with self._lock:
            self._held -= size
