"""Executions one after the other, worked out by hand."""

from __future__ import annotations

import json

import pytest

from builders import device, e1_json
from instances import midsize, problem_of
from plan_contracts import ContractError
from plans import Made, made, made_of, random_choice
from simulator import Conditions, PageCache, SpeedSchedule, monte_carlo
from simulator.session import Retention, Turn, run_session, session_latencies
from workloads import seeded

E1 = made(e1_json(), [[3, 4], [6, 4]])
"""Reads of 30, 40, 60 and 40 us and bytes; two layers of 100 us; 270 us in all."""

STEP_BY_STEP = made(e1_json(read_ahead_layers=0), [[3, 4], [6, 4]])
"""The same without read-ahead: 370 us in all, and never more than one layer held."""


def jittered() -> Made:
    document = e1_json()
    profile = json.loads(json.dumps(document["device"]))
    profile["storage"]["jitter"] = {"bandwidth_sigma": 0.3, "autocorrelation": 0.5}
    return made(document | {"device": profile}, [[3, 4], [6, 4]])


def test_the_first_turn_is_a_cold_run() -> None:
    (first,) = run_session([Turn(plan=E1.plan)], E1.device, E1.model)
    assert (first.start_us, first.report.latency_us, first.found) == (0, 270, ())


def test_the_next_turn_finds_everything_and_never_stalls() -> None:
    _, second = run_session([Turn(plan=E1.plan)] * 2, E1.device, E1.model)
    assert (second.report.latency_us, second.report.stall_us) == (200, 0)
    assert second.report.reads == ()


def test_turns_follow_each_other_after_time_to_think() -> None:
    turns = [Turn(plan=E1.plan, think_us=5), Turn(plan=E1.plan, think_us=1000)]
    first, second = run_session(turns, E1.device, E1.model)
    assert (first.start_us, first.end_us) == (5, 275)
    assert (second.start_us, second.end_us) == (1275, 1475)


def test_shards_of_the_top_layers_go_first() -> None:
    retention = Retention(memory_bytes=150)
    turns = [Turn(plan=STEP_BY_STEP.plan)] * 2
    first, second = run_session(turns, STEP_BY_STEP.device, STEP_BY_STEP.model, retention=retention)
    assert [(shard.layer, shard.slice) for shard in first.left] == [(0, 0)]
    assert (first.report.latency_us, second.report.latency_us) == (370, 340)


def test_a_kept_shard_is_held_from_its_read_to_the_end() -> None:
    (first,) = run_session(
        [Turn(plan=STEP_BY_STEP.plan)],
        STEP_BY_STEP.device,
        STEP_BY_STEP.model,
        retention=Retention(memory_bytes=150),
    )
    assert first.report.peak_memory_bytes == 30 + 60 + 40
    assert first.report.memory[-1].bytes == 30


def test_one_byte_more_keeps_everything() -> None:
    kept = [
        len(
            run_session(
                [Turn(plan=STEP_BY_STEP.plan)],
                STEP_BY_STEP.device,
                STEP_BY_STEP.model,
                retention=Retention(memory_bytes=memory_bytes),
            )[0].left
        )
        for memory_bytes in (169, 170)
    ]
    assert kept == [1, 4]


def test_the_plans_own_memory_limit_counts_too() -> None:
    example = made(e1_json(read_ahead_layers=0, memory_bytes=150), [[3, 4], [6, 4]])
    (first,) = run_session([Turn(plan=example.plan)], example.device, example.model)
    assert len(first.left) == 1


def test_a_pause_that_is_too_long_leaves_nothing() -> None:
    turns = [Turn(plan=E1.plan), Turn(plan=E1.plan, think_us=1001)]
    _, second = run_session(turns, E1.device, E1.model, retention=Retention(keep_us=1000))
    assert (second.found, second.report.latency_us) == ((), 270)


def test_another_plan_finds_the_shards_that_it_shares() -> None:
    other = made(e1_json(), [[3, 4], [5, 4]])
    turns = [Turn(plan=E1.plan), Turn(plan=other.plan)]
    _, second = run_session(turns, E1.device, E1.model)
    assert [(read.layer, read.slice, read.bytes) for read in second.report.reads] == [(1, 0, 50)]
    assert len(second.found) == 3


def test_a_processor_throttles_on_the_clock_of_the_session() -> None:
    conditions = Conditions(compute_speed=SpeedSchedule(((0, 1000), (300, 500))))
    first, second = run_session(
        [Turn(plan=E1.plan)] * 2, E1.device, E1.model, conditions=conditions
    )
    assert (first.report.latency_us, second.report.latency_us) == (270, 370)


def test_the_page_cache_serves_every_turn_anew() -> None:
    cache = PageCache(bandwidth_bytes_per_s=10**9, probability=0.5)
    turns = [Turn(plan=E1.plan), Turn(plan=E1.plan, think_us=9)] * 3
    executions = run_session(
        turns,
        E1.device,
        E1.model,
        retention=Retention(keep_us=0),
        conditions=Conditions(page_cache=cache),
    )
    hits = {tuple(read.cached for read in e.report.reads) for e in executions if e.report.reads}
    assert len(hits) > 1


def test_the_recursion_samples_what_simpy_runs() -> None:
    turns = [Turn(plan=STEP_BY_STEP.plan)] * 3
    retention = Retention(memory_bytes=150)
    run = run_session(turns, STEP_BY_STEP.device, STEP_BY_STEP.model, retention=retention)
    sampled = session_latencies(
        turns, STEP_BY_STEP.device, STEP_BY_STEP.model, runs=2, seed=0, retention=retention
    )
    assert sampled.tolist() == [[e.report.latency_us] * 2 for e in run]


def test_the_first_turn_samples_as_a_single_run_does() -> None:
    plan, profile, model = jittered()
    sampled = session_latencies([Turn(plan=plan)] * 2, profile, model, runs=20, seed=4)
    alone = monte_carlo(plan, profile, model, runs=20, seed=4)
    assert sampled[0].tolist() == alone.tolist()
    assert sampled[1].tolist() == [200] * 20


def test_changing_speeds_cannot_be_sampled() -> None:
    conditions = Conditions(flash_speed=SpeedSchedule(((0, 500),)))
    with pytest.raises(ContractError, match="speeds must be nominal to sample a session"):
        session_latencies(
            [Turn(plan=E1.plan)], E1.device, E1.model, runs=1, seed=0, conditions=conditions
        )


def test_less_memory_than_a_plan_needs_is_refused() -> None:
    with pytest.raises(ContractError, match="at least the 170 bytes the plan needs, got 169"):
        run_session(
            [Turn(plan=E1.plan)], E1.device, E1.model, retention=Retention(memory_bytes=169)
        )


def test_a_turn_before_the_one_before_is_refused() -> None:
    with pytest.raises(ContractError, match="think_us must be at least 0, got -1"):
        run_session([Turn(plan=E1.plan, think_us=-1)], E1.device, E1.model)


def test_a_plan_for_another_device_is_refused() -> None:
    other = device(e1_json()["device"] | {"name": "another"})
    with pytest.raises(ContractError, match="must have the digest"):
        run_session([Turn(plan=E1.plan)], other, E1.model)


@pytest.mark.parametrize("seed", range(25))
def test_memory_is_never_exceeded_and_the_same_plan_never_gets_slower(seed: int) -> None:
    source = seeded(seed)
    problem = problem_of(midsize(seed))
    example = made_of(problem, random_choice(problem, source))
    needed = example.plan.predicted.peak_memory_bytes
    streamed = sum(read.bytes for read in example.plan.reads)
    limit = needed + source.randint(0, streamed)
    executions = run_session(
        [Turn(plan=example.plan)] * 3,
        example.device,
        example.model,
        retention=Retention(memory_bytes=limit),
    )
    latencies = [execution.report.latency_us for execution in executions]
    assert all(execution.report.peak_memory_bytes <= limit for execution in executions)
    assert latencies[0] >= latencies[1] == latencies[2]
    assert [e.left for e in executions] == [executions[0].left] * 3
