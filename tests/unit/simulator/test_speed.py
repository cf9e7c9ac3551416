"""Speeds that change, by hand and against a clock that ticks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import e1_json
from plan_contracts import ContractError
from plans import made
from simulator import Conditions, SpeedSchedule, monte_carlo, shared_with, simulate
from simulator.speed import LONGEST_US
from workloads import random_speed

E1 = made(e1_json(), [[3, 4], [6, 4]])
"""Reads of 30, 40, 60 and 40 us; two layers of 100 us."""

HALF_FROM_50_TO_90 = SpeedSchedule(((0, 1000), (50, 500), (90, 1000)))


def finish_us(schedule: SpeedSchedule, start_us: int, work_us: int) -> int:
    return int(schedule.finish_us(np.array([start_us]), np.array([work_us]))[0])


def finish_tick_by_tick(schedule: SpeedSchedule, start_us: int, work_us: int) -> int:
    left, now = 1000 * work_us, start_us
    while left > 0:
        left -= [speed for at, speed in schedule.changes if at <= now][-1]
        now += 1
    return now


@given(st.randoms(use_true_random=False), st.integers(0, 250), st.integers(0, 60))
def test_work_ends_when_a_ticking_clock_says(source: object, start: int, work: int) -> None:
    schedule = random_speed(source)  # pyright: ignore[reportArgumentType] - hypothesis' Random
    assert finish_us(schedule, start, work) == finish_tick_by_tick(schedule, start, work)


@given(
    st.randoms(use_true_random=False), st.integers(0, 250), st.integers(0, 60), st.integers(0, 99)
)
def test_the_rest_of_a_schedule_is_the_same_schedule(
    source: object, start: int, work: int, elapsed: int
) -> None:
    schedule = random_speed(source)  # pyright: ignore[reportArgumentType] - hypothesis' Random
    later = finish_us(schedule, start + elapsed, work)
    assert finish_us(schedule.after(elapsed), start, work) == later - elapsed


def test_no_work_takes_no_time_even_at_a_standstill() -> None:
    assert finish_us(shared_with([(50, 90)], speed=0), 60, 0) == 60


def test_another_reader_slows_the_transfers_it_meets() -> None:
    report = simulate(*E1, conditions=Conditions(flash_speed=HALF_FROM_50_TO_90))
    assert [read.end_us for read in report.reads] == [30, 90, 150, 190]
    assert report.latency_us == 290


def test_a_flash_that_is_all_taken_serves_nothing_meanwhile() -> None:
    report = simulate(*E1, conditions=Conditions(flash_speed=shared_with([(50, 90)], speed=0)))
    assert [read.end_us for read in report.reads] == [30, 110, 170, 210]


def test_a_throttled_processor_slows_compute() -> None:
    throttled = SpeedSchedule(((0, 1000), (120, 500)))
    report = simulate(*E1, conditions=Conditions(compute_speed=throttled))
    assert [layer.end_us for layer in report.layers] == [220, 420]


def test_a_throttled_processor_slows_decoding_and_the_fixed_part() -> None:
    document = e1_json()
    document["device"]["compute"][0]["fixed_us"] = 7
    document["device"]["compute"][0]["shard_decode_us"] = {"3": 5, "4": 5, "6": 5}
    example = made(document, [[3, 4], [6, 4]])
    report = simulate(*example, conditions=Conditions(compute_speed=SpeedSchedule(((0, 500),))))
    assert report.layers[0].decoded_us - report.layers[0].start_us == 20
    assert report.fixed_us == 14


def test_many_runs_meet_the_same_speeds() -> None:
    conditions = Conditions(flash_speed=HALF_FROM_50_TO_90)
    assert monte_carlo(*E1, runs=3, seed=0, conditions=conditions).tolist() == [290] * 3


def test_visits_leave_the_rest_of_the_time_alone() -> None:
    schedule = shared_with([(0, 10), (30, 40)], speed=250)
    assert schedule.changes == ((0, 250), (10, 1000), (30, 250), (40, 1000))


@pytest.mark.parametrize("visits", [[(5, 5)], [(0, 10), (9, 12)], [(-1, 3)]])
def test_visits_that_overlap_or_take_no_time_are_refused(visits: list[tuple[int, int]]) -> None:
    with pytest.raises(ContractError, match="a visit must start at"):
        shared_with(visits, speed=500)


@pytest.mark.parametrize("changes", [(), ((5, 1000),), ((0, 1), (0, 2)), ((0, 1), (2**40, 2))])
def test_moments_that_do_not_rise_from_zero_are_refused(
    changes: tuple[tuple[int, int], ...],
) -> None:
    with pytest.raises(ContractError, match="must rise from 0"):
        SpeedSchedule(changes)


@pytest.mark.parametrize("changes", [((0, -1),), ((0, 10_001),), ((0, 1000), (9, 0))])
def test_speeds_out_of_range_or_none_for_ever_are_refused(
    changes: tuple[tuple[int, int], ...],
) -> None:
    with pytest.raises(ContractError, match="thousandths, the last not 0"):
        SpeedSchedule(changes)


def test_work_too_long_to_be_exact_is_refused() -> None:
    document = e1_json()
    document["device"]["compute"][0]["fixed_us"] = LONGEST_US
    conditions = Conditions(compute_speed=SpeedSchedule(((0, 999),)))
    with pytest.raises(ContractError, match=f"must stay below {LONGEST_US} us where speeds change"):
        simulate(*made(document, [[3, 4], [6, 4]]), conditions=conditions)
