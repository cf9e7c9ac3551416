"""Executions one after the other, on a device that keeps loaded shards while memory allows.

STI's engagements are one to three executions, with time to think between them. A cold plan reads
everything but its preload buffer; after it, encoded shards may stay in memory until somebody else
needs it. What stays is the longest run of shards from the bottom layer up that fits beside what
the plan itself needs: shards of the top layers go first, as the bottom ones are waited for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from plan_contracts import ContractError
from simulator.conditions import UNDISTURBED
from simulator.jitter import sample
from simulator.recursion import recur
from simulator.run import execute, finished, under
from simulator.workload import compute_entry, durations_of, workload_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from plan_contracts import Compute, DeviceProfile, ModelManifest, Plan
    from simulator.conditions import Conditions
    from simulator.report import SimulationReport
    from simulator.workload import Durations, Workload


class LoadedShard(NamedTuple):
    """An encoded shard in memory; sorts from the bottom layer up."""

    layer: int
    slice: int
    bits: int
    bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One execution of a session, `think_us` after the end of the one before."""

    plan: Plan
    think_us: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """How long loaded shards stay: within so much memory in all, and through such pauses.

    `memory_bytes` None: the smaller of the device's and the plan's limit. `keep_us` None: through
    any pause.
    """

    memory_bytes: int | None = None
    keep_us: int | None = None


FOREVER = Retention()


@dataclass(frozen=True, kw_only=True, slots=True)
class Execution:
    """One turn: when it began on the clock of the session, and how it went from there.

    `found`: shards of its plan that were in memory already; `left`: those it leaves behind.
    """

    start_us: int
    report: SimulationReport
    found: tuple[LoadedShard, ...]
    left: tuple[LoadedShard, ...]

    @property
    def end_us(self) -> int:
        """When its logits were there, on the clock of the session."""
        return self.start_us + self.report.latency_us


def run_session(  # noqa: PLR0913 - the documents, and how to run them
    turns: Sequence[Turn],
    device: DeviceProfile,
    model: ModelManifest,
    *,
    retention: Retention = FOREVER,
    conditions: Conditions = UNDISTURBED,
    seed: int = 0,
) -> tuple[Execution, ...]:
    """Every turn in SimPy; the speeds of the conditions are on the clock of the session.

    ContractError if a plan was made from other documents, or needs more memory than there is.
    """
    executions: list[Execution] = []
    end_us = 0
    for number, step in enumerate(_steps(turns, device, model, retention, conditions)):
        start_us = end_us + step.think_us
        left = conditions.after(start_us)
        work = replace(step.work, flash_speed=left.flash_speed, compute_speed=left.compute_speed)
        durations = under(left, work, step.durations, runs=1, seed=seed + number).of_run(0)
        done = Execution(
            start_us=start_us,
            report=execute(work, durations),
            found=step.found,
            left=step.left,
        )
        executions.append(done)
        end_us = done.end_us
    return tuple(executions)


def session_latencies(  # noqa: PLR0913 - the documents, and how to run them
    turns: Sequence[Turn],
    device: DeviceProfile,
    model: ModelManifest,
    *,
    runs: int,
    seed: int,
    retention: Retention = FOREVER,
    conditions: Conditions = UNDISTURBED,
) -> NDArray[np.int64]:
    """(turns, runs) latencies under jitter, by the recursion; turn k draws with seed + k.

    ContractError as `run_session`, and where speeds change: turns start at other moments in every
    run, and would meet other speeds.
    """
    if not (conditions.flash_speed.is_nominal and conditions.compute_speed.is_nominal):
        message = "speeds must be nominal to sample a session, got some that change"
        raise ContractError(message)
    latencies: list[NDArray[np.int64]] = []
    for number, step in enumerate(_steps(turns, device, model, retention, conditions)):
        samples = sample(
            step.durations,
            storage=device.storage.jitter,
            compute_sigma=step.compute.jitter_sigma,
            runs=runs,
            seed=seed + number,
        )
        drawn = under(conditions, step.work, samples, runs=runs, seed=seed + number)
        latencies.append(finished(recur(step.work, drawn)).done_us)
    return np.array(latencies, dtype=np.int64)


class _Step(NamedTuple):
    """A turn with what is left to read of it."""

    think_us: int
    compute: Compute
    work: Workload
    durations: Durations
    found: tuple[LoadedShard, ...]
    left: tuple[LoadedShard, ...]


def _steps(
    turns: Iterable[Turn],
    device: DeviceProfile,
    model: ModelManifest,
    retention: Retention,
    conditions: Conditions,
) -> Iterator[_Step]:
    loaded: tuple[LoadedShard, ...] = ()
    for turn in turns:
        if turn.think_us < 0:
            message = f"think_us must be at least 0, got {turn.think_us}"
            raise ContractError(message)
        if retention.keep_us is not None and turn.think_us > retention.keep_us:
            loaded = ()
        plan = turn.plan
        work = workload_of(plan, device, model, conditions)
        limit = _memory_limit(plan, device, retention)
        left = _staying(plan, work, loaded, limit)
        found = tuple(shard for shard in loaded if shard in left and shard in _reads(plan))
        yield _Step(
            turn.think_us,
            compute_entry(plan, device, model),
            *_rest(work, durations_of(plan, device, model), plan, loaded, left),
            found,
            left,
        )
        loaded = left


def _memory_limit(plan: Plan, device: DeviceProfile, retention: Retention) -> int:
    limits = (retention.memory_bytes, plan.target.memory_bytes, device.memory_bytes)
    return min(limit for limit in limits if limit is not None)


def _reads(plan: Plan) -> list[LoadedShard]:
    """What the plan streams, in its order."""
    return [LoadedShard(read.layer, read.slice, read.bits, read.bytes) for read in plan.reads]


def _staying(
    plan: Plan, work: Workload, loaded: Iterable[LoadedShard], limit_bytes: int
) -> tuple[LoadedShard, ...]:
    """The most shards, from the bottom layer up, that fit beside what the plan still streams."""
    reads = _reads(plan)
    candidates = sorted({*loaded, *reads})
    needed = _needed_bytes(work, reads, ())
    if needed > limit_bytes:
        message = f"memory must be at least the {needed} bytes the plan needs, got {limit_bytes}"
        raise ContractError(message)
    fitting = 0
    while fitting < len(candidates):
        if _needed_bytes(work, reads, candidates[: fitting + 1]) > limit_bytes:
            break
        fitting += 1
    return tuple(candidates[:fitting])


def _needed_bytes(
    work: Workload, reads: Iterable[LoadedShard], staying: Sequence[LoadedShard]
) -> int:
    """The most bytes held at once if these stay and all other reads are given back."""
    streamed = [0] * work.depth
    for read in set(reads).difference(staying):
        streamed[read.layer] += read.bytes
    reach = work.depth if work.read_ahead_layers is None else work.read_ahead_layers + 1
    window = max(sum(streamed[low : low + reach]) for low in range(work.depth))
    return work.held_bytes + sum(shard.bytes for shard in staying) + window


def _rest(
    work: Workload,
    durations: Durations,
    plan: Plan,
    loaded: Iterable[LoadedShard],
    left: tuple[LoadedShard, ...],
) -> tuple[Workload, Durations]:
    """The steps and durations of what still has to be read; what is left behind is not freed."""
    held = set(loaded).intersection(left)
    shards = _reads(plan)
    missing = [index for index, shard in enumerate(shards) if shard not in held]
    reads = tuple(replace(work.reads[i], kept=shards[i] in left) for i in missing)
    rest = replace(
        work,
        reads=reads,
        awaited_reads=tuple(
            sum(read.layer <= layer for read in reads) for layer in range(work.depth)
        ),
        held_bytes=work.held_bytes + sum(shard.bytes for shard in held),
    )
    return rest, replace(
        durations,
        request_overhead_us=durations.request_overhead_us[missing],
        transfer_us=durations.transfer_us[missing],
        cached=durations.cached[missing],
    )
