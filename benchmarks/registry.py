"""The benchmarks by name; each returns its numbers as one dataclass or several."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import DataclassInstance

    Measured = DataclassInstance | tuple[DataclassInstance, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """What is measured, and the function that measures it; its module is loaded when it runs.

    has_quick: the function takes `quick`, for a few cases of each kind.
    """

    about: str
    module: str
    function: str
    has_quick: bool = False


BENCHMARKS = {
    "explore": Benchmark(
        about="100 moves of a latency slider at 12x12 over HTTP: time to the first answer, by part",
        module="benchmarks.explore",
        function="measure",
    ),
    "frontier": Benchmark(
        about="Frontiers of 50 latencies x 10 preload buffers at 12x12, each point to 0.5 %",
        module="benchmarks.frontier",
        function="measure",
    ),
    "optimizer-speed": Benchmark(
        about="The certified optimiser: time to its proof, and how close it comes",
        module="benchmarks.optimizer",
        function="measure",
        has_quick=True,
    ),
    "optimizer-rivals": Benchmark(
        about="The certified optimiser beside integer programs and the baselines",
        module="benchmarks.rivals",
        function="measure",
        has_quick=True,
    ),
    "page": Benchmark(
        about="100 moves of a latency slider at 12x12 on the page: time to repaint, by part",
        module="benchmarks.page",
        function="measure",
    ),
    "quantile": Benchmark(
        about="Latency targets that 95 % of runs keep to: share on fresh runs, cost in score",
        module="benchmarks.quantile",
        function="measure",
    ),
    "simulator-speed": Benchmark(
        about="1,000 latencies of a 12 x 12 plan under jitter: recursion beside SimPy",
        module="benchmarks.simulator",
        function="measure_speed",
    ),
    "simulator-agreement": Benchmark(
        about="Random plans: simulation, recursion and prediction, bit for bit",
        module="benchmarks.simulator",
        function="measure_agreement",
    ),
}


def measured_by(benchmark: Benchmark, *, quick: bool) -> tuple[DataclassInstance, ...]:
    """Run it; with few cases if it must be quick and can be."""
    measure = cast("Callable[..., Measured]", _function_of(benchmark))
    measured = measure(quick=True) if quick and benchmark.has_quick else measure()
    return measured if isinstance(measured, tuple) else (measured,)


def rows_of(measured: tuple[DataclassInstance, ...]) -> list[dict[str, Any]]:
    """One row for each dataclass."""
    return [asdict(row) for row in measured]


def shortfalls_of(measured: tuple[DataclassInstance, ...]) -> list[str]:
    """What the figures should show and do not, as far as their dataclasses know it."""
    judges = [getattr(row, "shortfalls", None) for row in measured]
    return [shortfall for judge in judges if judge for shortfall in judge()]


def _function_of(benchmark: Benchmark) -> object:
    return getattr(import_module(benchmark.module), benchmark.function)
