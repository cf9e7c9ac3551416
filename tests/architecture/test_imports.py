"""What each package may import from outside, and what must not be loaded before it is needed.

import-linter holds the table of who may import whom among our own packages (`make lint`).
"""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from repository import PACKAGES, ROOT, python_files

ALLOWED = {
    "plan_contracts": {"pydantic", "pydantic_core"},
    "shard_runtime": {"numpy", "numba", "tokenizers"},
    "device_profiles": set[str](),
    "simulator": {"numpy", "simpy"},
    "shard_builder": {"numpy", "safetensors", "tokenizers", "rich", "torch"},  # torch: `make lint`
}
SERVER_ONLY = [
    "alembic",
    "fastapi",
    "httpx",
    "ortools",
    "pandas",
    "rich",
    "safetensors",
    "simpy",
    "sqlalchemy",
    "starlette",
    "structlog",
    "typer",
    "uvicorn",
    "numba",
    "tokenizers",
]


def outside_imports(package: str) -> set[str]:
    """The top-level modules outside the standard library and this project."""
    found: set[str] = set()
    root = PACKAGES[package]
    for path in python_files(*root.relative_to(ROOT).parts[:1]):
        if (ROOT / path).is_relative_to(root):
            for node in ast.walk(ast.parse((ROOT / path).read_text())):
                found |= modules_of(node)
    return found - sys.stdlib_module_names - set(PACKAGES)


def modules_of(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return {node.module.split(".")[0]}
    return set()


def loaded_by(statement: str) -> set[str]:
    """The top-level modules a fresh interpreter has loaded after the statement."""
    program = f"{statement}; import sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    ran = subprocess.run(
        [sys.executable, "-P", "-c", program], check=True, capture_output=True, text=True
    )
    return set(ran.stdout.split())


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_the_table_allows(package: str) -> None:
    assert outside_imports(package) <= ALLOWED[package]


@pytest.mark.parametrize(
    "statement", ["import plan_contracts", "import shard_runtime", "import shard_runtime.__main__"]
)
def test_a_device_loads_no_library_of_the_server(statement: str) -> None:
    assert not loaded_by(statement) & set(SERVER_ONLY)


@pytest.mark.parametrize("module", ["planner_api.cli", "planner_api.main"])
def test_the_solver_library_is_not_loaded_before_it_is_needed(module: str) -> None:
    assert "ortools" not in loaded_by(f"import {module}")
