from __future__ import annotations

from typing import TYPE_CHECKING

from builders import e1_json, e2_json
from planner_api.services.diff import PlanDifference, ShardState, diff
from plans import made

if TYPE_CHECKING:
    from plan_contracts import Plan


def e1(bits: list[list[int]], **target: object) -> Plan:
    return made(e1_json(**target), bits).plan


def deeper() -> PlanDifference:
    return diff(e1([[3, 4]]), e1([[3, 6], [6, 4]]))


def test_a_plan_does_not_differ_from_itself() -> None:
    plan = e1([[3, 4], [6, 4]])
    difference = diff(plan, plan)
    assert (difference.target, difference.shards, difference.other_documents) == ((), (), ())
    assert difference.before == difference.after


def test_a_shard_at_other_bits_is_told_with_both() -> None:
    change = deeper().shards[0]
    assert (change.layer, change.slice) == (0, 1)
    assert change.before == ShardState(bits=4, bytes=40, preload=False)
    assert change.after == ShardState(bits=6, bytes=60, preload=False)


def test_a_shard_that_only_one_plan_has_is_null_in_the_other() -> None:
    added = [change for change in deeper().shards if change.layer == 1]
    assert [change.before for change in added] == [None, None]


def test_a_shard_that_is_now_preloaded_is_a_change() -> None:
    document = e2_json()
    before = made(document, [[6, 3], [6, 4]])
    after = made(document, [[6, 3], [6, 4]], [(0, 0)])
    change = diff(before.plan, after.plan).shards[0]
    assert change.before is not None
    assert change.after is not None
    assert (change.before.preload, change.after.preload) == (False, True)


def test_totals_are_those_of_the_plans() -> None:
    difference = deeper()
    assert (difference.before.depth, difference.after.depth) == (1, 2)
    assert (difference.before.read_bytes, difference.after.read_bytes) == (70, 190)
    assert difference.after.latency_us == 290


def test_a_layer_that_one_plan_lacks_is_null_there() -> None:
    layers = deeper().layers
    assert layers[1].before is None
    assert layers[1].after is not None
    assert layers[1].after.read_bytes == 100


def test_the_fields_of_the_target_that_differ_are_named() -> None:
    difference = diff(e1([[2, 2]]), e1([[2, 2]], latency_us=300))
    assert [(t.field, t.before, t.after) for t in difference.target] == [("latency_us", 270, 300)]


def test_plans_of_other_tables_are_marked() -> None:
    other = made(e2_json(), [[2, 2]]).plan
    assert "importance_digest" in diff(e1([[2, 2]]), other).other_documents
