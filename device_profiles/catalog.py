"""The device profiles that ship with Shardstream, one JSON file each."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from device_profiles.scaling import scale
from plan_contracts import ContractError, DeviceProfile

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["load", "names", "scale"]

SUFFIX = ".json"


def names() -> list[str]:
    """The names of all profiles, sorted."""
    return sorted(f.name.removesuffix(SUFFIX) for f in _data().iterdir() if _is_profile(f))


def load(name: str) -> DeviceProfile:
    """The profile of this name; ContractError names those that exist."""
    if name not in names():
        message = f"device profile must be one of {', '.join(names())}, got {name!r}"
        raise ContractError(message)
    return DeviceProfile.from_json((_data() / f"{name}{SUFFIX}").read_bytes())


def _data() -> Traversable:
    return files("device_profiles") / "data"


def _is_profile(file: Traversable) -> bool:
    return file.name.endswith(SUFFIX)
