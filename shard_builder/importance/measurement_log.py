"""Finished measurements in a file, so that an interrupted profile goes on where it stopped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Self, TextIO, cast

from shard_builder.errors import ProfileError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from shard_builder.importance.measurement import DistanceRows


class MeasurementLog:
    """Key -> distances, one JSON line each below a line that says what was measured.

    A line cut off by a kill is dropped. Distances are written so that they read back exactly.
    Without a path everything is only kept in memory.
    """

    def __init__(self, path: Path | None, identity: str) -> None:
        self.done: dict[str, DistanceRows] = {}
        self._path = path
        self._identity = identity
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        """Read what is there; ProfileError if it belongs to another profile."""
        if self._path is None:
            return self
        lines = _whole_lines(self._path)
        if lines:
            self._read(self._path, lines)
        else:
            lines = [json.dumps({"profile": self._identity})]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        self._file = self._path.open("a", encoding="utf-8")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file; it stays."""
        if self._file is not None:
            self._file.close()

    def add(self, key: str, distances: DistanceRows) -> None:
        """Keep one measurement; it is in the file when this returns."""
        self.done[key] = distances
        if self._file is not None:
            self._file.write(json.dumps({"measurement": key, "distances": distances}) + "\n")
            self._file.flush()

    def _read(self, path: Path, lines: list[str]) -> None:
        try:
            entries = [cast("dict[str, object]", json.loads(line)) for line in lines]
            found = entries[0]["profile"]
            measured = {str(entry["measurement"]): entry["distances"] for entry in entries[1:]}
        except (ValueError, KeyError, TypeError) as error:
            message = f"{path} must be the measurements of a profile, it is not: {error}"
            raise ProfileError(message) from error
        if found != self._identity:
            message = (
                f"{path} must hold measurements of {self._identity}, got {found}: "
                "move the file away to start over"
            )
            raise ProfileError(message)
        self.done = cast("dict[str, DistanceRows]", measured)


def _whole_lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    try:
        return path.read_text(encoding="utf-8").split("\n")[:-1]
    except UnicodeDecodeError as error:
        message = f"{path} must be the measurements of a profile, it is not: {error}"
        raise ProfileError(message) from error
