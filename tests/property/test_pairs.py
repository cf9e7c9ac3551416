"""Which submodels a request leaves, against the rules one pair at a time."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from instances import problem_of, tiny
from plan_contracts import ContractError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner_api.optimizer.problem import Problem


def holds(problem: Problem, depth: int, width: int) -> bool:
    """Every pin lies within the pair, and every layer has slices enough to choose from."""
    available: NDArray[np.bool_] = np.any(problem.states, axis=(2, 3))
    required = problem.required
    if required[depth:].any():
        return False
    if problem.selection == "prefix":
        return bool(available[:depth, :width].all() and not required[:, width:].any())
    return all(available[layer].sum() >= width >= required[layer].sum() for layer in range(depth))


@given(st.integers(0, 100_000))
@settings(max_examples=150, deadline=None)
def test_the_pairs_are_those_that_can_honour_pins_and_forbids(seed: int) -> None:
    try:
        problem = problem_of(tiny(seed))
    except ContractError:
        return
    model = problem.inputs.model
    widths = [m for m in model.widths if m not in problem.skipped_widths]
    possible = product(model.depths, widths)
    assert problem.pairs == tuple(pair for pair in possible if holds(problem, *pair))
