"""Folders that appear complete or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def temporary_folder_beside(place: Path) -> Generator[Path]:
    """An empty folder on the same disk as `place`; whatever is still there is removed after."""
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def move_into_place(folder: Path, place: Path) -> None:
    """Flush every file of `folder` to the disk, then rename it to `place`.

    `place` does not exist or is an empty folder. Readable by everybody who may read the parent.
    """
    for path in folder.iterdir():
        _flush(path)
    folder.chmod(0o755)
    _flush(folder)
    folder.rename(place)
    _flush(place.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
