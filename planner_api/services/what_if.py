"""What if the device were faster, or slower: its profile with other speeds."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from plan_contracts import DeviceProfile, Part, Provenance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plan_contracts import Compute, Storage

Factor = Annotated[float, Field(ge=0.01, le=100)]


class WhatIf(Part):
    """How many times as fast a device moves bytes from flash, and computes and decodes."""

    bandwidth_factor: Factor = 1.0
    compute_factor: Factor = 1.0


def changed(device: DeviceProfile, what_if: WhatIf) -> DeviceProfile:
    """A device of its own at these speeds, estimated; the same device at factors of 1.

    Durations are rounded up, and the bandwidth down. The overhead of a request stays what it is,
    unless it is part of a measured table of read times, and jitter, memory and operating points
    stay too. ContractError if a duration or the bandwidth leaves the range of its field.
    """
    bandwidth, compute = what_if.bandwidth_factor, what_if.compute_factor
    if bandwidth == compute == 1.0:
        return device
    factors = f"flash bandwidth x {bandwidth:g}, compute and decode x {compute:g}"
    other = device.model_copy(
        update={
            "name": f"{device.name} flash x{bandwidth:g} compute x{compute:g}",
            "provenance": Provenance(
                kind="estimated",
                source=f"what if: {factors}, of device {device.name!r} {device.digest}",
                date=device.provenance.date,
            ),
            "storage": _storage(device.storage, bandwidth),
            "compute": tuple(_compute(entry, compute) for entry in device.compute),
        }
    )
    return DeviceProfile.from_json(other.to_json())


def _storage(storage: Storage, factor: float) -> Storage:
    rate, table = storage.bandwidth_bytes_per_s, storage.read_us_by_bytes
    faster = {
        "bandwidth_bytes_per_s": rate and max(1, int(rate * factor)),
        "read_us_by_bytes": table and _sooner(table, factor),
        "provenance": None,
    }
    return storage.model_copy(update=faster)


def _compute(entry: Compute, factor: float) -> Compute:
    faster = {
        "layer_us": _sooner(entry.layer_us, factor),
        "shard_decode_us": _sooner(entry.shard_decode_us, factor),
        "fixed_us": _less(entry.fixed_us, factor),
        "provenance": None,
    }
    return entry.model_copy(update=faster)


def _sooner(table: Mapping[int, int], factor: float) -> dict[int, int]:
    return {key: _less(us, factor) for key, us in table.items()}


def _less(duration_us: int, factor: float) -> int:
    return ceil(duration_us / factor)
