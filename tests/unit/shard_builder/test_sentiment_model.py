"""The elastic example model that ships: its files, and what its card says of them."""

from __future__ import annotations

import json
from importlib import metadata

import pytest

from shard_builder.example_model import PACKAGE, SENTIMENT_FOLDER, sentiment_checkpoint

REPORT = json.loads((SENTIMENT_FOLDER / "training.json").read_bytes())
CARD = (SENTIMENT_FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")
MEGABYTE = 1_000_000


def table_of(card: str) -> dict[str, dict[str, str]]:
    """The first table of the card: accuracy by depth, then width."""
    lines = card[card.index("| depth | width") :].split("\n\n", maxsplit=1)[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    widths = [title.removeprefix("width ") for title in rows[0][1:]]
    return {row[0]: dict(zip(widths, row[1:], strict=True)) for row in rows[2:]}


def test_the_card_has_the_accuracies_of_the_report() -> None:
    expected = {
        depth: {width: f"{accuracy:.3f}" for width, accuracy in row.items()}
        for depth, row in REPORT["test"].items()
    }
    assert table_of(CARD) == expected


@pytest.mark.parametrize(
    ("option", "setting"),
    [
        ("--plain-epochs", "plain_epochs"),
        ("--elastic-epochs", "elastic_epochs"),
        ("--precision", "precision"),
        ("--seed", "seed"),
    ],
)
def test_the_cards_command_has_the_settings_of_the_report(option: str, setting: str) -> None:
    assert f"{option} {REPORT['settings'][setting]}" in CARD


def test_the_weights_are_small_enough_to_ship() -> None:
    assert (SENTIMENT_FOLDER / "model.safetensors").stat().st_size <= 25 * MEGABYTE


def test_the_model_and_the_packages_embeddings_are_an_elastic_classifier() -> None:
    try:
        metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        pytest.skip("the example model is not installed here")
    checkpoint = sentiment_checkpoint()
    assert checkpoint.architecture.labels == ("negative", "positive")
    assert (len(checkpoint.layers), checkpoint.geometry.heads) == (6, 12)
    assert checkpoint.elasticity is not None
    assert checkpoint.elasticity.slice_selection == "prefix"
    assert checkpoint.elasticity.depths == (2, 3, 4, 5, 6)
    assert checkpoint.elasticity.widths == tuple(range(3, 13))
    assert checkpoint.tokenizer is not None
