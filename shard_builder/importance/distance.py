"""How far an output is from the full-precision output, sentence by sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from shard_builder.errors import ProfileError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from plan_contracts import Architecture
    from shard_runtime.weights import FloatArray

    Distances = NDArray[np.float64]

FEWEST_LABELS = 2


class Metric(NamedTuple):
    """A distance, and what its negative is called in an importance table."""

    name: str
    unit: str
    distance: Callable[[FloatArray, FloatArray], Distances]


def metric_of(architecture: Architecture) -> Metric:
    """Kullback-Leibler divergence for classifiers, cosine distance for encoders.

    ProfileError for a classifier with one label: a single logit has no distribution.
    """
    if architecture.head != "classifier":
        return Metric("negative_cosine_distance", "1", cosine_distance)
    if len(architecture.labels) < FEWEST_LABELS:
        message = (
            f"a classifier must have at least {FEWEST_LABELS} labels to be profiled, "
            f"got {len(architecture.labels)}"
        )
        raise ProfileError(message)
    return Metric("negative_kl", "nats", kl_divergence)


def kl_divergence(reference: FloatArray, output: FloatArray) -> Distances:
    """KL(softmax(reference) || softmax(output)) of each row of logits, in nats."""
    log_p, log_q = _log_softmax(reference), _log_softmax(output)
    return (np.exp(log_p) * (log_p - log_q)).sum(axis=1)


def cosine_distance(reference: FloatArray, output: FloatArray) -> Distances:
    """1 - cos of the angle between the rows, as half the squared distance of unit vectors.

    1 - dot would lose the small distances to rounding.
    """
    difference = _unit_rows(reference) - _unit_rows(output)
    return np.square(difference).sum(axis=1) / 2


def _log_softmax(logits: FloatArray) -> Distances:
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _unit_rows(rows: FloatArray) -> Distances:
    values = rows.astype(np.float64)
    return values / np.linalg.norm(values, axis=1, keepdims=True)
