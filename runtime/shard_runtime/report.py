"""What a command says about its runs: printed, and as JSON."""

from __future__ import annotations

import statistics
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plan_contracts import Architecture, Provenance
    from shard_runtime.execution import Run
    from shard_runtime.weights import FloatArray

SHOWN_NUMBERS = 4
BYTES_PER_KIB = 1024
BYTES_PER_MB = 1_000_000
MICROSECONDS_PER_MS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class RunReport:
    """Repeated runs of one thing. Times in microseconds, sizes in bytes.

    `latency_us`, `stall_us` and memory are those of the run with the median latency.
    `weight_bytes`: encoded, decoded and preloaded shards, of the accounted peak.
    `rss_rise_bytes`: the process above one that has run a tiny product; None if unknown.
    """

    plan_id: str | None
    engine: str
    latencies_us: tuple[int, ...]
    latency_us: int
    predicted_latency_us: int | None
    stall_us: int
    peak_memory_bytes: int
    predicted_peak_memory_bytes: int | None
    weight_bytes: int
    resident_bytes: int
    rss_rise_bytes: int | None
    start_up_us: int
    preload_us: int
    output: tuple[float, ...]

    def lines(self, architecture: Architecture) -> list[str]:
        """The report for reading."""
        return [
            f"output    {describe_output(np.array(self.output), architecture)}",
            f"latency   {self._latency()}",
            f"stalled   {_ms(self.stall_us)}",
            f"memory    {self._memory()}",
            f"apart     start-up {_ms(self.start_up_us)}, preload {_ms(self.preload_us)}",
        ]

    def _latency(self) -> str:
        text = _ms(self.latency_us)
        if len(self.latencies_us) > 1:
            low, high = min(self.latencies_us), max(self.latencies_us)
            text += f", median of {len(self.latencies_us)} ({_ms(low)} to {_ms(high)})"
        if self.predicted_latency_us:
            error = self.latency_us / self.predicted_latency_us - 1
            text += f"; predicted {_ms(self.predicted_latency_us)} ({error:+.1%})"
        return text

    def _memory(self) -> str:
        text = (
            f"{_mb(self.peak_memory_bytes)} accounted at the peak: shards "
            f"{_mb(self.weight_bytes)}, resident tensors {_mb(self.resident_bytes)}"
        )
        if self.predicted_peak_memory_bytes is not None:
            text += f"; predicted {_mb(self.predicted_peak_memory_bytes)}"
        if self.rss_rise_bytes is not None:
            text += f"; process {_mb(self.rss_rise_bytes)} above an idle one"
        return text


def median_run(runs: Sequence[Run]) -> Run:
    """The run whose latency is the median, the lower one of two."""
    middle = statistics.median_low(run.latency_us for run in runs)
    return next(run for run in runs if run.latency_us == middle)


def stall_us(run: Run) -> int:
    """Time the compute thread waited for reads."""
    return sum(span.end_us - span.start_us for span in run.spans if span.kind == "stall")


def describe_output(output: FloatArray, architecture: Architecture) -> str:
    """The label with its probability, or the start of an embedding."""
    if architecture.head == "classifier":
        shares = np.exp(output - output.max())
        shares /= shares.sum()
        best = int(output.argmax())
        label = architecture.labels[best] if architecture.labels else str(best)
        return f"{label} ({shares[best]:.1%})"
    numbers = " ".join(f"{number:.4f}" for number in output[:SHOWN_NUMBERS])
    return f"embedding of {output.size} numbers: {numbers} ..."


def describe_spread(provenance: Provenance) -> str:
    """The largest interquartile range among the numbers of each kind, as shares of their medians.

    A number is named by its place in the profile: `compute.64.layer_us.12`, of which `layer_us` is
    the kind.
    """
    largest: dict[str, float] = {}
    for place, spread in (provenance.spread or {}).items():
        kind = next(part for part in place.split(".")[1:] if not part.isdecimal())
        largest[kind] = max(spread, largest.get(kind, 0.0))
    spreads = ", ".join(f"{kind} {spread:.1%}" for kind, spread in largest.items())
    return f"{spreads} at most, of {provenance.samples} rounds"


class ProcessMemory:
    """The process's resident set, from /proc, above where it was when this object was made."""

    def __init__(self) -> None:
        np.matmul(np.ones((8, 8)), np.ones((8, 8)))
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        self._before = _status_bytes("VmRSS")

    def rise_bytes(self) -> int | None:
        """The peak since then, above then; None where the system does not say."""
        peak = _status_bytes("VmHWM")
        return None if peak is None or self._before is None else max(0, peak - self._before)


def _status_bytes(field: str) -> int | None:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * BYTES_PER_KIB
    return None


def _ms(microseconds: int) -> str:
    return f"{microseconds / MICROSECONDS_PER_MS:.1f} ms"


def _mb(size: int) -> str:
    return f"{size / BYTES_PER_MB:.2f} MB"
