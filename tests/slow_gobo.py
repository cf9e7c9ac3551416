"""GOBO written out plainly, one weight at a time; and shards decoded by the format's own text."""

from __future__ import annotations

import math
import re
import struct
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FORMAT = Path(__file__).parents[1] / "docs" / "formats" / "shard-store.md"


def slow_outliers(weights: Sequence[float]) -> list[bool]:
    """Whether each weight's Gaussian log-density is below -4."""
    mean = math.fsum(weights) / len(weights)
    variance = math.fsum((weight - mean) ** 2 for weight in weights) / len(weights)
    if variance == 0:
        return [False] * len(weights)
    return [
        -((weight - mean) ** 2) / (2 * variance) - math.log(2 * math.pi * variance) / 2 < -4
        for weight in weights
    ]


def slow_table(inliers: Sequence[float], entries: int) -> list[float]:
    """Centroids from groups of equal size, refined until the total distance stops falling."""
    values = sorted(inliers)
    starts = [index * len(values) // entries for index in range(entries + 1)]
    table = [
        _mean(values[start:end]) if end > start else values[min(start, len(values) - 1)]
        for start, end in pairwise(starts)
    ]
    best, least = table, math.inf
    while True:
        groups: list[list[float]] = [[] for _ in table]
        for value in values:
            groups[slow_nearest(value, table)].append(value)
        distance = math.fsum(
            abs(value - centre)
            for centre, group in zip(table, groups, strict=True)
            for value in group
        )
        if distance >= least:
            return best
        best, least = table, distance
        table = [
            _mean(group) if group else centre for centre, group in zip(table, groups, strict=True)
        ]


def slow_nearest(value: float, table: Sequence[float]) -> int:
    """Index of the nearest entry; ties to the lower one."""
    return min(range(len(table)), key=lambda index: (abs(value - table[index]), index))


def decode_by_the_format(encoded: bytes, bits: int, sizes: Sequence[int]) -> list[list[float]]:
    """The six matrices of a shard, by the function that docs/formats/shard-store.md prints."""
    if bits == 32:
        numbers = list(struct.unpack(f"<{sum(sizes)}f", encoded))
        starts = [sum(sizes[:index]) for index in range(len(sizes))]
        return [numbers[start : start + size] for start, size in zip(starts, sizes, strict=True)]
    counts = struct.unpack_from("<6I", encoded)
    decode, at = _printed_function(), 24
    matrices: list[list[float]] = []
    for count, size in zip(counts, sizes, strict=True):
        matrix, at = decode(encoded, at, count, size, bits)
        matrices.append(matrix)
    assert at == len(encoded)
    return matrices


def _printed_function() -> Callable[..., tuple[list[float], int]]:
    found = re.search(r"```python\n(.*?)```", FORMAT.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(found.group(1), names)  # noqa: S102 - the project's own documentation
    return names["decode_matrix"]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
