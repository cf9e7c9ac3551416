from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from shard_runtime.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_written(tmp_path: Path) -> None:
    write_atomically(tmp_path / "plan.json", "{}\n")
    assert (tmp_path / "plan.json").read_text() == "{}\n"


def test_an_older_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("a longer older text")
    write_atomically(tmp_path / "plan.json", "new")
    assert (tmp_path / "plan.json").read_text() == "new"


def test_an_interrupted_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_file: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "plan.json").write_text("older")
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "plan.json", "new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [
        ("plan.json", "older")
    ]


def test_others_may_read_the_file_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "ordinary").touch()
    write_atomically(tmp_path / "plan.json", "{}")
    assert (tmp_path / "plan.json").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        write_atomically(tmp_path / "absent" / "plan.json", "{}")


def test_a_folder_in_the_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as refused:
        write_atomically(tmp_path, "{}")
    assert refused.value.filename == str(tmp_path)
    assert not list(tmp_path.parent.glob(f".{tmp_path.name}.*"))
