from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shard_builder.atomic import move_into_place, temporary_folder_beside

if TYPE_CHECKING:
    from pathlib import Path


def test_a_moved_folder_has_its_files(tmp_path: Path) -> None:
    with temporary_folder_beside(tmp_path / "place") as folder:
        (folder / "file").write_text("content")
        move_into_place(folder, tmp_path / "place")
    assert (tmp_path / "place" / "file").read_text() == "content"


def fill_and_fail(place: Path) -> None:
    with temporary_folder_beside(place) as folder:
        (folder / "file").write_text("content")
        raise RuntimeError


def test_an_error_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        fill_and_fail(tmp_path / "place")
    assert list(tmp_path.iterdir()) == []


def test_a_full_folder_in_the_place_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "mine").touch()
    with temporary_folder_beside(tmp_path / "place") as folder, pytest.raises(OSError, match="not"):
        move_into_place(folder, tmp_path / "place")
    assert [path.name for path in tmp_path.rglob("*")] == ["place", "mine"]
