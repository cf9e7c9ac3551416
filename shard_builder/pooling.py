"""How a sentence-transformers folder turns token states into one embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from shard_builder.errors import CheckpointError
from shard_builder.settings_file import SettingsFile, read_json

if TYPE_CHECKING:
    from pathlib import Path

MODULES_FILE = "modules.json"
MODULE_ORDERS = (
    ("Transformer",),
    ("Transformer", "Pooling"),
    ("Transformer", "Pooling", "Normalize"),
)
HEAD_OF_MODE: dict[str, Literal["mean_embedding", "cls_embedding"]] = {
    "mean_tokens": "mean_embedding",
    "cls_token": "cls_embedding",
}
MODE_PREFIX = "pooling_mode_"


@dataclass(frozen=True, kw_only=True)
class Pooling:
    """Where the transformer lies, and how its states become an embedding."""

    transformer: Path
    head: Literal["mean_embedding", "cls_embedding"]
    normalise: bool


def read_pooling(folder: Path) -> Pooling:
    """Read modules.json and the pooling module's config.json.

    A folder without modules.json is a plain encoder: mean over its tokens, not normalised, as
    sentence-transformers itself treats such a folder. CheckpointError for other modules or modes.
    """
    if not (folder / MODULES_FILE).is_file():
        return Pooling(transformer=folder, head="mean_embedding", normalise=False)
    modules = _modules(folder / MODULES_FILE)
    kinds = tuple(kind for kind, _ in modules)
    if kinds not in MODULE_ORDERS:
        message = (
            f"{folder / MODULES_FILE}: modules must be Transformer, then optionally Pooling and "
            f"Normalize, got {', '.join(kinds) or 'none'}"
        )
        raise CheckpointError(message)
    places = dict(modules)
    return Pooling(
        transformer=folder / places["Transformer"],
        head=_head(folder / places["Pooling"]) if "Pooling" in places else "mean_embedding",
        normalise="Normalize" in places,
    )


def _modules(path: Path) -> list[tuple[str, str]]:
    """Last part of the type, and path, of every module in order."""
    content = read_json(path)
    rule = f"{path} must be a list of modules with a type and a path inside the folder"
    if not isinstance(content, list):
        raise CheckpointError(rule)
    modules: list[tuple[str, str]] = []
    for entry in cast("list[object]", content):
        fields = cast("dict[str, object]", entry) if isinstance(entry, dict) else {}
        kind, place = fields.get("type"), fields.get("path")
        if not isinstance(kind, str) or not isinstance(place, str):
            raise CheckpointError(rule)
        if place.startswith("/") or ".." in place.split("/"):
            message = f"{rule}, got {place!r}"
            raise CheckpointError(message)
        modules.append((kind.rpartition(".")[2], place))
    return modules


def _head(folder: Path) -> Literal["mean_embedding", "cls_embedding"]:
    file = SettingsFile.read(folder / "config.json")
    modes = [
        name.removeprefix(MODE_PREFIX)
        for name in file.fields
        if name.startswith(MODE_PREFIX) and file.is_set(name)
    ]
    if len(modes) != 1 or modes[0] not in HEAD_OF_MODE:
        message = (
            f"{file.path}: exactly one pooling mode of {', '.join(HEAD_OF_MODE)} must be set, "
            f"got {', '.join(modes) or 'none'}"
        )
        raise CheckpointError(message)
    return HEAD_OF_MODE[modes[0]]
