"""The device's side: the runtime, as the processes a device would start."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from plan_contracts import DeviceProfile
from planner_api.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from plan_contracts import Plan

ENGINE = "numpy"
"""The engine that every installation has."""


class Measured(NamedTuple):
    """What the runtime reports of some runs: the median one's numbers, and every latency."""

    latency_us: int
    latencies_us: tuple[int, ...]
    peak_memory_bytes: int
    weight_bytes: int
    rss_rise_bytes: int
    output: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """This machine with a store of the model, its flash paced."""

    store: Path
    folder: Path
    flash_bandwidth: str
    sequence_length: int
    repeat: int
    text: str

    @property
    def profile_path(self) -> Path:
        """Where `measure` leaves the profile."""
        return self.folder / "device.json"

    def measure(self) -> DeviceProfile:
        """Measure the profile of this machine."""
        length = str(self.sequence_length)
        arguments = ["--name", "this-machine", "--sequence-length", length]
        self._call("measure", *arguments, *self._machine(), "--out", str(self.profile_path))
        return DeviceProfile.from_file(self.profile_path)

    def run(self, plan: Plan, service: str, name: str) -> Measured:
        """Fetch a plan from the service, run it, and report the runs."""
        file = self.folder / f"plan-{name}.json"
        self._call("fetch", service, plan.id or "", "--out", str(file))
        arguments = ["--device", str(self.profile_path), "--post", service]
        return self._measured("run", str(file), *arguments, name=name)

    def load_then_run(self, bits: int, depth: int, width: int) -> Measured:
        """Load a model of uniform bits, then run it."""
        sizes = ["--bits", str(bits), "--depth", str(depth), "--width", str(width)]
        length = ["--sequence-length", str(self.sequence_length)]
        return self._measured("load-then-run", *sizes, *length, name=f"load-{bits}-bit")

    def _measured(self, *arguments: str, name: str) -> Measured:
        report = self.folder / f"run-{name}.json"
        what = ["--text", self.text, "--repeat", str(self.repeat), "--json", str(report)]
        self._call(*arguments, *self._machine(), *what)
        values = json.loads(report.read_text())
        for several in ("latencies_us", "output"):
            values[several] = tuple(values[several])
        return Measured(**{field: values[field] for field in Measured._fields})

    def _machine(self) -> list[str]:
        place = ["--store", str(self.store), "--engine", ENGINE]
        return [*place, "--flash-bandwidth", self.flash_bandwidth]

    def _call(self, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "shard_runtime", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            message = f"shard-runtime {arguments[0]} failed: {done.stderr.strip()}"
            raise UnavailableError(message)
