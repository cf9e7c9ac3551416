"""`shardstream device baselines`: a whole model without a plan, as other systems run it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from planner_api.commands.inputs import device_of, local_registry, lookup_in, model_of
from simulator.executions import WholeModel, in_memory, layerwise, load_then_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plan_contracts import DeviceProfile, ModelManifest
    from simulator.report import SimulationReport

EXECUTIONS = {
    "load, then run": load_then_run,
    "layerwise pipeline": layerwise,
    "in memory": in_memory,
}
MEGABYTE = 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """One execution of the whole model at one bitwidth.

    `stalled`: share of the latency that the compute thread waits; `stalled_steadily`: the same of
    the last layer alone, from the end of the layer below.
    """

    execution: str
    bits: int
    latency_us: int
    stall_us: int
    stalled: float
    stalled_steadily: float
    read_bytes: int
    io_busy_us: int
    peak_memory_bytes: int


def show_baselines(  # noqa: PLR0913 - two documents, and what is wanted of them
    *,
    device: str,
    model: str,
    database: str | None,
    bits: Sequence[int],
    compute_target: str,
    sequence_length: int,
    as_json: bool,
) -> None:
    """Print every execution at these bitwidths, at all of the model's if there are none."""
    with local_registry(database) as registry:
        lookup = lookup_in(registry)
        profile, manifest = device_of(device, lookup), model_of(model, lookup)
    wholes = [
        WholeModel(
            device=profile,
            model=manifest,
            bits=chosen,
            compute_target=compute_target,
            sequence_length=sequence_length,
        )
        for chosen in bits or manifest.bitwidths
    ]
    found = list(baselines(wholes))
    if as_json:
        print(json.dumps([asdict(baseline) for baseline in found]))  # noqa: T201 - the output
    else:
        Console().print(_table(profile, manifest, found))


def baselines(wholes: Sequence[WholeModel]) -> Iterator[Baseline]:
    """Every execution of each, by execution."""
    for name, execute in EXECUTIONS.items():
        for whole in wholes:
            yield _baseline(name, whole.bits, execute(whole))


def _baseline(name: str, bits: int, report: SimulationReport) -> Baseline:
    last = report.layers[-1]
    began_us = report.layers[-2].end_us if len(report.layers) > 1 else 0
    last_stall_us = sum(s.end_us - s.start_us for s in report.stalls if s.layer == last.layer)
    return Baseline(
        execution=name,
        bits=bits,
        latency_us=report.latency_us,
        stall_us=report.stall_us,
        stalled=report.stall_us / report.latency_us,
        stalled_steadily=last_stall_us / (last.end_us - began_us),
        read_bytes=sum(read.bytes for read in report.reads),
        io_busy_us=report.io_busy_us,
        peak_memory_bytes=report.peak_memory_bytes,
    )


def _table(profile: DeviceProfile, manifest: ModelManifest, found: Sequence[Baseline]) -> Table:
    title = f"{manifest.model}, {manifest.layers} x {manifest.slices}, on {profile.name}"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("execution", no_wrap=True)
    for head in ("bits", "latency ms", "stalled", "last layer", "reads MB", "flash ms", "peak MB"):
        table.add_column(head, justify="right", no_wrap=True)
    for b in found:
        table.add_row(
            b.execution,
            str(b.bits),
            f"{b.latency_us / 1000:.1f}",
            f"{b.stalled:.1%}",
            f"{b.stalled_steadily:.1%}",
            f"{b.read_bytes / MEGABYTE:.1f}",
            f"{b.io_busy_us / 1000:.1f}",
            f"{b.peak_memory_bytes / MEGABYTE:.1f}",
        )
    return table
