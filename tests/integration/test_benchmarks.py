"""The benchmarks run from a checkout, find what they should and say what falls short."""

from __future__ import annotations

import subprocess
import sys

from repository import ROOT


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Python beside the benchmarks, which are in no wheel."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_models_agree_on_the_benchmarks_own_configurations() -> None:
    ran = python(
        "-c",
        "from benchmarks.simulator import measure_agreement\n"
        "found = measure_agreement(40)\n"
        "print(found.models_equal, found.prediction_equal, found.deadlocks > 0)\n"
        "print(list(found.shortfalls()))",
    )
    assert ran.stdout.splitlines() == ["40 40 True", "[]"], ran.stderr


def test_figures_that_fall_short_are_named() -> None:
    ran = python(
        "-c",
        "from benchmarks.simulator import Speed\n"
        "slow = Speed(recursion_ms=30.0, simpy_ms=3000.0, ratio=100.0, equal_runs=1000)\n"
        "print(*slow.shortfalls(), sep='\\n')",
    )
    assert ran.stdout.splitlines() == [
        "recursion_ms must be below 25, got 30.0",
        "ratio must be at least 300, got 100",
    ]


def test_an_unknown_name_is_answered_with_those_that_exist() -> None:
    ran = python("-m", "benchmarks", "weather")
    assert ran.returncode == 2
    assert "'simulator-speed'" in ran.stderr
    assert "got ['weather']" in ran.stderr
