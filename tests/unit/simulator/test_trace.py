"""Traces of simulated runs, alone and beside others."""

from __future__ import annotations

import json
from typing import Any

from builders import e2_json
from plan_contracts import RunTrace
from plans import made
from simulator import Conditions, chrome_trace, simulate, to_trace
from simulator.calibration import moved_to

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


def test_the_fixed_part_follows_the_last_layer() -> None:
    slower = EXAMPLE.device.model_copy(
        update={"compute": (EXAMPLE.device.compute[0].model_copy(update={"fixed_us": 7}),)}
    )
    report = simulate(moved_to(EXAMPLE.plan, slower), slower, EXAMPLE.model)
    last = to_trace(report, EXAMPLE.plan).spans[-1]
    assert (last.kind, last.slices) == ("compute", ())
    assert (last.start_us, last.end_us) == (253, 260)


def chrome_events(*traces: RunTrace) -> list[dict[str, Any]]:
    """The events as a program that opens the file finds them."""
    return json.loads(json.dumps(chrome_trace(*traces)))["traceEvents"]


MEASURED = TRACE.model_copy(
    update={
        "source": "measured",
        "spans": tuple(
            span.model_copy(update={"start_us": span.start_us + 3, "end_us": span.end_us + 5})
            for span in TRACE.spans
            if span.kind != "stall"
        ),
    }
)
COMPLETE = [event for event in chrome_events(TRACE, MEASURED) if event["ph"] == "X"]
METADATA = [event for event in chrome_events(TRACE, MEASURED) if event["ph"] == "M"]


def test_every_span_is_a_complete_event() -> None:
    assert len(COMPLETE) == len(TRACE.spans) + len(MEASURED.spans)


def test_complete_events_have_the_fields_of_the_trace_event_format() -> None:
    for event in COMPLETE:
        assert {field: type(event[field]) for field in ("name", "cat", "ph")} == dict.fromkeys(
            ("name", "cat", "ph"), str
        )
        assert all(type(event[field]) is int for field in ("pid", "tid", "ts", "dur"))
        assert event["ts"] >= 0
        assert event["dur"] >= 0
        assert type(event["args"]) is dict


def test_metadata_events_name_every_process_and_thread() -> None:
    threads = {(event["pid"], event["tid"]) for event in COMPLETE}
    named = {(e["pid"], e["tid"]) for e in METADATA if e["name"] == "thread_name"}
    processes = {e["pid"] for e in METADATA if e["name"] == "process_name"}
    assert named == threads
    assert processes == {process for process, _ in threads}
    assert all(type(event["args"]["name"]) is str for event in METADATA)


def test_there_are_no_events_of_other_kinds() -> None:
    assert len(COMPLETE) + len(METADATA) == len(chrome_events(TRACE, MEASURED))


def test_names_come_before_the_events_and_those_by_time() -> None:
    events = chrome_events(TRACE, MEASURED)
    starts = [event.get("ts", -1) for event in events]
    assert starts == sorted(starts)


def test_runs_stand_side_by_side_as_processes() -> None:
    names = {e["pid"]: e["args"]["name"] for e in METADATA if e["name"] == "process_name"}
    assert names == {
        1: "simulated on tiny-device, 0.3 ms",
        2: "measured on tiny-device, 0.3 ms",
    }


def overlapping(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events that begin before an earlier one of their thread has ended."""
    ends: dict[tuple[int, int], int] = {}
    found: list[dict[str, Any]] = []
    for event in events:
        thread = (event["pid"], event["tid"])
        if event["ts"] < ends.get(thread, 0):
            found.append(event)
        ends[thread] = max(ends.get(thread, 0), event["ts"] + event["dur"])
    return found


def test_events_of_one_thread_never_overlap() -> None:
    assert overlapping([e for e in chrome_events(TRACE, TRACE) if e["ph"] == "X"]) == []


def test_decoding_on_its_own_thread_overlaps_nothing_either() -> None:
    report = simulate(*EXAMPLE, conditions=Conditions(decode_worker=True))
    events = [e for e in chrome_events(to_trace(report, EXAMPLE.plan)) if e["ph"] == "X"]
    assert {event["tid"] for event in events if event["cat"] == "decode"} == {3}
    assert overlapping(events) == []


def test_times_are_shown_in_milliseconds() -> None:
    assert chrome_trace(TRACE)["displayTimeUnit"] == "ms"
