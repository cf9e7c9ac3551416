"""What lies in this repository, for the tests that hold it to its own rules."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PRODUCT = ("planner_api", "simulator", "device_profiles", "shard_builder", "runtime")
PACKAGES = {
    "planner_api": ROOT / "planner_api",
    "simulator": ROOT / "simulator",
    "device_profiles": ROOT / "device_profiles",
    "shard_builder": ROOT / "shard_builder",
    "plan_contracts": ROOT / "runtime/plan_contracts",
    "shard_runtime": ROOT / "runtime/shard_runtime",
}
BUILT = {"dist", "build", "node_modules", "__pycache__"}


@cache
def files() -> tuple[Path, ...]:
    """Every written file, relative to the root, sorted; hidden and built folders left out."""
    found: list[Path] = []
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [
            name for name in inner if name == ".ci" or (name[0] != "." and name not in BUILT)
        ]
        found += [Path(folder, name).relative_to(ROOT) for name in names]
    return tuple(sorted(found))


def python_files(*folders: str) -> list[Path]:
    """The Python files below these folders of the root."""
    return [path for path in files() if path.suffix == ".py" and path.parts[0] in folders]


def script_files(*folders: str) -> list[Path]:
    """The scripts of web pages below these folders of the root."""
    return [path for path in files() if path.suffix == ".js" and path.parts[0] in folders]
