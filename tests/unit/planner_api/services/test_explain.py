from __future__ import annotations

from typing import Any

import pytest

from builders import e1_json, e2_json
from instances import problem_of
from plan_contracts import ContractError, ImportanceTable
from planner_api.services.explain import Explanation, explain
from plans import Made, made


def table_of(document: dict[str, Any]) -> ImportanceTable:
    return problem_of(document).inputs.importance


def explained(document: dict[str, Any], made_: Made, count: int = 10) -> Explanation:
    return explain(made_.plan, made_.device, made_.model, table_of(document), count=count)


def e1(bits: list[list[int]], **target: object) -> Explanation:
    document = e1_json(**target)
    return explained(document, made(document, bits))


def test_the_optimum_of_e1_has_no_room_in_either_layer() -> None:
    explanation = e1([[3, 4], [6, 4]])
    assert explanation.room.latency_us == 0
    assert [layer.slack_us for layer in explanation.layers] == [0, 0]


def test_reads_hidden_behind_compute_have_slack() -> None:
    # Layer 0 reads 40 and computes 100, layer 1 reads 40: done at 80, needed by 140.
    layers = e1([[2, 2], [2, 2]]).layers
    assert [layer.slack_us for layer in layers] == [30, 90]


def test_the_wait_for_the_first_reads_is_a_stall() -> None:
    assert [layer.stall_us for layer in e1([[2, 2], [2, 2]]).layers] == [40, 0]


def test_without_overlap_reads_wait_for_the_layer_before() -> None:
    layers = e1([[2, 2], [2, 2]], latency_us=300, read_ahead_layers=0).layers
    assert [layer.stall_us for layer in layers] == [40, 40]
    assert [layer.slack_us for layer in layers] == [20, 20]


def test_next_in_line_is_the_greatest_gain_for_each_microsecond() -> None:
    # Layer 0, slice 1 (weight 2) from 4 to 6 bit: 4 points for 20 us; slice 0 from 3 to 4 bit has
    # the same rate, for less; layer 1, slice 0 (weight 4) from 6 to 32 bit: 4 points for 260 us.
    first = e1([[3, 4], [6, 4]]).next_streamed[0]
    assert (first.layer, first.slice, first.bits_before, first.bits) == (0, 1, 4, 6)
    assert (first.score_gain, first.needs.latency_us) == (4.0, 20)
    assert first.score_per_ms == 200.0


def test_a_shard_that_fits_already_needs_nothing_and_comes_first() -> None:
    first = e1([[2, 2], [2, 2]]).next_streamed[0]
    assert first.needs.latency_us == 0
    assert first.score_per_ms is None
    assert (first.layer, first.slice, first.bits) == (1, 0, 6)


def test_preloading_needs_bytes_and_no_time() -> None:
    first = e1([[3, 4], [6, 4]]).next_preloaded[0]
    assert (first.layer, first.slice, first.bits) == (0, 0, 6)
    assert (first.needs.latency_us, first.needs.preload_bytes) == (0, 60)


def test_memory_that_a_change_lacks_is_told() -> None:
    document = e1_json(memory_bytes=200)
    explanation = explained(document, made(document, [[3, 4], [6, 4]]))
    assert explanation.room.memory_bytes == 30
    by_bits = {n.bits: n.needs.memory_bytes for n in explanation.next_streamed}
    assert (by_bits[6], by_bits[32]) == (0, 230)


def test_what_any_plan_would_need_at_least_is_told() -> None:
    # One shard at 2 bit is 20 us to read and 20 bytes to hold, and computes for 60 us.
    least = e1([[3, 4], [6, 4]]).least
    assert (least.latency_us, least.preload_bytes, least.memory_bytes) == (80, 0, 20)


def test_preload_that_is_left_counts_as_room() -> None:
    document = e2_json()
    explanation = explained(document, made(document, [[5, 3], [6, 4]], [(0, 0)]))
    assert explanation.room.preload_bytes == 10


def test_each_shard_stands_in_a_list_once() -> None:
    places = [(n.layer, n.slice) for n in e1([[2, 2], [2, 2]]).next_streamed]
    assert sorted(places) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_the_lists_are_as_long_as_asked_for() -> None:
    document = e1_json()
    explanation = explained(document, made(document, [[2, 2], [2, 2]]), count=1)
    assert len(explanation.next_streamed) == len(explanation.next_preloaded) == 1


def test_a_table_that_the_plan_does_not_name_is_refused() -> None:
    document = e1_json()
    plan, device, model = made(document, [[2, 2], [2, 2]])
    other = table_of({**document, "importance": {**document["importance"], "task": "other"}})
    with pytest.raises(ContractError, match="importance table must have the digest"):
        explain(plan, device, model, other)
