from __future__ import annotations

import pytest

from shard_builder.elastic.settings import TrainingSettings
from shard_builder.errors import TrainingError


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"batch_rows": 0}, "batch_rows must be at least 1, got 0"),
        ({"held_out_rows": 0}, "held_out_rows must be at least 1, got 0"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"plain_epochs": 0.0}, r"plain_epochs must be above 0 and finite, got 0\.0"),
        (
            {"elastic_learning_rate": -1e-4},
            "elastic_learning_rate must be above 0 and finite, got -0.0001",
        ),
        ({"elastic_epochs": float("inf")}, "elastic_epochs must be above 0 and finite, got inf"),
        ({"temperature": 0}, "temperature must be above 0 and finite, got 0"),
        ({"dropout": 1.0}, r"dropout must be at least 0 and below 1, got 1\.0"),
        ({"weight_decay": -0.1}, r"weight_decay must be at least 0, got -0\.1"),
        ({"precision": "float16"}, "precision must be one of float32, bfloat16, got float16"),
    ],
)
def test_values_outside_their_range_are_refused(fields: dict[str, object], rule: str) -> None:
    with pytest.raises(TrainingError, match=rule):
        TrainingSettings(**fields)  # pyright: ignore[reportArgumentType] - fields by name


def test_depths_from_two_and_widths_from_a_quarter_are_trained_unless_told() -> None:
    settings = TrainingSettings()
    assert settings.depths_of(6) == (2, 3, 4, 5, 6)
    assert settings.widths_of(12) == (3, 4, 5, 6, 7, 8, 9, 10, 11, 12)


def test_a_model_of_one_layer_and_one_head_is_trained_as_a_whole() -> None:
    settings = TrainingSettings()
    assert (settings.depths_of(1), settings.widths_of(1)) == ((1,), (1,))


@pytest.mark.parametrize("depths", [(), (0, 6), (3, 3, 6), (4, 5), (6, 7)])
def test_depths_rise_up_to_the_whole_model(depths: tuple[int, ...]) -> None:
    with pytest.raises(TrainingError, match=r"depths must rise strictly within 1\.\.6 and end"):
        TrainingSettings(depths=depths).depths_of(6)


def test_the_widths_asked_for_are_taken() -> None:
    assert TrainingSettings(widths=(4, 8, 12)).widths_of(12) == (4, 8, 12)
