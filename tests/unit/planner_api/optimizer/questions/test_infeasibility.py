from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from builders import e1_json, e2_json
from instances import midsize, problem_of
from planner_api.optimizer.problem import Pair
from planner_api.optimizer.programs.cp_sat import Effort
from planner_api.optimizer.questions.infeasibility import explain, least_need, without_dominated

if TYPE_CHECKING:
    from plan_contracts import Infeasibility


def _explained(document: dict[str, Any]) -> Infeasibility:
    return explain(problem_of(document))


def test_e1_one_microsecond_short_of_the_fastest_plan() -> None:
    found = _explained(e1_json(latency_us=79))
    assert found.least_latency_us == 80
    assert found.least_preload_bytes == 20
    assert found.least_memory_bytes is None
    assert found.binding == "compute"


def test_the_message_is_one_sentence_with_numbers_and_units() -> None:
    assert _explained(e1_json(latency_us=79)).message == (
        "no plan keeps to 79 us of latency, 0 bytes of preload and 1000000000 bytes of memory, "
        "for want of compute; with the other limits as given, 80 us of latency would do, "
        "20 bytes of preload would do, no number of bytes of memory would do"
    )


def test_fixed_time_counts_in_the_least_latency() -> None:
    document = e1_json(latency_us=79)
    document["device"]["compute"][0]["fixed_us"] = 100
    found = _explained(document)
    assert (found.least_latency_us, found.binding) == (180, "compute")


def test_io_binds_when_reading_alone_is_late() -> None:
    document = e1_json(latency_us=70)
    document["device"]["storage"]["bandwidth_bytes_per_s"] = 250_000
    assert _explained(document).binding == "io"


def test_preload_binds_when_a_pinned_preload_does_not_fit() -> None:
    pin = {"layer": 0, "slice": 0, "preload": True}
    found = _explained({**e2_json(preload_bytes=10), "options": {"pins": [pin]}})
    assert (found.binding, found.least_preload_bytes) == ("preload", 20)
    assert found.least_latency_us is None


def test_memory_binds_when_nothing_fits_it() -> None:
    found = _explained(e1_json(memory_bytes=19))
    assert (found.binding, found.least_memory_bytes) == ("memory", 20)


def test_read_ahead_is_part_of_what_is_needed() -> None:
    document = e1_json(latency_us=1, read_ahead_layers=0)
    document["model"] |= {"depths": [2], "widths": [2]}
    assert _explained(document).least_latency_us == 280
    document["target"]["read_ahead_layers"] = None
    assert _explained(document).least_latency_us == 240


def test_if_no_single_limit_is_to_blame_the_largest_excess_binds() -> None:
    found = _explained(e1_json(latency_us=10))
    assert found.binding == "compute"
    document = e1_json(latency_us=10)
    document["device"]["storage"]["bandwidth_bytes_per_s"] = 100_000
    assert _explained(document).binding == "io"


def test_two_pinned_limits_leave_no_least_value() -> None:
    pin = {"layer": 0, "slice": 0, "preload": True}
    document = {**e1_json(memory_bytes=10, preload_bytes=5), "options": {"pins": [pin]}}
    found = _explained(document)
    assert (found.least_preload_bytes, found.least_memory_bytes) == (None, None)
    assert found.binding == "preload"


def test_an_unfinished_search_says_so() -> None:
    effort = Effort(deterministic_time=0.0, wall_limit_s=10.0)
    need = least_need(problem_of(midsize(2, spread=0.2)), "preload", effort)
    assert not need.proven


def test_only_the_smallest_pair_is_kept_when_wider_layers_are_slower() -> None:
    assert without_dominated(problem_of(e1_json())).pairs == (Pair(1, 1),)


def test_a_wider_pair_that_computes_faster_is_kept() -> None:
    document = e1_json()
    document["device"]["compute"][0]["layer_us"] = {"1": 60, "2": 50}
    assert without_dominated(problem_of(document)).pairs == (Pair(1, 1), Pair(1, 2))


def test_a_bitwidth_that_only_decodes_faster_is_kept() -> None:
    states = without_dominated(problem_of(e2_json())).states
    assert np.flatnonzero(states[0, 0, :, 0]).tolist() == [0, 5]


def test_without_decode_only_the_lowest_bitwidth_is_kept() -> None:
    states = without_dominated(problem_of(e1_json())).states
    assert np.flatnonzero(states[0, 0, :, 0]).tolist() == [0]


def test_of_two_bitwidths_that_cost_the_same_the_lower_is_kept() -> None:
    document = e1_json()
    document["model"]["shard_bytes"]["3"] = document["model"]["shard_bytes"]["2"]
    states = without_dominated(problem_of(document)).states
    assert np.flatnonzero(states[0, 0, :, 0]).tolist() == [0]


@pytest.mark.parametrize("fewer", [0, 1])
def test_the_least_preload_is_what_it_takes_at_mid_size(fewer: int) -> None:
    document = midsize(5, layers=4, slices=4)
    document["model"] |= {"depths": [4], "widths": [3]}
    problem = problem_of(document)
    tight = replace(problem, latency_us=4 * int(problem.layer_us[3]) + 90)
    amount = least_need(tight, "preload").amount
    assert amount
    enough = replace(tight, preload_bytes=amount - fewer)
    in_time = least_need(enough, "latency").amount
    assert in_time is not None
    assert (in_time <= tight.latency_us) == (fewer == 0)
