"""Files and functions stay short enough to be read in one go."""

from __future__ import annotations

import ast
from statistics import median, quantiles

import pytest

from repository import PRODUCT, ROOT, files, python_files

LARGEST_FILE_LINES = 500
LARGEST_FUNCTION_LINES = 60
REASON = "# Long because"
WRITTEN = {".py", ".js", ".css", ".html", ".md", ".toml", ".yaml", ".sh"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def code_lines(function: Function) -> int:
    """Lines from `def` to the end, the docstring left out."""
    first = function.body[0]
    has_docstring = ast.get_docstring(function, clean=False) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if has_docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def functions() -> list[tuple[str, int]]:
    """Every function of the product without a stated reason to be long, and its lines."""
    found: list[tuple[str, int]] = []
    for path in python_files(*PRODUCT):
        text = (ROOT / path).read_text()
        for node in ast.walk(ast.parse(text)):
            source = isinstance(node, Function) and ast.get_source_segment(text, node)
            if isinstance(node, Function) and source and REASON not in source:
                found.append((f"{path}:{node.lineno} {node.name}", code_lines(node)))
    return found


def test_half_the_functions_are_at_most_8_lines() -> None:
    assert median(lines for _, lines in functions()) <= 8


def test_nine_functions_in_ten_are_at_most_30_lines() -> None:
    assert quantiles([lines for _, lines in functions()], n=10)[-1] <= 30


def test_no_function_is_longer_than_60_lines_without_a_reason() -> None:
    assert [entry for entry in functions() if entry[1] > LARGEST_FUNCTION_LINES] == []


@pytest.mark.parametrize("path", [path for path in files() if path.suffix in WRITTEN], ids=str)
def test_no_file_is_longer_than_500_lines(path: str) -> None:
    assert len((ROOT / path).read_text().splitlines()) <= LARGEST_FILE_LINES
