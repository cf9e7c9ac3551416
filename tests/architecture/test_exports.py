"""What a package exports is what it says it exports."""

from __future__ import annotations

import ast
import importlib

import pytest

from repository import PACKAGES

EXPORTING = [
    name for name, folder in PACKAGES.items() if "__all__" in (folder / "__init__.py").read_text()
]


def names_bound(package: str) -> set[str]:
    """Every name that the package's __init__ binds at its top level, but for future imports."""
    bound: set[str] = set()
    tree = ast.parse((PACKAGES[package] / "__init__.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module != "__future__":
            bound |= {alias.asname or alias.name for alias in node.names}
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
    return bound


def test_the_documents_are_exported() -> None:
    assert "plan_contracts" in EXPORTING


@pytest.mark.parametrize("package", EXPORTING)
def test_every_public_name_is_exported(package: str) -> None:
    public = {name for name in names_bound(package) if not name.startswith("_")}
    assert public <= set(importlib.import_module(package).__all__)


@pytest.mark.parametrize("package", EXPORTING)
def test_every_exported_name_exists_once(package: str) -> None:
    module = importlib.import_module(package)
    assert all(hasattr(module, name) for name in module.__all__)
    assert len(module.__all__) == len(set(module.__all__))
