"""Loading the solvers ahead of time."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import planner_api.optimizer.search
from planner_api.optimizer.warm_up import MODULES, load_solvers
assert not any(module in sys.modules for module in MODULES)
load_solvers()
before = set(sys.modules)
import planner_api.optimizer.programs.cp_sat as cp_sat
from planner_api.optimizer.bounding.glop import LinearProgram
cp_sat.new_model(), LinearProgram()
assert set(sys.modules) == before, set(sys.modules) - before
"""


def test_the_search_loads_solvers_late_and_loading_them_leaves_nothing_to_load() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
