"""Names say what is inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repository import PRODUCT, ROOT, files, python_files

if TYPE_CHECKING:
    from pathlib import Path

VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "base"}
UNFINISHED = ("TO" + "DO", "FIX" + "ME", "XX" + "X")


def read(path: Path) -> str:
    return (ROOT / path).read_text(errors="replace")


def test_no_file_is_named_for_nothing_in_particular() -> None:
    assert [path for path in files() if path.stem.strip("_") in VAGUE] == []


def test_every_module_says_what_it_is() -> None:
    silent = [path for path in python_files(*PRODUCT) if not read(path).startswith('"""')]
    assert silent == []


def test_nothing_is_left_for_later() -> None:
    unfinished = [
        path
        for path in python_files(*PRODUCT, "tests", "benchmarks", "examples")
        if any(word in read(path) for word in UNFINISHED)
    ]
    assert unfinished == []
