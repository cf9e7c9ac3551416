from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from plan_contracts import Architecture
from shard_builder.errors import ProfileError
from shard_builder.importance.distance import cosine_distance, kl_divergence, metric_of

if TYPE_CHECKING:
    from shard_runtime.weights import FloatArray


def rows(*values: list[float]) -> FloatArray:
    return np.array(values, dtype=np.float32)


def architecture(**fields: object) -> Architecture:
    content = {
        "family": "bert",
        "vocabulary": 4,
        "maximum_positions": 4,
        "layer_norm_epsilon": 1e-12,
        "activation": "gelu",
        "head": "classifier",
        "labels": ("no", "yes"),
    }
    return Architecture.model_validate(content | fields)


def test_kl_of_two_coins() -> None:
    logits = rows([0.0, math.log(3)]), rows([0.0, 0.0])
    expected = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    assert kl_divergence(*logits) == pytest.approx([expected])


def test_kl_ignores_what_is_added_to_all_logits() -> None:
    assert kl_divergence(rows([1, 2]), rows([101, 102])) == pytest.approx([0], abs=1e-6)


def test_kl_of_far_logits_is_finite() -> None:
    assert kl_divergence(rows([1000, 0]), rows([0, 1000])) == pytest.approx([1000])


def test_cosine_distance_of_a_right_angle_is_1_and_ignores_lengths() -> None:
    found = cosine_distance(rows([3, 0], [1, 1]), rows([0, 5], [7, 7]))
    assert found == pytest.approx([1, 0])


def test_cosine_distance_keeps_small_angles() -> None:
    angle = 1e-5
    found = cosine_distance(rows([1, 0]), rows([1, angle]))
    assert found == pytest.approx([angle**2 / 2], rel=1e-6)


def test_classifiers_are_measured_in_nats() -> None:
    metric = metric_of(architecture())
    assert (metric.name, metric.unit) == ("negative_kl", "nats")


@pytest.mark.parametrize("head", ["mean_embedding", "cls_embedding"])
def test_encoders_are_measured_by_angle(head: str) -> None:
    metric = metric_of(architecture(head=head, labels=()))
    assert (metric.name, metric.unit) == ("negative_cosine_distance", "1")


def test_a_classifier_of_one_label_is_refused() -> None:
    with pytest.raises(ProfileError, match="at least 2 labels to be profiled, got 1"):
        metric_of(architecture(labels=("only",)))
