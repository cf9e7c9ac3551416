"""The demo from start to end: shard, profile, measure, plan, fetch, run, compare."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import PlanOptions, PlanRequest, Target
from planner_api.demo.device import Device
from planner_api.demo.material import (
    PROFILED_LENGTH,
    PROFILED_SENTENCES,
    example_store,
    example_table,
    held_out_sentences,
)
from planner_api.demo.report import DemoReport, Phase, Row
from planner_api.demo.service import running_service
from planner_api.errors import UnavailableError
from shard_builder.evaluate import Evaluator
from shard_builder.importance import relative_standard_error
from shard_builder.inputs import many_at_a_time
from shard_runtime.engine import load_engine
from shard_runtime.executor import uniform_layers
from shard_runtime.report import describe_output
from simulator.executions import WholeModel, load_then_run

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from pathlib import Path

    from rich.console import Console

    from plan_contracts import (
        DeviceProfile,
        ImportanceTable,
        Plan,
        PlannedLayer,
        PlanResponse,
        Policy,
    )
    from planner_api.demo.device import Measured
    from planner_api.demo.service import Service
    from shard_runtime.store import ShardStore

    Answers = dict[Policy, PlanResponse]

SEQUENCE_LENGTH = 128
PRELOAD_BYTES = 256 * 1024
READ_AHEAD_LAYERS = 1
POLICIES: tuple[Policy, ...] = ("optimal", "sti-largest", "uniform")
TEXT = "The story drags in the middle, but the ending more than makes up for it."
DEADLINE_SHARE = 6
"""The deadline unless one is given: this part of what loading the full model first would take."""
DEADLINE_STEP_US = 10_000
HELD_BACK_PERCENT = 2
"""Of the deadline, when plans are asked for: a plan may use all that it is given, and a machine is
never quite as its profile says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoOptions:
    """Where the demo keeps its files, how slow the flash is, and how often each plan runs."""

    folder: Path
    flash_bandwidth: str = "50MB/s"
    deadline_us: int | None = None
    repeat: int = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopwatch:
    """Names each phase on the console as it starts, and keeps its time."""

    console: Console
    phases: list[Phase] = field(default_factory=list[Phase])

    @contextmanager
    def phase(self, name: str, what: str) -> Generator[None]:
        """One phase, timed."""
        self.console.print(f"[bold]{name:8}[/bold] {what}")
        start = time.monotonic()
        yield
        self.phases.append(Phase(name=name, seconds=round(time.monotonic() - start, 2)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """What plans are made from, the device they run on, and what scores its answers."""

    store: ShardStore
    table: ImportanceTable
    device: Device
    profile: DeviceProfile
    evaluator: Evaluator
    deadline_us: int


def run_demo(options: DemoOptions, console: Console) -> DemoReport:
    """Everything, with a service of its own; what an earlier run built in the folder is kept.

    UnavailableError if a part fails or the deadline leaves no plan.
    """
    options.folder.mkdir(parents=True, exist_ok=True)
    watch = Stopwatch(console=console)
    with watch.phase("shard", "cut the model into layers x slices, each at six bitwidths"):
        store = example_store(options.folder / "store")
    with watch.phase("profile", "measure what each shard is worth to the output"):
        table = example_table(store, options.folder / "importance.json")
    with watch.phase("measure", f"time this machine, its flash paced at {options.flash_bandwidth}"):
        bench = _bench(store, table, options)
    with ExitStack() as stack:
        with watch.phase("serve", "start the service, register device, model and table"):
            service = stack.enter_context(running_service(options.folder))
            service.register("devices", bench.profile)
            service.register("models", store.manifest)
            service.register("importance", table)
        planned_us = _planned_us(bench.deadline_us)
        with watch.phase("plan", f"ask for plans within {planned_us / 1000:.0f} ms"):
            answers: Answers = {
                policy: service.plan(_request(bench, policy)) for policy in POLICIES
            }
        with watch.phase("run", f"fetch and run each plan {options.repeat} times, then load first"):
            rows = tuple(_rows(bench, service, answers))
    certificate = answers["optimal"].certificate
    return DemoReport(
        model=store.manifest.model,
        text=TEXT,
        flash_bandwidth=options.flash_bandwidth,
        sequence_length=SEQUENCE_LENGTH,
        deadline_us=bench.deadline_us,
        planned_us=planned_us,
        preload_bytes=PRELOAD_BYTES,
        read_ahead_layers=READ_AHEAD_LAYERS,
        importance_sentences=PROFILED_SENTENCES,
        importance_relative_error=relative_standard_error(table),
        score_sentences=len(held_out_sentences()),
        relative_gap=certificate.relative_gap if certificate else 0.0,
        bandwidth_bytes_per_s=bench.profile.storage.bandwidth_bytes_per_s or 0,
        rows=rows,
        phases=tuple(watch.phases),
    )


def _bench(store: ShardStore, table: ImportanceTable, options: DemoOptions) -> Bench:
    device = Device(
        store=store.folder,
        folder=options.folder,
        flash_bandwidth=options.flash_bandwidth,
        sequence_length=SEQUENCE_LENGTH,
        repeat=options.repeat,
        text=TEXT,
    )
    profile = device.measure()
    return Bench(
        store=store,
        table=table,
        device=device,
        profile=profile,
        evaluator=Evaluator(
            store,
            many_at_a_time(store, held_out_sentences(), PROFILED_LENGTH),
            load_engine("numpy", store),
        ),
        deadline_us=options.deadline_us or _deadline_us(profile, store),
    )


def _deadline_us(profile: DeviceProfile, store: ShardStore) -> int:
    """A sixth of the simulated time of loading the full model first, in steps of 10 ms."""
    first = load_then_run(_whole(profile, store, store.manifest.bitwidths[-1]))
    return -(-first.latency_us // (DEADLINE_SHARE * DEADLINE_STEP_US)) * DEADLINE_STEP_US


def _planned_us(deadline_us: int) -> int:
    """What plans are asked to take: a little less than the deadline."""
    return deadline_us - deadline_us * HELD_BACK_PERCENT // 100


def _whole(profile: DeviceProfile, store: ShardStore, bits: int) -> WholeModel:
    return WholeModel(
        device=profile, model=store.manifest, bits=bits, sequence_length=SEQUENCE_LENGTH
    )


def _request(bench: Bench, policy: Policy) -> PlanRequest:
    """By name: the service knows the documents."""
    return PlanRequest(
        device=bench.profile.name,
        model=bench.store.manifest.model,
        importance=bench.table.digest,
        target=Target(
            latency_us=_planned_us(bench.deadline_us),
            preload_bytes=PRELOAD_BYTES,
            read_ahead_layers=READ_AHEAD_LAYERS,
            sequence_length=SEQUENCE_LENGTH,
        ),
        options=PlanOptions(policy=policy),
    )


def _rows(bench: Bench, service: Service, answers: Answers) -> Iterable[Row]:
    for policy, answer in answers.items():
        if answer.plan is not None:
            yield _row_of_plan(bench, service, policy, answer.plan)
        elif policy == "optimal":
            why = answer.infeasibility.message if answer.infeasibility else answer.status
            message = f"no plan meets {_planned_us(bench.deadline_us)} us: {why}"
            raise UnavailableError(message)
    uniform = answers["uniform"].plan
    if uniform is not None:
        yield _row_of_load(bench, uniform.layers[0].shards[0].bits)
    yield _row_of_load(bench, bench.store.manifest.bitwidths[-1])


def _row_of_plan(bench: Bench, service: Service, policy: Policy, plan: Plan) -> Row:
    measured = bench.device.run(plan, service.url, policy)
    return _row(
        bench,
        policy,
        plan.layers,
        measured,
        read_bytes=sum(read.bytes for read in plan.reads),
        simulated_us=plan.predicted.latency_us,
        predicted_score=plan.predicted.objective,
    )


def _row_of_load(bench: Bench, bits: int) -> Row:
    manifest = bench.store.manifest
    measured = bench.device.load_then_run(bits, manifest.layers, manifest.slices)
    return _row(
        bench,
        f"load all, {bits} bit",
        uniform_layers(manifest, bits),
        measured,
        read_bytes=sum(map(sum, manifest.shard_bytes[bits])),
        simulated_us=load_then_run(_whole(bench.profile, bench.store, bits)).latency_us,
        predicted_score=None,
    )


def _row(  # noqa: PLR0913 - a row has as many sources
    bench: Bench,
    name: str,
    layers: Sequence[PlannedLayer],
    measured: Measured,
    *,
    read_bytes: int,
    simulated_us: int,
    predicted_score: float | None,
) -> Row:
    bits = [shard.bits for layer in layers for shard in layer.shards]
    score = bench.evaluator.score(layers)
    return Row(
        name=name,
        depth=len(layers),
        width=len(layers[0].shards),
        mean_bits=sum(bits) / len(bits),
        read_bytes=read_bytes,
        peak_memory_bytes=measured.peak_memory_bytes,
        weight_bytes=measured.weight_bytes,
        rss_bytes=measured.rss_rise_bytes,
        simulated_us=simulated_us,
        measured_us=measured.latencies_us,
        median_us=measured.latency_us,
        meets_deadline=measured.latency_us <= bench.deadline_us,
        predicted_score=predicted_score,
        score=score.mean,
        score_error=score.standard_error,
        answer=describe_output(np.array(measured.output), bench.store.architecture),
    )
