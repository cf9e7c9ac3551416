"""DeviceProfile: how long a device takes to read, decode and compute one shard or layer.

Only the durations of single steps are here. How they add up to a latency is the business of the
optimiser and, independently, of the simulator.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from plan_contracts.document import Document, Part
from plan_contracts.errors import ContractError
from plan_contracts.provenance import Provenance
from plan_contracts.units import (
    MICROSECONDS_PER_SECOND,
    BitwidthKey,
    Bytes,
    Microseconds,
    Positive,
    PositiveBytes,
    PositiveBytesKey,
    PositiveKey,
    Sigma,
    ceil_div,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


class Geometry(Part):
    """Sizes of one transformer layer: hidden width, attention heads, FFN neurons."""

    hidden: Positive
    heads: Positive
    ffn: Positive

    def __str__(self) -> str:
        return f"hidden {self.hidden}, heads {self.heads}, ffn {self.ffn}"


class StorageJitter(Part):
    """Bandwidth of read i is multiplied by exp(sigma z_i); z is AR(1) with unit variance."""

    bandwidth_sigma: Sigma = 0.0
    autocorrelation: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Storage(Part):
    """Flash: either bandwidth and request overhead, or a measured table of read size -> time.

    `provenance` is null when these numbers come from where the profile's do.
    """

    bandwidth_bytes_per_s: Positive | None = None
    request_overhead_us: Microseconds = 0
    queue_depth: Positive = 1
    read_us_by_bytes: dict[PositiveBytesKey, Microseconds] | None = None
    jitter: StorageJitter = StorageJitter()
    provenance: Provenance | None = None

    @model_validator(mode="after")
    def _one_model_of_time(self) -> Self:
        if (self.bandwidth_bytes_per_s is None) == (self.read_us_by_bytes is None):
            message = (
                "storage needs either bandwidth_bytes_per_s (with request_overhead_us) "
                "or read_us_by_bytes, and not both"
            )
            raise ValueError(message)
        table = self.read_us_by_bytes
        if table is not None and not table:
            message = "read_us_by_bytes must have at least one entry"
            raise ValueError(message)
        if table is not None and self.request_overhead_us:
            message = "read_us_by_bytes holds whole times: request_overhead_us must be 0 beside it"
            raise ValueError(message)
        return self

    def transfer_us(self, size_bytes: int) -> int:
        """Microseconds one read occupies the channel, request overhead excluded.

        From the table: linear between measured sizes and rounded up, the first entry's time
        below them, the last entry's rate above them.
        """
        if self.bandwidth_bytes_per_s is not None:
            return ceil_div(size_bytes * MICROSECONDS_PER_SECOND, self.bandwidth_bytes_per_s)
        return _from_table(self.read_us_by_bytes or {}, size_bytes)

    def read_us(self, size_bytes: int) -> int:
        """Microseconds of one whole read: overhead + ceil(bytes * 1e6 / bandwidth)."""
        return self.request_overhead_us + self.transfer_us(size_bytes)


def _from_table(table: Mapping[int, int], size_bytes: int) -> int:
    sizes = sorted(table)
    if size_bytes <= sizes[0]:
        return table[sizes[0]]
    if size_bytes > sizes[-1]:
        return ceil_div(size_bytes * table[sizes[-1]], sizes[-1])
    return interpolate_up(table, size_bytes)


def interpolate_up(table: Mapping[int, int], at: int) -> int:
    """Linear interpolation in an integer table, rounded up; `at` lies within its keys."""
    keys = sorted(table)
    right = bisect_left(keys, at)
    if keys[right] == at:
        return table[at]
    low, high = keys[right - 1], keys[right]
    return table[low] + ceil_div((table[high] - table[low]) * (at - low), high - low)


class Compute(Part):
    """Durations on one compute target for one layer geometry and sequence length.

    `provenance` is null when these numbers come from where the profile's do.
    """

    target: str
    geometry: Geometry
    sequence_length: Positive
    layer_us: Annotated[dict[PositiveKey, Microseconds], Field(min_length=1)]
    shard_decode_us: Annotated[dict[BitwidthKey, Microseconds], Field(min_length=1)]
    fixed_us: Microseconds = 0
    activation_bytes: Bytes = 0
    jitter_sigma: Sigma = 0.0
    provenance: Provenance | None = None

    def covers_width(self, width: int) -> bool:
        """Whether the width lies within the measured ones; outside, nothing is extrapolated."""
        return min(self.layer_us) <= width <= max(self.layer_us)

    def layer_compute_us(self, width: int) -> int:
        """Microseconds of one layer of this width from decoded weights, decoding excluded.

        Linear between measured widths, rounded up; ContractError outside them.
        """
        if not self.covers_width(width):
            message = (
                f"width must lie within the measured {min(self.layer_us)}.."
                f"{max(self.layer_us)} of layer_us, got {width}"
            )
            raise ContractError(message)
        return interpolate_up(self.layer_us, width)

    def decode_us(self, bits: int) -> int:
        """Microseconds to decode one shard of this bitwidth; ContractError if it has none."""
        if bits not in self.shard_decode_us:
            known = sorted(self.shard_decode_us)
            message = f"bitwidth must be one of {known} of shard_decode_us, got {bits}"
            raise ContractError(message)
        return self.shard_decode_us[bits]


class OperatingPoint(Part):
    """One DVFS operating point."""

    frequency_hz: Positive
    voltage_mv: Positive
    power_mw: Positive


class DeviceProfile(Document):
    """One device: memory, storage, and compute times by target, geometry and length."""

    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    provenance: Provenance
    memory_bytes: PositiveBytes
    storage: Storage
    compute: Annotated[tuple[Compute, ...], Field(min_length=1)]
    operating_points: tuple[OperatingPoint, ...] | None = None

    @model_validator(mode="after")
    def _entries_differ(self) -> Self:
        keys = [(c.target, c.geometry, c.sequence_length) for c in self.compute]
        for key in keys:
            if keys.count(key) > 1:
                message = f"compute has more than one entry for {_compute_name(*key)}"
                raise ValueError(message)
        return self

    @cached_property
    def digest(self) -> str:
        """Digest of the whole document."""
        return self.content_digest()

    def compute_for(self, target: str, geometry: Geometry, sequence_length: int) -> Compute:
        """The entry that matches exactly; ContractError names those that exist."""
        for entry in self.compute:
            if (entry.target, entry.geometry, entry.sequence_length) == (
                target,
                geometry,
                sequence_length,
            ):
                return entry
        known = "; ".join(
            _compute_name(c.target, c.geometry, c.sequence_length) for c in self.compute
        )
        wanted = _compute_name(target, geometry, sequence_length)
        message = f"device {self.name!r} has no compute entry for {wanted}; it has: {known}"
        raise ContractError(message)


def _compute_name(target: str, geometry: Geometry, sequence_length: int) -> str:
    return f"({target}, {geometry}, sequence_length {sequence_length})"
