"""The plans that are validated: every feature of a plan in several of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import ImportanceTable, PlanOptions, Provenance, Target
from planner_api.optimizer.assemble import to_plan
from planner_api.optimizer.choice import evaluate
from planner_api.optimizer.policies.uniform import uniform_choice
from planner_api.optimizer.problem import Pair, PlanInputs, build_problem
from planner_api.optimizer.solution import Candidate, Solution
from planner_api.services.answer import answer

if TYPE_CHECKING:
    from plan_contracts import DeviceProfile, ModelManifest, Plan
    from planner_api.optimizer.problem import Problem

SEQUENCE_LENGTH = 64
KIB = 1024
NO_DEADLINE_US = 3_600_000_000
REFERENCE_BITS = 4
SEED = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class UniformCase:
    """Every shard at one bitwidth, of a given submodel."""

    depth: int
    width: int
    bits: int
    preload_kib: int = 0
    read_ahead_layers: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedCase:
    """The planner's best plan within a share of the latency of the whole model at 4 bit."""

    latency_share: float
    preload_kib: int = 0
    read_ahead_layers: int | None = None


CASES = (
    UniformCase(depth=6, width=12, bits=2),
    UniformCase(depth=6, width=12, bits=4, read_ahead_layers=1),
    UniformCase(depth=6, width=12, bits=6, preload_kib=512),
    UniformCase(depth=6, width=6, bits=3, read_ahead_layers=0),
    UniformCase(depth=6, width=3, bits=5, read_ahead_layers=1),
    UniformCase(depth=4, width=9, bits=5, preload_kib=256, read_ahead_layers=1),
    UniformCase(depth=3, width=12, bits=32, read_ahead_layers=1),
    UniformCase(depth=2, width=4, bits=32),
    UniformCase(depth=6, width=12, bits=2, preload_kib=4096),
    PlannedCase(latency_share=0.4, read_ahead_layers=1),
    PlannedCase(latency_share=0.7, preload_kib=256, read_ahead_layers=1),
    PlannedCase(latency_share=1.2, read_ahead_layers=2),
    PlannedCase(latency_share=1.6, preload_kib=1024),
    PlannedCase(latency_share=1.0, read_ahead_layers=0),
)


def plans_of(device: DeviceProfile, model: ModelManifest) -> list[Plan]:
    """One plan a case, made for this device."""
    table = made_up_table(model)
    reference = _uniform_plan(device, model, table, UniformCase(depth=6, width=12, bits=4))
    plans: list[Plan] = []
    for case in CASES:
        if isinstance(case, UniformCase):
            plans.append(_uniform_plan(device, model, table, case))
        else:
            plans.append(_best_plan(device, model, table, case, reference.predicted.latency_us))
    return plans


def made_up_table(model: ModelManifest) -> ImportanceTable:
    """Gains that differ from shard to shard, so that plans mix bitwidths; nothing was measured."""
    random = np.random.default_rng(SEED)
    weight = random.lognormal(0.0, 0.8, (model.layers, model.slices))
    area = np.outer(np.arange(1, model.layers + 1), np.arange(1, model.slices + 1))
    return ImportanceTable(
        model=model.model,
        task="validation",
        metric="made-up",
        unit="points",
        base=_rows(10 * np.log(area)),
        gain={b: _rows(weight * step) for step, b in enumerate(model.bitwidths)},
        provenance=Provenance(
            kind="synthetic", source="benchmarks/validation_cases.py", date=dt.date(2026, 11, 21)
        ),
    ).bound_to(model)


def _rows(
    table: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in table.tolist())


def _uniform_plan(
    device: DeviceProfile, model: ModelManifest, table: ImportanceTable, case: UniformCase
) -> Plan:
    target = _target(case, NO_DEADLINE_US)
    problem = build_problem(
        PlanInputs(
            device=device,
            model=model,
            importance=table,
            target=target,
            options=PlanOptions(policy="uniform", bitwidths=(case.bits,)),
        )
    )
    choice = uniform_choice(problem, Pair(case.depth, case.width), 0)
    return _plan_of(problem, Candidate(choice=choice, evaluation=evaluate(problem, choice)))


def _plan_of(problem: Problem, candidate: Candidate) -> Plan:
    solution = Solution(
        candidate=candidate, bounds=(), upper_bound=np.inf, truncated=False, shadow_prices=None
    )
    return to_plan(problem, solution)


def _best_plan(
    device: DeviceProfile,
    model: ModelManifest,
    table: ImportanceTable,
    case: PlannedCase,
    reference_us: int,
) -> Plan:
    inputs = PlanInputs(
        device=device,
        model=model,
        importance=table,
        target=_target(case, round(case.latency_share * reference_us)),
        options=PlanOptions(max_relative_gap=0.01),
    )
    plan = answer(inputs).response.plan
    if plan is None:
        message = f"{case} must have a plan on {device.name}, and has none"
        raise RuntimeError(message)
    return plan


def _target(case: UniformCase | PlannedCase, latency_us: int) -> Target:
    return Target(
        latency_us=latency_us,
        preload_bytes=case.preload_kib * KIB,
        read_ahead_layers=case.read_ahead_layers,
        sequence_length=SEQUENCE_LENGTH,
    )
