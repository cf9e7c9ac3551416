"""Reports as RunTraces, and traces of simulated and measured runs for Perfetto."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plan_contracts import RunTrace, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plan_contracts import Plan
    from simulator.report import LayerSteps, SimulationReport

THREADS = {1: "flash", 2: "compute"}
THREAD_OF = {"read": 1, "decode": 2, "compute": 2, "stall": 2}


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
    for step in report.layers:
        yield from _steps(step)


def _steps(step: LayerSteps) -> Iterator[Span]:
    compute = Span(
        kind="compute",
        layer=step.layer,
        slices=step.slices,
        start_us=step.decoded_us,
        end_us=step.end_us,
        bytes=0,
    )
    if step.decoded_us > step.start_us:
        times = {"kind": "decode", "start_us": step.start_us, "end_us": step.decoded_us}
        yield compute.model_copy(update=times)
    yield compute


def chrome_trace(*traces: RunTrace) -> dict[str, Any]:
    """Runs side by side as Chrome trace events: one process a run, flash and compute below it.

    `json.dump` of the result opens in Perfetto and in chrome://tracing.
    """
    events: list[dict[str, Any]] = []
    for process, trace in enumerate(traces, start=1):
        events.append(_named("process_name", process, 0, f"{trace.source} on {trace.device}"))
        events.extend(_named("thread_name", process, t, name) for t, name in THREADS.items())
        events.extend(_event(process, span) for span in trace.spans)
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _named(kind: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": process, "tid": thread, "args": {"name": name}}


def _event(process: int, span: Span) -> dict[str, Any]:
    return {
        "ph": "X",
        "name": f"{span.kind} layer {span.layer}",
        "cat": span.kind,
        "pid": process,
        "tid": THREAD_OF[span.kind],
        "ts": span.start_us,
        "dur": span.end_us - span.start_us,
        "args": {"layer": span.layer, "slices": list(span.slices), "bytes": span.bytes},
    }
