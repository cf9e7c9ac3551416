"""Reports as RunTraces, and traces of simulated and measured runs for Perfetto."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from plan_contracts import RunTrace, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plan_contracts import Plan
    from simulator.report import SimulationReport

THREADS = {1: "flash", 2: "compute", 3: "decode worker"}
THREAD_OF = {"read": 1, "decode": 2, "compute": 2, "stall": 2}
WORKER = 3


def to_trace(report: SimulationReport, plan: Plan) -> RunTrace:
    """The report of this plan in the shape of a measured run."""
    spans = sorted(_spans(report), key=lambda span: (span.start_us, span.end_us))
    return RunTrace(
        plan_id=plan.id or plan.computed_id(),
        source="simulated",
        device=plan.device,
        latency_us=report.latency_us,
        peak_memory_bytes=report.peak_memory_bytes,
        spans=tuple(spans),
    )


def _spans(report: SimulationReport) -> Iterator[Span]:
    for read in report.reads:
        yield Span(
            kind="read",
            layer=read.layer,
            slices=(read.slice,),
            start_us=read.start_us,
            end_us=read.end_us,
            bytes=read.bytes,
        )
    for stall in report.stalls:
        yield Span(
            kind="stall",
            layer=stall.layer,
            slices=(stall.slice,),
            start_us=stall.start_us,
            end_us=stall.end_us,
            bytes=0,
        )
    for decode in report.decodes:
        if decode.end_us > decode.start_us:
            yield Span(
                kind="decode",
                layer=decode.layer,
                slices=decode.slices,
                start_us=decode.start_us,
                end_us=decode.end_us,
                bytes=0,
            )
    for step in report.layers:
        yield Span(
            kind="compute",
            layer=step.layer,
            slices=step.slices,
            start_us=step.decoded_us,
            end_us=step.end_us,
            bytes=0,
        )
    if report.fixed_us:
        last = report.layers[-1]
        yield Span(
            kind="compute",
            layer=last.layer,
            slices=(),
            start_us=last.end_us,
            end_us=report.latency_us,
            bytes=0,
        )


def has_decode_worker(trace: RunTrace) -> bool:
    """Whether decoding overlaps what the compute thread does, so that it has its own thread."""
    own = sorted(
        (s.start_us, s.end_us) for s in trace.spans if THREAD_OF[s.kind] != THREAD_OF["read"]
    )
    return any(later[0] < earlier[1] for earlier, later in pairwise(own))


def chrome_trace(*traces: RunTrace) -> dict[str, Any]:
    """Runs side by side in the Trace Event Format: one process a run, its threads below it.

    Names come first, then every step as a complete event, by time. `json.dump` of the result
    opens in Perfetto and in chrome://tracing.
    """
    names: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for process, trace in enumerate(traces, start=1):
        threads = THREAD_OF | ({"decode": WORKER} if has_decode_worker(trace) else {})
        of_run = f"{trace.source} on {trace.device}, {trace.latency_us / 1000:.1f} ms"
        names.append(_named("process_name", process, 0, of_run))
        names += [_named("thread_name", process, t, THREADS[t]) for t in set(threads.values())]
        events += [_event(process, threads[span.kind], span) for span in trace.spans]
    events.sort(key=lambda event: event["ts"])
    return {"traceEvents": [*names, *events], "displayTimeUnit": "ms"}


def _named(kind: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": process, "tid": thread, "args": {"name": name}}


def _event(process: int, thread: int, span: Span) -> dict[str, Any]:
    whole = span.kind == "compute" and not span.slices
    return {
        "ph": "X",
        "name": "embeddings or head" if whole else f"{span.kind} layer {span.layer}",
        "cat": span.kind,
        "pid": process,
        "tid": thread,
        "ts": span.start_us,
        "dur": span.end_us - span.start_us,
        "args": {"layer": span.layer, "slices": list(span.slices), "bytes": span.bytes},
    }
