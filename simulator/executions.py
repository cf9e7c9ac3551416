"""What other systems do with a whole model, as executions beside a plan's.

The baselines of the STI paper: load everything and then run, a standard pipeline that reads the
next layer while one computes, and a model that stays in memory. All run every layer at full
width, every shard at one bitwidth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from plan_contracts import ContractError
from simulator.run import execute
from simulator.workload import Read, Workload, step_durations

if TYPE_CHECKING:
    from plan_contracts import Compute, DeviceProfile, ModelManifest
    from simulator.report import SimulationReport
    from simulator.workload import Durations


@dataclass(frozen=True, kw_only=True, slots=True)
class WholeModel:
    """A model at one bitwidth on a device; ContractError when either does not have what it takes.

    Encoded shards are decoded layer by layer into one layer's buffer, as in a pipeline.
    """

    device: DeviceProfile
    model: ModelManifest
    bits: int
    compute_target: str = "cpu"
    sequence_length: int = 128

    @property
    def compute(self) -> Compute:
        """The device's entry for this model."""
        return self.device.compute_for(
            self.compute_target, self.model.geometry, self.sequence_length
        )

    def reads(self) -> tuple[Read, ...]:
        """Every shard, by layer and slice."""
        if self.bits not in self.model.bitwidths:
            message = f"bits must be one of {list(self.model.bitwidths)}, got {self.bits}"
            raise ContractError(message)
        return tuple(
            Read(layer=layer, slice=index, bytes=size)
            for layer, row in enumerate(self.model.shard_bytes[self.bits])
            for index, size in enumerate(row)
        )

    def durations(self, reads: tuple[Read, ...]) -> Durations:
        """Of these reads and of every layer."""
        return step_durations(
            self.device.storage,
            self.compute,
            read_bytes=[read.bytes for read in reads],
            layer_bits=[[self.bits] * self.model.slices] * self.model.layers,
        )


def layerwise(whole: WholeModel) -> SimulationReport:
    """The standard pipeline: the next layer is read while one computes (double buffering)."""
    reads = whole.reads()
    return execute(_pipeline(whole, reads), whole.durations(reads))


def load_then_run(whole: WholeModel) -> SimulationReport:
    """Nothing is computed before everything has been read."""
    reads = whole.reads()
    work = replace(
        _pipeline(whole, reads),
        awaited_reads=(len(reads),) * whole.model.layers,
        read_ahead_layers=None,
    )
    return execute(work, whole.durations(reads))


def in_memory(whole: WholeModel) -> SimulationReport:
    """Every shard was read before and stays; nothing is read in the run."""
    held = _pipeline(whole, ())
    encoded = sum(read.bytes for read in whole.reads())
    return execute(replace(held, held_bytes=held.held_bytes + encoded), whole.durations(()))


def _pipeline(whole: WholeModel, reads: tuple[Read, ...]) -> Workload:
    model = whole.model
    layers = range(model.layers)
    return Workload(
        reads=reads,
        slices=(tuple(range(model.slices)),) * model.layers,
        awaited_reads=tuple(sum(read.layer <= layer for read in reads) for layer in layers),
        queue_depth=whole.device.storage.queue_depth,
        read_ahead_layers=1,
        held_bytes=model.resident_bytes
        + whole.compute.activation_bytes
        + model.slices * model.decoded_shard_bytes,
    )
