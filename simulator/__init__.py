"""Simulates plans: a discrete-event model, and the same as a recursion for many runs."""

from simulator.calibration import Calibration, MeasuredRun, calibrate, hit_probability
from simulator.conditions import Conditions, PageCache
from simulator.plot import gantt
from simulator.report import SimulationReport
from simulator.run import execute, monte_carlo, simulate, simulate_with_buffer, summarise
from simulator.session import Retention, Turn, run_session, session_latencies
from simulator.speed import SpeedSchedule, shared_with
from simulator.trace import chrome_trace, to_trace
from simulator.workload import Deadlock

__all__ = [
    "Calibration",
    "Conditions",
    "Deadlock",
    "MeasuredRun",
    "PageCache",
    "Retention",
    "SimulationReport",
    "SpeedSchedule",
    "Turn",
    "calibrate",
    "chrome_trace",
    "execute",
    "gantt",
    "hit_probability",
    "monte_carlo",
    "run_session",
    "session_latencies",
    "shared_with",
    "simulate",
    "simulate_with_buffer",
    "summarise",
    "to_trace",
]
