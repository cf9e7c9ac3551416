"""Simulates plans: a discrete-event model, and the same as a recursion for many runs."""

from simulator.plot import gantt
from simulator.report import SimulationReport
from simulator.run import execute, monte_carlo, simulate, simulate_with_buffer, summarise
from simulator.trace import chrome_trace, to_trace
from simulator.workload import Deadlock

__all__ = [
    "Deadlock",
    "SimulationReport",
    "chrome_trace",
    "execute",
    "gantt",
    "monte_carlo",
    "simulate",
    "simulate_with_buffer",
    "summarise",
    "to_trace",
]
