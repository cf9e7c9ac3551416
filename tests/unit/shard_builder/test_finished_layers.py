from __future__ import annotations

from typing import TYPE_CHECKING

from shard_builder.finished_layers import FinishedLayers

if TYPE_CHECKING:
    from pathlib import Path

LAYER = {2: [b"ab", b""], 32: [b"cde", b"f"]}


def test_a_layer_reads_back_as_it_was_saved(tmp_path: Path) -> None:
    finished = FinishedLayers(tmp_path / "layers", "sha")
    finished.save(1, LAYER)
    assert finished.load(1) == LAYER


def test_many_slices_keep_their_order(tmp_path: Path) -> None:
    finished = FinishedLayers(tmp_path / "layers", "sha")
    many = {3: [bytes([index]) for index in range(12)]}
    finished.save(0, many)
    assert finished.load(0) == many


def test_layers_that_were_not_saved_are_missing(tmp_path: Path) -> None:
    finished = FinishedLayers(tmp_path / "layers", "sha")
    finished.save(1, LAYER)
    assert finished.missing(3) == [0, 2]


def test_layers_of_another_build_are_not_seen(tmp_path: Path) -> None:
    FinishedLayers(tmp_path / "layers", "one").save(0, LAYER)
    assert FinishedLayers(tmp_path / "layers", "two").missing(1) == [0]


def test_a_layer_cut_off_by_a_kill_is_missing(tmp_path: Path) -> None:
    finished = FinishedLayers(tmp_path / "layers", "sha")
    finished.save(0, LAYER)
    (tmp_path / "layers" / "sha-0.npz").rename(tmp_path / "layers" / "sha-0.unfinished")
    assert finished.missing(1) == [0]


def test_nothing_is_there_before_the_first_and_after_the_end(tmp_path: Path) -> None:
    finished = FinishedLayers(tmp_path / "layers", "sha")
    assert list(tmp_path.iterdir()) == []
    finished.save(0, LAYER)
    finished.remove()
    assert list(tmp_path.iterdir()) == []
