"""GLOP, the linear solver of OR-Tools: the only place that starts it.

OR-Tools takes a second to import, so it is imported when first used. Variables and rows are known
by their numbers; variables are non-negative, rows bounded from above, the objective maximised.
"""

from __future__ import annotations

from typing import Any

PARAMETERS = "use_preprocessing: false use_dual_simplex: false max_number_of_iterations: 20000"
"""Small programs that grow by columns: the last basis stays feasible, presolve does not pay."""


class LinearProgram:
    """A linear program that keeps its basis while columns are added."""

    def __init__(self) -> None:
        from ortools.linear_solver import pywraplp  # noqa: PLC0415 - takes a second to import

        untyped: Any = pywraplp
        self._program: Any = untyped.Solver.CreateSolver("GLOP")
        self._program.SetSolverSpecificParametersAsString(PARAMETERS)
        self._infinity: float = self._program.infinity()
        self._optimal: int = self._program.OPTIMAL
        self._from_scratch: Any = untyped.MPSolverParameters()
        self._from_scratch.SetIntegerParam(
            self._from_scratch.INCREMENTALITY, self._from_scratch.INCREMENTALITY_OFF
        )
        self._objective: Any = self._program.Objective()
        self._objective.SetMaximization()
        self._variables: list[Any] = []
        self._rows: list[Any] = []

    def variable(self, worth: float = 0.0) -> int:
        """A new non-negative variable and its coefficient in the objective."""
        variable = self._program.NumVar(0.0, self._infinity, "")
        if worth:
            self._objective.SetCoefficient(variable, worth)
        self._variables.append(variable)
        return len(self._variables) - 1

    def at_most(self, bound: float) -> int:
        """A new row without terms, at most the bound."""
        self._rows.append(self._program.Constraint(-self._infinity, bound))
        return len(self._rows) - 1

    def exactly(self, value: float) -> int:
        """A new row without terms, equal to the value."""
        self._rows.append(self._program.Constraint(value, value))
        return len(self._rows) - 1

    def term(self, row: int, variable: int, coefficient: float) -> None:
        """Set the coefficient of a variable in a row."""
        self._rows[row].SetCoefficient(self._variables[variable], coefficient)

    def solve(self) -> float | None:
        """The optimum; None where GLOP fails, from the last basis and then from none."""
        found = self._program.Solve() == self._optimal
        if not found:
            found = self._program.Solve(self._from_scratch) == self._optimal
        return self._objective.Value() if found else None

    def dual(self, row: int) -> float:
        """What a unit of the row's bound is worth."""
        return self._rows[row].dual_value()

    def value(self, variable: int) -> float:
        """The variable in the optimum."""
        return self._variables[variable].solution_value()
