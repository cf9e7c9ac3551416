"""How work tells its caller how far it is, and what it doubts."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with (steps done, steps in all); steps resumed from a file count as done."""


def silent(_done: int, _total: int) -> None:
    """Tell nobody."""


Warn = Callable[[str], None]
"""Called with one sentence about input that can be used but should not be trusted."""


def ignored(_warning: str) -> None:
    """Heed no warning."""
