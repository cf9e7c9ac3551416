"""The slices that base is measured on: all at once as one by one."""

from __future__ import annotations

import numpy as np
import pytest

from instances import midsize, problem_of


@pytest.mark.parametrize("seed", range(20))
def test_a_problem_s_reference_is_the_table_s(seed: int) -> None:
    problem = problem_of(midsize(seed))
    table = problem.inputs.importance
    for width in range(1, problem.slices + 1):
        for layer in range(problem.layers):
            due = table.reference_slices(layer, width, problem.selection)
            assert np.flatnonzero(problem.reference[width, layer]).tolist() == due
