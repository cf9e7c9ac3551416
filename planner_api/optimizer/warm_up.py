"""Loading the solvers ahead of time."""

from __future__ import annotations

from importlib import import_module

MODULES = ("ortools.linear_solver.pywraplp", "ortools.sat.python.cp_model")


def load_solvers() -> None:
    """Import the parts of OR-Tools now, about a second, rather than within the first searches."""
    for module in MODULES:
        import_module(module)
