"""The benchmarks run from a checkout."""

from __future__ import annotations

import subprocess
import sys

from repository import ROOT


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Python beside the benchmarks, which are in no wheel."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_an_unknown_name_is_answered_with_those_that_exist() -> None:
    ran = python("-m", "benchmarks", "weather")
    assert ran.returncode == 2
    assert "'simulator-speed'" in ran.stderr
    assert "got ['weather']" in ran.stderr
