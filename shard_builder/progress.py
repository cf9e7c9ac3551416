"""How long work tells its caller how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with (steps done, steps in all); steps resumed from a file count as done."""


def silent(_done: int, _total: int) -> None:
    """Tell nobody."""
