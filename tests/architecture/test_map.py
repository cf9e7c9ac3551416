"""ARCHITECTURE.md is a true map: one line for every source file, none for a missing one."""

from __future__ import annotations

import re
from pathlib import Path

from repository import PRODUCT, ROOT, python_files

LINE = re.compile(r"^- `([^`]+\.py)` - \S", re.MULTILINE)


def mapped() -> list[Path]:
    return [Path(name) for name in LINE.findall((ROOT / "ARCHITECTURE.md").read_text())]


def sources() -> list[Path]:
    """The product's modules; a package's __init__ is told by the line of its folder."""
    return [path for path in python_files(*PRODUCT) if path.name != "__init__.py"]


def test_every_source_file_has_a_line() -> None:
    assert sorted(set(sources()) - set(mapped())) == []


def test_no_line_is_about_a_missing_file() -> None:
    assert [path for path in mapped() if not (ROOT / path).is_file()] == []


def test_no_file_has_two_lines() -> None:
    assert len(mapped()) == len(set(mapped()))
