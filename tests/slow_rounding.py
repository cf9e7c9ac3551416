"""k-means, compensated rounding, refit and descent written out plainly, one weight at a time."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]


def slow_nearest(value: float, table: Sequence[float]) -> int:
    """Index of the nearest entry; ties to the lower one."""
    return min(range(len(table)), key=lambda index: (abs(value - table[index]), index))


def squared_distance(values: Sequence[float], table: Sequence[float]) -> float:
    """Sum over the values of the squared distance to the nearest entry."""
    return sum(min((value - entry) ** 2 for entry in table) for value in values)


def least_squared_distance(values: Sequence[float], entries: int) -> float:
    """The best of all ways to cut the rising values into groups with a mean each."""
    rising = sorted(values)
    places = range(1, len(rising))
    best = float("inf")
    for cuts in itertools.combinations(places, entries - 1):
        edges = (0, *cuts, len(rising))
        groups = [rising[low:high] for low, high in itertools.pairwise(edges)]
        means = [sum(group) / len(group) for group in groups]
        total = sum(
            (value - mean) ** 2
            for group, mean in zip(groups, means, strict=True)
            for value in group
        )
        best = min(best, total)
    return best


def slow_error(weights: Values, rounded: Values, moments: Values) -> float:
    """Sum over the columns of (w - q)^T H (w - q), term by term."""
    inputs, outputs = weights.shape
    total = 0.0
    for output in range(outputs):
        for left in range(inputs):
            for right in range(inputs):
                total += (
                    (weights[left, output] - rounded[left, output])
                    * moments[left, right]
                    * (weights[right, output] - rounded[right, output])
                )
    return total


def slow_compensated(
    weights: Values, is_outlier: NDArray[np.bool_], table: Sequence[float], moments: Values
) -> list[list[int]]:
    """GPTQ one output at a time: after each weight the later ones move to their best values.

    Those are found by solving for them afresh, not from a factor: with errors d of the weights
    rounded so far, the rest r of least (d, r)^T H (d, r) is -H_rr^-1 H_rd d.
    """
    inputs, outputs = weights.shape
    codes = [[0] * outputs for _ in range(inputs)]
    for output in range(outputs):
        original = weights[:, output]
        errors: list[float] = []
        for place in range(inputs):
            wanted = original[place]
            if place:
                rest, done = slice(place, None), slice(0, place)
                shift = np.linalg.solve(moments[rest, rest], moments[rest, done] @ errors)
                wanted = original[place] + shift[0]
            code = slow_nearest(wanted, table)
            codes[place][output] = code
            value = original[place] if is_outlier[place, output] else table[code]
            errors.append(original[place] - value)
    return codes


def slow_refit(
    weights: Values,
    is_outlier: NDArray[np.bool_],
    codes: NDArray[np.intp],
    moments: Values,
    entries: int,
) -> NDArray[np.floating]:
    """The table of least error for fixed codes, by dense least squares over all outputs."""
    root = np.linalg.cholesky(moments).T
    rows: list[NDArray[np.floating]] = []
    wanted: list[NDArray[np.floating]] = []
    for output in range(weights.shape[1]):
        chosen = np.zeros((len(weights), entries))
        for place in range(len(weights)):
            if not is_outlier[place, output]:
                chosen[place, codes[place, output]] = 1
        target = np.where(is_outlier[:, output], 0, weights[:, output])
        rows.append(root @ chosen)
        wanted.append(root @ target)
    return np.linalg.lstsq(np.concatenate(rows), np.concatenate(wanted), rcond=None)[0]


def slow_descend(
    weights: Values,
    is_outlier: NDArray[np.bool_],
    table: Sequence[float],
    codes: NDArray[np.intp],
    moments: Values,
) -> NDArray[np.intp]:
    """Try every entry for one weight after another and keep the one of least error."""
    codes = codes.copy()
    for output in range(weights.shape[1]):
        for place in range(len(weights)):
            if is_outlier[place, output]:
                continue
            errors: list[float] = []
            for entry in range(len(table)):
                codes[place, output] = entry
                difference = weights[:, output] - np.where(
                    is_outlier[:, output],
                    weights[:, output],
                    np.asarray(table)[codes[:, output]],
                )
                errors.append(float(difference @ moments @ difference))
            codes[place, output] = int(np.argmin(errors))
    return codes
