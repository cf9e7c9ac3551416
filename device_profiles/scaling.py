"""Estimate a compute entry for another layer geometry or sequence length from a known one.

With S the sequence length, layer times are taken to follow the multiply-accumulates of a full
layer, S * hidden * (4 * hidden + 2 * ffn) for its matrices and 2 * S^2 * hidden for attention, at
the same share of the heads; decoding the weights of a shard; the fixed part (embeddings, head)
S * hidden; activation memory 4 * (S * (6 * hidden + ffn) + heads * S^2) bytes, the tensors of one
layer in fp32. Everything is rounded up.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from plan_contracts import Compute, ContractError, DeviceProfile, Geometry, Provenance

if TYPE_CHECKING:
    from plan_contracts import ModelManifest


def scale(
    profile: DeviceProfile, manifest: ModelManifest, target: str, sequence_length: int
) -> DeviceProfile:
    """The profile with one more, estimated compute entry: for this model at this length.

    The new entry comes last; its `provenance.source` states the rule. ContractError if the
    profile has an entry for it already, or none at all for the compute target.
    """
    for entry in profile.compute:
        if _key(entry) == (target, manifest.geometry, sequence_length):
            message = (
                f"device {profile.name!r} must not have an entry to estimate one, got one for "
                f"{_described(entry)} on {target}"
            )
            raise ContractError(message)
    known = _most_akin(profile, target, manifest.geometry, sequence_length)
    estimated = _estimate(profile, known, manifest.geometry, sequence_length)
    return profile.model_copy(update={"compute": (*profile.compute, estimated)})


def _key(entry: Compute) -> tuple[str, Geometry, int]:
    return entry.target, entry.geometry, entry.sequence_length


def _most_akin(
    profile: DeviceProfile, target: str, geometry: Geometry, sequence_length: int
) -> Compute:
    """Measured or published before estimated, the profile's own before added ones; then alike."""
    entries = [entry for entry in profile.compute if entry.target == target]
    if not entries:
        known = sorted({entry.target for entry in profile.compute})
        message = (
            f"compute target of device {profile.name!r} must be one of {known}, got {target!r}"
        )
        raise ContractError(message)

    def distance(entry: Compute) -> tuple[bool, bool, bool, int]:
        return (
            _provenance(profile, entry).kind == "estimated",
            entry.provenance is not None,
            entry.geometry != geometry,
            abs(entry.sequence_length - sequence_length),
        )

    return min(entries, key=distance)


def _estimate(profile: DeviceProfile, known: Compute, geometry: Geometry, length: int) -> Compute:
    old, old_length = known.geometry, known.sequence_length
    layer = Fraction(_layer_work(geometry, length), _layer_work(old, old_length))
    shard = Fraction(_layer_weights(geometry), geometry.heads) / Fraction(
        _layer_weights(old), old.heads
    )
    fixed = Fraction(length * geometry.hidden, old_length * old.hidden)
    memory = Fraction(_activations(geometry, length), _activations(old, old_length))
    return Compute(
        target=known.target,
        geometry=geometry,
        sequence_length=length,
        layer_us=_layer_times(known, geometry.heads, layer),
        shard_decode_us={bits: ceil(us * shard) for bits, us in known.shard_decode_us.items()},
        fixed_us=ceil(known.fixed_us * fixed),
        activation_bytes=ceil(known.activation_bytes * memory),
        jitter_sigma=known.jitter_sigma,
        provenance=Provenance(
            kind="estimated",
            source=(
                f"scaled from {_described(known)}: layer_us by multiply-accumulates "
                f"(x {float(layer):.4g}), shard_decode_us by weights of a shard "
                f"(x {float(shard):.4g}), fixed_us by sequence_length * hidden "
                f"(x {float(fixed):.4g}), activation_bytes by the tensors of a layer "
                f"(x {float(memory):.4g})"
            ),
            date=_provenance(profile, known).date,
        ),
    )


def _layer_times(known: Compute, heads: int, factor: Fraction) -> dict[int, int]:
    """Times of the widths whose share of the heads lies within the known ones."""
    times: dict[int, int] = {}
    for width in range(1, heads + 1):
        alike = Fraction(width * known.geometry.heads, heads)
        if min(known.layer_us) <= alike <= max(known.layer_us):
            times[width] = ceil(_interpolated(known.layer_us, alike) * factor)
    return times


def _interpolated(table: dict[int, int], at: Fraction) -> Fraction:
    low = max(key for key in table if key <= at)
    high = min(key for key in table if key >= at)
    if low == high:
        return Fraction(table[low])
    return table[low] + (table[high] - table[low]) * (at - low) / (high - low)


def _layer_weights(geometry: Geometry) -> int:
    return geometry.hidden * (4 * geometry.hidden + 2 * geometry.ffn)


def _layer_work(geometry: Geometry, length: int) -> int:
    """Multiply-accumulates of one layer of full width."""
    return length * _layer_weights(geometry) + 2 * length**2 * geometry.hidden


def _activations(geometry: Geometry, length: int) -> int:
    """Bytes of the tensors of one layer in fp32."""
    return 4 * (length * (6 * geometry.hidden + geometry.ffn) + geometry.heads * length**2)


def _provenance(profile: DeviceProfile, entry: Compute) -> Provenance:
    return entry.provenance or profile.provenance


def _described(entry: Compute) -> str:
    return f"({entry.geometry}, sequence_length {entry.sequence_length})"
