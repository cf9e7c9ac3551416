"""ARCHITECTURE.md is a true map: one line for every source file, none for a missing one."""

from __future__ import annotations

from code_map import DOCUMENT, code_map, first_sentence, with_map
from repository import PRODUCT, python_files

SOURCES = [path for path in python_files(*PRODUCT) if path.name != "__init__.py"]


def test_the_map_is_what_make_map_writes() -> None:
    assert DOCUMENT.read_text() == with_map(DOCUMENT.read_text())


def test_every_source_file_has_one_line() -> None:
    text = code_map()
    assert [path for path in SOURCES if text.count(f"- `{path}` - ") != 1] == []


def test_every_line_says_something() -> None:
    assert [path for path in SOURCES if len(first_sentence(str(path)).split()) < 3] == []
