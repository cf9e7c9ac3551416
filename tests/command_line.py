"""`shardstream` as a person runs it, in this process: another one costs seconds of imports."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass

import pytest

from planner_api.cli import main


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


def shardstream(*arguments: object, given: str = "") -> Done:
    """Run a command to its end."""
    with pytest.MonkeyPatch.context() as patch:
        out, err = io.StringIO(), io.StringIO()
        patch.setattr(sys, "argv", ["shardstream", *map(str, arguments)])
        patch.setattr(sys, "stdin", io.StringIO(given))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        with pytest.raises(SystemExit) as ended:
            main()
    return Done(int(ended.value.code or 0), out.getvalue(), err.getvalue())
