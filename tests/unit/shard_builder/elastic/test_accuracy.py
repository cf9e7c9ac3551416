from __future__ import annotations

import numpy as np

from shard_builder.configuration import Elasticity
from shard_builder.elastic.accuracy import accuracy_table


def test_accuracy_counts_right_answers_at_every_depth_and_width() -> None:
    answers = {  # depth, width: the class answered for each of four rows
        (1, 1): (0, 0, 0, 0), (2, 1): (0, 1, 0, 0),
        (1, 2): (1, 0, 1, 0), (2, 2): (0, 1, 0, 1),
    }  # fmt: skip
    elasticity = Elasticity(slice_selection="prefix", depths=(1, 2), widths=(1, 2))
    table = accuracy_table(
        lambda depths, width: np.stack(
            [np.eye(2, dtype=np.float32)[list(answers[d, width])] for d in depths]
        ),
        (0, 1, 0, 1),
        elasticity,
    )
    assert table == {1: {1: 0.5, 2: 0.0}, 2: {1: 0.75, 2: 1.0}}
