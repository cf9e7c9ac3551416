from __future__ import annotations

import pytest

from benchmarks.explore import FirstAnswer


@pytest.mark.parametrize(
    ("p50_ms", "p95_ms", "named"),
    [(60.0, 100.0, []), (61.0, 100.0, ["p50"]), (20.0, 101.0, ["p95"]), (70, 120, ["p50", "p95"])],
)
def test_a_slow_first_answer_falls_short(p50_ms: float, p95_ms: float, named: list[str]) -> None:
    shortfalls = FirstAnswer(part="first answer", p50_ms=p50_ms, p95_ms=p95_ms).shortfalls()
    assert [next(name for name in ("p50", "p95") if name in said) for said in shortfalls] == named
