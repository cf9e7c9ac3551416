"""`shardstream device`: the catalogue of devices, and entries estimated from it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from device_profiles import catalog
from planner_api.commands.inputs import device_of, local_registry, lookup_in, model_of
from shard_runtime.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from plan_contracts import DeviceProfile

MEBIBYTE = 1 << 20


def list_devices() -> None:
    """Print the catalogue."""
    table = Table("name", "numbers", "memory", "storage", "device")
    for name in catalog.names():
        profile = catalog.load(name)
        bandwidth = profile.storage.bandwidth_bytes_per_s
        table.add_row(
            name,
            profile.provenance.kind,
            f"{profile.memory_bytes / MEBIBYTE:,.0f} MiB",
            "by read size" if bandwidth is None else f"{bandwidth / 1e6:,.1f} MB/s",
            profile.description.partition(". ")[0],
        )
    Console().print(table)


def show_device(reference: str, *, database: str | None) -> None:
    """Print a device profile as JSON."""
    with local_registry(database) as registry:
        print(device_of(reference, lookup_in(registry)).to_json(indent=2))  # noqa: T201 - output


def scaled_device(
    reference: str, *, model: str, compute_target: str, sequence_length: int, database: str | None
) -> DeviceProfile:
    """The profile with one more entry, estimated for this model and length."""
    with local_registry(database) as registry:
        lookup = lookup_in(registry)
        device, manifest = device_of(reference, lookup), model_of(model, lookup)
    return catalog.scale(device, manifest, compute_target, sequence_length)


def write_scaled(profile: DeviceProfile, out: Path | None) -> None:
    """Print the profile, or write it whole to a file; the rule of its last entry to stderr."""
    rule = profile.compute[-1].provenance
    if rule is not None:
        print(f"{rule.kind}: {rule.source}", file=sys.stderr)  # noqa: T201 - output
    content = profile.to_json(indent=2) + "\n"
    if out is None:
        sys.stdout.write(content)
    else:
        write_atomically(out, content)
