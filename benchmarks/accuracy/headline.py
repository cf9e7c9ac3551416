"""Planners side by side: what their plans answer under the same deadlines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.accuracy.cases import (
    SEQUENCE_LENGTH,
    Point,
    benches,
    made_for,
    points,
    target_of,
)
from benchmarks.accuracy.judge import Judge, Judged
from plan_contracts import PlanOptions
from planner_api.optimizer.problem import PlanInputs
from planner_api.services.answer import answer
from planner_api.services.re_measure import Measured, re_measure
from shard_builder.evaluate import score_of
from shard_runtime.executor import uniform_layers
from simulator import simulate
from simulator.executions import WholeModel, load_then_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.accuracy.cases import Scale
    from plan_contracts import DeviceProfile, ImportanceTable, Plan, PlannedLayer

OPTIMAL = "optimal"
PREDICTED = "optimal, by prediction"
LOAD = "load then run"
FULL = "full model"
POLICIES = ("uniform", "sti-largest", "sti-deepest")
OTHERS = (*POLICIES, LOAD)
"""What has a deadline too; the full model is beside them, whatever it takes."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Outcome(Judged):
    """What one planner's plan for one point answers, held against the full model.

    `predicted`: the score of the importance table.
    """

    point: Point
    planner: str
    name: str
    latency_us: int
    predicted: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """One model to plan for: its importance table, who judges plans, who chooses among them."""

    table: ImportanceTable
    judge: Judge
    chooser: Judge


def outcomes(subject: Subject, scale: Scale, note: Callable[[str], None]) -> Iterator[Outcome]:
    """Every planner at every point; a planner without a plan in time is left out there."""
    manifest = subject.judge.store.manifest
    devices = {b.device.name: made_for(b.device, manifest) for b in benches(scale)}
    for point in points(scale):
        note(f"{point.device}, {point.latency_us / 1000:.0f} ms, {point.preload_bytes} bytes")
        yield from _at(subject, devices[point.device], point, scale.finalists)


def _at(subject: Subject, device: DeviceProfile, point: Point, finalists: int) -> Iterator[Outcome]:
    inputs = PlanInputs(
        device=device,
        model=subject.judge.store.manifest,
        importance=subject.table,
        target=target_of(point),
        options=PlanOptions(max_relative_gap=0.001),
    )
    for planner, plan in _plans(subject, inputs, finalists):
        latency_us = simulate(plan, device, inputs.model).latency_us
        require_in_time(planner, latency_us, point)
        yield _judged(
            subject.judge,
            point,
            planner,
            plan.layers,
            latency_us=latency_us,
            predicted=plan.predicted.objective,
        )
    yield from _whole_models(subject.judge, device, point)


def _plans(subject: Subject, inputs: PlanInputs, finalists: int) -> Iterator[tuple[str, Plan]]:
    measured = re_measure(inputs, finalists, _measure(subject.chooser))
    if measured.plan is not None and measured.response.plan is not None:
        yield OPTIMAL, measured.plan
        yield PREDICTED, measured.response.plan
    for policy in POLICIES:
        options = PlanOptions(policy=policy)
        made = answer(
            PlanInputs(
                device=inputs.device,
                model=inputs.model,
                importance=inputs.importance,
                target=inputs.target,
                options=options,
            )
        )
        if made.response.plan is not None:
            yield policy, made.response.plan


def _measure(chooser: Judge) -> Callable[[Plan], Measured]:
    def measure(plan: Plan) -> Measured:
        distances = chooser.distances(chooser.full, chooser.outputs(plan.layers))
        found = score_of(distances)
        return Measured(found.mean, found.standard_error, None)

    return measure


def _whole_models(judge: Judge, device: DeviceProfile, point: Point) -> Iterator[Outcome]:
    """All of the model read before it is run: at the most bits that are in time, and at most."""
    manifest = judge.store.manifest
    highest = manifest.bitwidths[-1]
    in_time: list[tuple[int, int]] = []
    for bits in manifest.bitwidths:
        whole = WholeModel(
            device=device, model=manifest, bits=bits, sequence_length=SEQUENCE_LENGTH
        )
        latency_us = load_then_run(whole).latency_us
        if latency_us <= point.latency_us:
            in_time.append((bits, latency_us))
        if bits == highest:
            layers = uniform_layers(manifest, bits)
            yield _judged(judge, point, FULL, layers, latency_us=latency_us, predicted=None)
    if in_time:
        bits, latency_us = in_time[-1]
        layers = uniform_layers(manifest, bits)
        yield _judged(judge, point, LOAD, layers, latency_us=latency_us, predicted=None)


def require_in_time(planner: str, latency_us: int, point: Point) -> None:
    """Refuse to go on with a plan that the simulator does not see in time."""
    if latency_us > point.latency_us:
        message = f"a plan of {planner} must take at most {point.latency_us} us, got {latency_us}"
        raise RuntimeError(message)


def _judged(  # noqa: PLR0913 - an outcome has as many sources
    judge: Judge,
    point: Point,
    planner: str,
    layers: Sequence[PlannedLayer],
    *,
    latency_us: int,
    predicted: float | None,
) -> Outcome:
    outputs = judge.outputs(layers)
    return Outcome(
        point=point,
        planner=planner,
        name=name_of(layers),
        latency_us=latency_us,
        predicted=predicted,
        distances=judge.distances(judge.full, outputs),
        right=judge.right(outputs),
    )


def name_of(layers: Sequence[PlannedLayer]) -> str:
    """Depth x width and mean bits, as in `6x12 2.8b`."""
    bits = [shard.bits for layer in layers for shard in layer.shards]
    return f"{len(layers)}x{len(layers[0].shards)} {np.mean(bits):.1f}b"
