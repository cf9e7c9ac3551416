"""Decoding on a thread of its own."""

from __future__ import annotations

import numpy as np

from builders import e2_json
from plans import made
from simulator import Conditions, execute, gantt, monte_carlo, simulate, to_trace
from simulator.trace import chrome_trace
from simulator.workload import Durations, Workload

WORKER = Conditions(decode_worker=True)
E2 = made(e2_json(), [[6, 3], [6, 4]], {(0, 0)})
"""Reads that arrive at 35, 100 and 145 us; 4 us to decode a shard, 100 us to compute a layer."""

REPORT = simulate(*E2, conditions=WORKER)


def test_shards_are_decoded_as_they_arrive() -> None:
    assert [(d.start_us, d.end_us) for d in REPORT.decodes] == [
        (0, 4),
        (35, 39),
        (100, 104),
        (145, 149),
    ]


def test_a_layer_computes_once_its_last_shard_is_decoded() -> None:
    assert [(s.start_us, s.end_us) for s in REPORT.layers] == [(39, 139), (149, 249)]


def test_many_runs_take_what_one_takes() -> None:
    assert monte_carlo(*E2, runs=2, seed=0, conditions=WORKER).tolist() == [249, 249]


def test_stalls_last_until_a_shard_is_decoded() -> None:
    assert [(s.layer, s.slice, s.start_us, s.end_us) for s in REPORT.stalls] == [
        (0, 0, 0, 4),
        (0, 1, 4, 39),
        (1, 1, 139, 149),
    ]


def test_the_compute_thread_is_always_busy_or_stalled() -> None:
    assert REPORT.compute_busy_us + REPORT.stall_us == REPORT.latency_us == 249


def test_a_second_layer_of_decoded_shards_is_held() -> None:
    document = e2_json()
    document["model"] |= {"decoded_shard_bytes": 64}
    example = made(document, [[6, 3], [6, 4]], {(0, 0)})
    with_worker = simulate(*example, conditions=WORKER).memory[-1].bytes
    assert with_worker - simulate(*example).memory[-1].bytes == 2 * 64


def test_the_worker_keeps_to_two_layers_of_buffers() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    work = Workload(
        reads=(),
        slices=((0,),) * 3,
        awaited_reads=(0, 0, 0),
        queue_depth=1,
        read_ahead_layers=None,
        held_bytes=0,
        decode_worker=True,
    )
    durations = Durations(
        request_overhead_us=nothing,
        transfer_us=nothing,
        decode_us=np.full(3, 50),
        compute_us=np.full(3, 100),
        fixed_us=0,
        cached=np.zeros(0, dtype=np.bool_),
    )
    assert [d.start_us for d in execute(work, durations).decodes] == [0, 50, 150]


def test_the_trace_shows_the_worker_as_a_thread_of_its_own() -> None:
    events = chrome_trace(to_trace(REPORT, E2.plan))["traceEvents"]
    threads = {event["tid"] for event in events if event.get("cat") == "decode"}
    assert threads == {3}


def test_the_picture_has_a_lane_for_the_worker() -> None:
    lanes = [
        gantt(to_trace(simulate(*E2, conditions=conditions), E2.plan)).count(">decode</text>")
        for conditions in (Conditions(), WORKER)
    ]
    assert lanes == [1, 2]
