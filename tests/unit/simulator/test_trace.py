"""Traces of simulated runs, alone and beside others."""

from __future__ import annotations

import json

from builders import e2_json
from plan_contracts import RunTrace
from plans import made
from simulator import chrome_trace, simulate, to_trace

EXAMPLE = made(e2_json(), [[6, 3], [6, 4]], {(0, 0)})
REPORT = simulate(*EXAMPLE)
TRACE = to_trace(REPORT, EXAMPLE.plan)


def total_us(kind: str) -> int:
    return sum(span.end_us - span.start_us for span in TRACE.spans if span.kind == kind)


def test_a_trace_carries_the_plan_and_the_outcome() -> None:
    assert (TRACE.plan_id, TRACE.source, TRACE.latency_us) == (EXAMPLE.plan.id, "simulated", 253)
    assert TRACE.peak_memory_bytes == REPORT.peak_memory_bytes


def test_a_trace_is_a_valid_document() -> None:
    assert RunTrace.from_json(TRACE.to_json()) == TRACE


def test_spans_add_up_to_what_the_report_says() -> None:
    assert total_us("read") == REPORT.io_busy_us
    assert total_us("stall") == REPORT.stall_us
    assert total_us("decode") + total_us("compute") == REPORT.compute_busy_us


def test_every_read_has_its_bytes() -> None:
    assert sum(s.bytes for s in TRACE.spans if s.kind == "read") == 30 + 60 + 40


def test_spans_are_in_order_of_time() -> None:
    starts = [span.start_us for span in TRACE.spans]
    assert starts == sorted(starts)


def test_chrome_events_have_what_perfetto_needs() -> None:
    events = chrome_trace(TRACE)["traceEvents"]
    complete = [event for event in events if event["ph"] == "X"]
    assert len(complete) == len(TRACE.spans)
    for event in complete:
        assert {"name", "cat", "pid", "tid", "ts", "dur"} <= set(event)


def test_runs_stand_side_by_side_as_processes() -> None:
    measured = TRACE.model_copy(update={"source": "measured"})
    events = chrome_trace(TRACE, measured)["traceEvents"]
    names = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    assert names == {1: "simulated on tiny-device", 2: "measured on tiny-device"}


def test_events_of_one_thread_never_overlap() -> None:
    ends: dict[tuple[int, int], int] = {}
    for event in chrome_trace(TRACE, TRACE)["traceEvents"]:
        if event["ph"] == "X":
            thread = (event["pid"], event["tid"])
            assert event["ts"] >= ends.get(thread, 0)
            ends[thread] = event["ts"] + event["dur"]


def test_a_chrome_trace_is_plain_json() -> None:
    assert json.loads(json.dumps(chrome_trace(TRACE)))["displayTimeUnit"] == "ms"
