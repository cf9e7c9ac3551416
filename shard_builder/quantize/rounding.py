"""Rounding onto a table so that the errors of a row of weights cancel in its outputs.

The error of a matrix is the sum over its rows of (w - q)^T H (w - q), H the second moments of the
inputs. Rounding one weight after another, each error is made up for by the weights still to come
(GPTQ: Frantar et al. 2022, onto a table instead of a grid). Then two steps that only ever lower
the error take turns: the table by least squares for the codes as they are, and each code in turn
for the table and the other codes as they are (coordinate descent, as in QuantEase: Behdin et al.
2023).

Arrays are [inputs, outputs] here: a row holds what one input is multiplied with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from shard_builder.quantize.rising import halfway

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shard_builder.moments import MomentArray
    from shard_builder.quantize.rising import Table

    Values = NDArray[np.float64]
    Mask = NDArray[np.bool_]

DAMPING = 0.2
"""Added to the diagonal of H, as a share of its mean.

Few tokens leave directions unseen, and where the layers before are rounded as well inputs differ
from those measured: on held-out text this did better than GPTQ's .01.
"""
REFIT_PULL = 1e-6
"""How strongly a refit is drawn to the old table, as a share of the mean diagonal."""
BLOCK_INPUTS = 32
"""Inputs whose errors are handed to all later ones at once."""


class Rounded(NamedTuple):
    """A table, rising and of float32 values, and an index into it for every weight."""

    table: Table
    codes: NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class RankedInputs:
    """Damped second moments with the inputs by falling power, and what compensation takes of them.

    `order[i]` is the input at place i. `factor` is the upper U with U^T U = the moments' inverse.
    """

    order: NDArray[np.intp]
    moments: MomentArray
    factor: MomentArray

    @classmethod
    def of(cls, moments: MomentArray) -> Self:
        """Inputs without any power count alike."""
        power = np.diag(moments)
        level = float(power.mean())
        damped = moments + DAMPING * level * np.eye(len(moments)) if level else np.eye(len(moments))
        order = np.argsort(-power, kind="stable")
        ordered = damped[np.ix_(order, order)]
        factor = np.linalg.cholesky(np.linalg.inv(ordered)).T
        return cls(order=order, moments=ordered, factor=factor.astype(np.float64, order="C"))


@dataclass(frozen=True, kw_only=True)
class Target:
    """Weights to round, [inputs in order, outputs]; outliers keep their value."""

    weights: Values
    is_outlier: Mask
    inputs: RankedInputs

    def rounded_weights(self, rounded: Rounded) -> Values:
        """What the rounding makes of the weights."""
        return np.where(self.is_outlier, self.weights, rounded.table[rounded.codes])

    def error(self, rounded: Rounded) -> float:
        """Sum over the outputs of (w - q)^T H (w - q), H damped."""
        difference = self.weights - self.rounded_weights(rounded)
        return float(np.einsum("co,co->", difference, self.inputs.moments @ difference))


def round_compensated(target: Target, table: Table) -> Rounded:
    """Round input by input; what an error does to the outputs, later weights take back."""
    factor, middles = target.inputs.factor, halfway(table)
    left = target.weights.copy()
    codes = np.zeros(left.shape, dtype=np.intp)
    for start in range(0, len(left), BLOCK_INPUTS):
        end = min(start + BLOCK_INPUTS, len(left))
        errors = np.zeros((end - start, left.shape[1]))
        for place in range(start, end):
            codes[place] = middles.searchsorted(left[place])
            rounded = np.where(target.is_outlier[place], target.weights[place], table[codes[place]])
            error = (left[place] - rounded) / factor[place, place]
            left[place + 1 : end] -= factor[place, place + 1 : end, None] * error
            errors[place - start] = error
        left[end:] -= factor[start:end, end:].T @ errors
    return Rounded(table, codes)


def refit(target: Target, rounded: Rounded) -> Rounded:
    """The table of least error for these codes; rising, so codes are renamed with its entries.

    Entries that no code uses stay. Returned as it came if the error would not fall.
    """
    entries = rounded.table.size
    chosen = rounded.codes[:, :, None] == np.arange(entries)
    chosen = (chosen & ~target.is_outlier[:, :, None]).astype(np.float64)
    flat = chosen.reshape(len(chosen), -1)
    weighted = (target.inputs.moments @ flat).reshape(chosen.shape)
    normal = np.tensordot(weighted, chosen, axes=([0, 1], [0, 1]))
    inliers = np.where(target.is_outlier, 0.0, target.weights)
    wanted = np.tensordot(weighted, inliers, axes=([0, 1], [0, 1]))
    pull = REFIT_PULL * float(np.diag(normal).mean())
    if pull == 0:
        return rounded
    solved = np.linalg.solve(normal + pull * np.eye(entries), wanted + pull * rounded.table)
    order = np.argsort(solved, kind="stable")
    renamed = np.argsort(order, kind="stable")
    candidate = Rounded(_as_stored(solved[order]), renamed[rounded.codes])
    return candidate if target.error(candidate) < target.error(rounded) else rounded


def descend(target: Target, rounded: Rounded) -> Rounded:
    """Give every weight in turn the code of least error beside all others as they are."""
    table, moments = rounded.table, target.inputs.moments
    middles, powers = halfway(table), np.diag(moments)
    codes = rounded.codes.copy()
    before = target.rounded_weights(rounded)
    slopes = moments @ (target.weights - before)
    for start in range(0, len(codes), BLOCK_INPUTS):
        block = slice(start, start + BLOCK_INPUTS)
        wanted: Values = before[block] + slopes[block] / powers[block, None]
        # Steps within the block change what its later weights want; the others wait for its end.
        share = moments[block, block] / powers[block, None]
        steps = np.zeros(wanted.shape)
        for place in range(len(wanted)):
            row: Values = wanted[place]
            best = middles.searchsorted(row)
            is_outlier = target.is_outlier[start + place]
            codes[start + place] = np.where(is_outlier, codes[start + place], best)
            steps[place] = np.where(is_outlier, 0.0, table[best] - before[start + place])
            wanted[place + 1 :] -= share[place + 1 :, place, None] * steps[place]
        slopes -= moments[:, block] @ steps
    return Rounded(table, codes)


def _as_stored(table: NDArray[np.floating]) -> Table:
    """Rounded to what the store keeps: the error is that of the stored entries."""
    return table.astype(np.float32).astype(np.float64)


def best_rounding(target: Target, table: Table, rounds: int) -> Rounded:
    """Compensated rounding onto the table, then `rounds` of descent and refit, descent last."""
    rounded = descend(target, round_compensated(target, _as_stored(table)))
    for _ in range(rounds):
        rounded = descend(target, refit(target, rounded))
    return rounded
