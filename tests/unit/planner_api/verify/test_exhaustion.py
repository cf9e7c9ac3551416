"""Going through plans where many beginnings need the same, which random requests rarely have."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

import exhaustive
from builders import device_json, importance_json, model_json
from plan_contracts import PairBound
from planner_api.verify.exhaustion import best_score
from responses import numbers

if TYPE_CHECKING:
    from responses import Json

BITS = (2, 4, 6)


def alike(seed: int, **target: object) -> Json:
    """Four layers of one slice whose times and bytes are few round numbers."""
    source = random.Random(seed)  # noqa: S311 - seeded on purpose, no secret
    gains = {b: [[float(source.randint(0, 3) + 3 * b)] for _ in range(4)] for b in BITS}
    sizes = {b: [[10 * source.randint(1, 4)] for _ in range(4)] for b in BITS}
    return {
        "schema_version": 1,
        "device": device_json(
            layer_us={1: 20},
            decode_us={2: 0, 4: 10, 6: 20} if seed % 2 else dict.fromkeys(BITS, 0),
            bandwidth=1_000_000 if seed % 2 else 1_000_000_000,
        ),
        "model": model_json(sizes, depths=[4]),
        "importance": importance_json([[0.0]] * 4, gains),
        "target": {"latency_us": source.choice((130, 145, 160)), "sequence_length": 8, **target},
    }


@pytest.mark.parametrize("ahead", [None, 0, 1])
@pytest.mark.parametrize("memory_bytes", [None, 70])
@pytest.mark.parametrize("seed", [*range(8), 35, 143])
def test_beginnings_that_need_the_same_are_told_from_those_that_do_not(
    seed: int, memory_bytes: int | None, ahead: int | None
) -> None:
    document = alike(
        seed, memory_bytes=memory_bytes, read_ahead_layers=ahead, preload_bytes=10 * (seed % 3)
    )
    optimum = exhaustive.solve(document).optimum
    bound = PairBound(depth=4, width=1, upper_bound=0.0, kind="solver", path=(0.0,) * 4)
    found = best_score(numbers(document), bound, above=-1.0)
    assert found == (-1.0 if optimum is None else optimum)
