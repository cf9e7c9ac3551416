"""The reference cases of STI.md: Fig. 6, the stage-1 table, case 4; and E1, E2."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from builders import device_json, e1_json, e2_json, gains_of, importance_json, model_json
from instances import problem_of
from planner_api.optimizer.choice import Choice, evaluate
from planner_api.optimizer.policies import sti_deepest, sti_largest
from planner_api.optimizer.policies.sti import io_slack, pairs_in_time
from planner_api.optimizer.problem import Pair

if TYPE_CHECKING:
    from planner_api.optimizer.problem import Problem

COMPUTE_MS = (35, 44, 52, 58, 65, 70, 75, 83, 87, 95)
COMPUTE_DECODED_MS = (41, 52, 62, 70, 79, 86, 93, 103, 109, 119)
READ_US = {2: 1768, 3: 2651, 4: 3535, 5: 4419, 6: 5302, 32: 28276}


def _sti_json(layer_ms: tuple[int, ...] = COMPUTE_DECODED_MS, **target: object) -> dict[str, Any]:
    """12 x 12 on the board of STI's table: one byte a microsecond of reading, decode in compute."""
    layer_us = {m: ms * 1000 for m, ms in enumerate(layer_ms, start=3)}
    base = [[float(n * m) for m in range(12)] for n in range(12)]
    sizes = {b: [[us] * 12 for _ in range(12)] for b, us in READ_US.items()}
    return {
        "schema_version": 1,
        "device": device_json(layer_us=layer_us, decode_us=dict.fromkeys(READ_US, 0)),
        "model": model_json(sizes),
        "importance": importance_json(base, gains_of([[1.0] * 12 for _ in range(12)])),
        "target": {"sequence_length": 8, **target},
    }


@pytest.mark.parametrize(
    ("latency_ms", "pair"),
    list(
        zip(
            (150, 200, 250, 300, 400, 500, 800, 1000, 1428),
            ((3, 3), (4, 3), (6, 3), (7, 3), (9, 3), (12, 3), (12, 5), (12, 7), (12, 12)),
            strict=True,
        )
    ),
)
def test_stage_1_deepest_first(latency_ms: int, pair: tuple[int, int]) -> None:
    found = sti_deepest(problem_of(_sti_json(latency_us=latency_ms * 1000)))
    assert found is not None
    assert found.choice.pair == pair


@pytest.mark.parametrize(
    ("latency_ms", "pair"),
    list(
        zip(
            (150, 200, 250, 300, 400, 500, 800, 1000, 1428),
            ((2, 6), (2, 9), (2, 12), (3, 9), (4, 9), (4, 12), (7, 11), (9, 11), (12, 12)),
            strict=True,
        )
    ),
)
def test_stage_1_most_shards(latency_ms: int, pair: tuple[int, int]) -> None:
    found = sti_largest(problem_of(_sti_json(latency_us=latency_ms * 1000)))
    assert found is not None
    assert found.choice.pair == pair


@pytest.mark.parametrize(
    ("latency_ms", "pair"),
    [(150, (4, 3)), (200, (5, 3)), (250, (7, 3)), (300, (8, 3)), (400, (11, 3))],
)
def test_stage_1_deepest_first_without_decode(latency_ms: int, pair: tuple[int, int]) -> None:
    found = sti_deepest(problem_of(_sti_json(COMPUTE_MS, latency_us=latency_ms * 1000)))
    assert found is not None
    assert found.choice.pair == pair


def test_stage_1_counts_the_slowest_decode_of_every_shard() -> None:
    assert Pair(2, 2) in pairs_in_time(problem_of(e2_json(latency_us=216)))
    assert Pair(2, 2) not in pairs_in_time(problem_of(e2_json(latency_us=215)))


def test_no_pair_in_time_is_no_plan() -> None:
    problem = problem_of(e1_json(latency_us=59))
    assert sti_largest(problem) is None
    assert sti_deepest(problem) is None


def test_e1_no_bitwidth_is_valid_so_all_are_lowest() -> None:
    found = sti_largest(problem_of(e1_json()))
    assert found is not None
    assert (found.evaluation.objective, found.evaluation.latency_us) == (78, 240)


def test_e2_raises_the_shards_of_the_second_layer() -> None:
    found = sti_largest(problem_of(e2_json()))
    assert found is not None
    assert (found.evaluation.objective, found.evaluation.latency_us) == (102, 216)


def test_a_raised_preloaded_shard_loses_its_place() -> None:
    document = {**e2_json(preload_bytes=40), "options": {"bitwidths": [2, 5]}}
    document["model"]["widths"] = [1]  # both 2-bit shards fit, the second can hide its read
    found = sti_largest(problem_of(document))
    assert found is not None
    assert found.choice.bits[found.choice.chosen].tolist() == [0, 1]
    assert found.choice.preload[found.choice.chosen].tolist() == [True, False]


def test_decode_of_a_raised_shard_hides_later_reads() -> None:
    sizes = {2: [[20], [20], [90]], 6: [[200], [38], [500]]}
    gains = {2: [[0], [0], [0]], 6: [[1], [1], [1]]}
    document = {
        "schema_version": 1,
        "device": device_json(layer_us={1: 60}, decode_us={2: 0, 6: 10}),
        "model": {**model_json(sizes), "depths": [3]},
        "importance": importance_json([[0], [0], [0]], gains),
        "target": {"latency_us": 300, "preload_bytes": 20, "sequence_length": 8},
    }
    found = sti_largest(problem_of(document))
    assert found is not None
    assert found.choice.bits.tolist() == [[0], [1], [0]]
    assert found.evaluation.latency_us == 190


# Fig. 6: 2 layers x 3 shards, 1 s of compute a layer, 0.2 s a 2-bit shard, layer 0 preloaded.


def _figure_6(second_layer_us: tuple[int, int, int]) -> tuple[Problem, Choice]:
    times = {2: [200_000] * 3, 6: list(second_layer_us)}
    document = {
        "schema_version": 1,
        "device": device_json(layer_us={3: 1_000_000}, decode_us={2: 0, 6: 0}),
        "model": model_json({b: [[200_000] * 3, row] for b, row in times.items()}),
        "importance": importance_json([[0] * 3] * 2, {2: [[0] * 3] * 2, 6: [[1] * 3] * 2}),
        "target": {"latency_us": 2_000_000, "preload_bytes": 600_000, "sequence_length": 8},
    }
    bits = np.array([[0, 0, 0], [1, 1, 1]])
    preload = np.array([[True] * 3, [False] * 3])
    return problem_of(document), Choice(pair=Pair(2, 3), bits=bits, preload=preload)


def test_figure_6_charging_the_preloaded_layer_leaves_one_layer_of_compute() -> None:
    problem, choice = _figure_6((400_000, 400_000, 200_000))
    assert io_slack(problem, choice).tolist() == [0, 0]
    assert io_slack(*_figure_6((1, 1, 1))).tolist() == [0, 999_997]


def test_figure_6_one_second_of_reads_in_the_second_layer_is_hidden() -> None:
    found = evaluate(*_figure_6((400_000, 400_000, 200_000)))
    assert (found.latency_us, found.feasible) == (2_000_000, True)


def test_figure_6_more_than_one_second_is_not() -> None:
    problem, choice = _figure_6((400_000, 400_000, 200_001))
    assert io_slack(problem, choice).min() < 0
    assert not evaluate(problem, choice).feasible


def test_a_later_layers_preload_does_not_credit_the_first() -> None:
    sizes = {2: [[200_000], [200_000]]}
    document = {
        "schema_version": 1,
        "device": device_json(layer_us={1: 1_000_000}, decode_us={2: 0}),
        "model": model_json(sizes),
        "importance": importance_json([[0], [1]], {2: [[0], [0]]}),
        "target": {"latency_us": 2_000_000, "preload_bytes": 200_000, "sequence_length": 8},
    }
    choice = Choice(
        pair=Pair(2, 1),
        bits=np.zeros((2, 1), dtype=np.int64),
        preload=np.array([[False], [True]]),
    )
    problem = problem_of(document)
    assert io_slack(problem, choice).tolist() == [-200_000, 800_000]
    assert evaluate(problem, choice).latency_us == 2_200_000


# Case 4: n = 8, m = 3, layer 0 (3 shards at 6 bit) preloaded, 41 ms a layer.


def _case_4(upgrade_us: int = READ_US[6]) -> tuple[Problem, Choice]:
    document = _sti_json(latency_us=328_000, preload_bytes=3 * READ_US[6])
    document["model"] |= {"depths": [8], "widths": [3]}
    problem = problem_of(document)
    index = {us: b for b, us in enumerate(READ_US.values())}[upgrade_us]
    bits = np.full((8, 12), -1)
    bits[:, :3] = index
    bits[0, :3] = 4
    preload = np.zeros((8, 12), dtype=bool)
    preload[0, :3] = True
    return problem, Choice(pair=Pair(8, 3), bits=bits, preload=preload)


def test_case_4_the_preloaded_layer_leaves_41_ms_a_layer() -> None:
    problem, choice = _case_4()
    only_preloaded = replace(choice, preload=choice.chosen)
    assert io_slack(problem, only_preloaded).tolist() == [41_000 * k for k in range(8)]


def test_case_4_all_others_at_2_bit() -> None:
    slack = io_slack(*_case_4(READ_US[2]))
    assert slack.tolist() == pytest.approx([35_698 * k for k in range(8)], abs=30)


def test_case_4_all_others_at_6_bit() -> None:
    slack = io_slack(*_case_4(READ_US[6]))
    assert slack[7] == pytest.approx(175_664, abs=30)


def test_case_4_exactly_seven_upgrades_from_6_to_32_bit_fit() -> None:
    document = _sti_json(latency_us=328_000, preload_bytes=3 * READ_US[6])
    document["model"] |= {"depths": [8], "widths": [3]}
    document["importance"]["gain"] = {
        b: [[0 if layer == 0 else gain for gain in row] for layer, row in enumerate(table)]
        for b, table in document["importance"]["gain"].items()
    }
    problem = problem_of(document)
    found = sti_deepest(problem)
    assert found is not None
    bits = np.array(problem.bits)[found.choice.bits[found.choice.chosen]]
    assert np.unique(bits, return_counts=True)[1].tolist() == [17, 7]
    assert io_slack(problem, found.choice)[7] == pytest.approx(14_845, abs=30)
    assert found.evaluation.latency_us == 328_000
