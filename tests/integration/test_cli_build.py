"""From a checkpoint to a simulated plan by commands alone; long ones can be interrupted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import (
    load_file,  # pyright: ignore[reportUnknownVariableType] - untyped
    save_file,  # pyright: ignore[reportUnknownVariableType] - untyped
)

from checkpoints import TINY, write_checkpoint
from command_line import shardstream
from plan_contracts import ModelManifest, Plan
from planner_api.commands import build

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shard_builder.importance import Profile

LENGTH = 8


@pytest.fixture
def store(tmp_path: Path) -> Path:
    checkpoint = write_checkpoint(tmp_path / "tiny")
    done = shardstream(
        "build", checkpoint, "--out", tmp_path / "store", "--bitwidths", 2, "--bitwidths", 32
    )
    assert (done.returncode, "2 layers x 3 slices" in done.stdout) == (0, True)
    return tmp_path / "store"


def text(folder: Path) -> Path:
    file = folder / "sentences.txt"
    file.write_text("w5 w6 w7\nw8 w9\nw10 w11 w12 w13\nw14\n")
    return file


def profile(store: Path) -> list[object]:
    table = store.parent / "table.json"
    sentences = text(store.parent)
    return [
        "profile-importance",
        store,
        "--out",
        table,
        "--text",
        sentences,
        "--sequence-length",
        LENGTH,
    ]


def device(folder: Path) -> Path:
    compute: dict[str, Any] = {
        "target": "cpu",
        "geometry": {"hidden": TINY.hidden, "heads": TINY.heads, "ffn": TINY.ffn},
        "sequence_length": LENGTH,
        "layer_us": {"1": 100, "3": 200},
        "shard_decode_us": {"2": 10, "32": 0},
    }
    document = {
        "name": "bench",
        "provenance": {"kind": "synthetic", "source": "hand-made", "date": "2026-11-21"},
        "memory_bytes": 1_000_000,
        "storage": {"bandwidth_bytes_per_s": 10_000_000},
        "compute": [compute],
    }
    file = folder / "device.json"
    file.write_text(json.dumps(document))
    return file


def test_a_checkpoint_becomes_a_plan_that_simulates(store: Path) -> None:
    folder = store.parent
    assert shardstream(*profile(store)).returncode == 0
    request = folder / "request.json"
    request.write_text(json.dumps({"target": {"latency_us": 2000, "sequence_length": LENGTH}}))
    documents = ("--device", device(folder), "--model", store)
    out = folder / "plan.json"
    planned = shardstream(
        "plan", request, *documents, "--importance", folder / "table.json", "--out", out
    )
    assert planned.returncode == 0
    simulated = shardstream("simulate", out, *documents, "--json")
    plan = Plan.from_file(out)
    assert json.loads(simulated.stdout)["latency_us"] == plan.predicted.latency_us
    assert all(read.sha256 for read in (*plan.reads, *plan.preload_reads))


def test_a_store_offers_the_bitwidths_asked_for(store: Path) -> None:
    assert ModelManifest.from_file(store / "manifest.json").bitwidths == (2, 32)


def test_doubts_about_the_text_go_to_stderr(store: Path) -> None:
    done = shardstream(*profile(store))
    assert done.returncode == 0
    assert (
        "warning: sentences.txt should have at least 64 sentences to be measured on, got 4"
        in done.stderr.splitlines()
    )


def test_an_empty_text_is_bad_input(store: Path) -> None:
    arguments = profile(store)
    (store.parent / "sentences.txt").write_text("\n")
    done = shardstream(*arguments)
    assert done.returncode == 2
    assert "must have at least 1 line of text, got none" in done.stderr
    assert not (store.parent / "table.json").exists()


def test_a_table_in_the_place_of_a_folder_is_refused_before_it_is_measured(store: Path) -> None:
    arguments = profile(store)
    (store.parent / "table.json").mkdir()
    done = shardstream(*arguments)
    assert done.returncode == 2
    assert "a table must be written to a file, got the folder" in done.stderr
    assert not (store.parent / "table.json.measurements.jsonl").exists()


def test_progress_goes_to_stderr(store: Path) -> None:
    done = shardstream(*profile(store))
    assert "measurements" in done.stderr
    assert "measurements" not in done.stdout


def interrupting_after(steps: int) -> Callable[..., Profile]:
    """The profile function, with Ctrl-C pressed after some measurements."""

    def profile_and_stop(*arguments: Any, progress: Any, **options: Any) -> Profile:  # noqa: ANN401 - passed on
        def stop(done: int, total: int) -> None:
            progress(done, total)
            if done == steps:
                raise KeyboardInterrupt

        return original(*arguments, progress=stop, **options)

    original = build.profile
    return profile_and_stop


def test_an_interrupted_profile_goes_on_to_the_same_table(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = store.parent / "table.json"
    assert shardstream(*profile(store)).returncode == 0
    whole = table.read_bytes()
    table.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(build, "profile", interrupting_after(5))
        stopped = shardstream(*profile(store))
    assert (stopped.returncode, table.exists()) == (130, False)
    assert shardstream(*profile(store)).returncode == 0
    assert table.read_bytes() == whole


def test_an_interrupted_build_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    checkpoint = write_checkpoint(tmp_path / "tiny")
    monkeypatch.setattr("shard_builder.store_writer.encode_layer", interrupt)
    done = shardstream("build", checkpoint, "--out", tmp_path / "store")
    assert done.returncode == 130
    assert [file.name for file in tmp_path.iterdir()] == ["tiny"]


def quantiser(store: Path) -> tuple[str, str | None]:
    index = ModelManifest.from_file(store / "manifest.json").store
    assert index is not None
    return index.quantiser, index.calibration


def test_a_build_is_calibrated_on_a_text_and_doubts_one_of_few_sentences(tmp_path: Path) -> None:
    checkpoint, out = write_checkpoint(tmp_path / "tiny"), tmp_path / "store"
    done = shardstream("build", checkpoint, "--out", out, "--calibration", text(tmp_path))
    name, calibration = quantiser(out)
    assert (done.returncode, name) == (0, "compensated")
    assert (calibration or "").startswith("4 texts of sentences.txt, sha256:")
    assert "quantiser: compensated" in done.stdout
    assert "warning: sentences.txt should have at least 64 sentences" in done.stderr


def test_a_build_can_be_calibrated_on_the_reviews_that_ship(tmp_path: Path) -> None:
    checkpoint, out = write_checkpoint(tmp_path / "tiny"), tmp_path / "store"
    done = shardstream("build", checkpoint, "--out", out, "--calibration", "example")
    _, calibration = quantiser(out)
    assert (done.returncode, (calibration or "")[:29]) == (0, "96 texts of calibration.txt, ")


@pytest.mark.parametrize("name", ["gobo", "gobo-layer", "kmeans"])
def test_a_build_by_a_quantiser_that_needs_no_text(tmp_path: Path, name: str) -> None:
    checkpoint, out = write_checkpoint(tmp_path / "tiny"), tmp_path / "store"
    done = shardstream("build", checkpoint, "--out", out, "--quantiser", name)
    assert (done.returncode, quantiser(out)) == (0, (name, None))


def test_a_checkpoint_with_nan_is_refused_by_the_name_of_its_tensor(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "tiny")
    tensors = load_file(checkpoint / "model.safetensors")
    spoilt = next(name for name in tensors if name.endswith("1.intermediate.dense.weight"))
    tensors[spoilt][2, 3] = np.nan
    save_file(tensors, checkpoint / "model.safetensors")
    done = shardstream("build", checkpoint, "--out", tmp_path / "store")
    assert (done.returncode, done.stdout) == (2, "")
    assert "1.intermediate.dense.weight must be finite, got 1 values" in done.stderr
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--bitwidths", 7], "bitwidth must be one of"),
        (["--quantiser", "gptq"], "'gptq' is not one of"),
        (["--quantiser", "compensated"], "needs a calibration text, got none"),
        (["--quantiser", "gobo", "--calibration", "text.txt"], "takes no calibration text, got"),
        (["--calibration", "nowhere.txt"], "nowhere.txt must be a text file in UTF-8"),
        (["--workers", 0], "workers"),
    ],
)
def test_a_wrong_option_of_build_is_named(tmp_path: Path, options: list[object], said: str) -> None:
    checkpoint = write_checkpoint(tmp_path / "tiny")
    done = shardstream("build", checkpoint, "--out", tmp_path / "store", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (tmp_path / "store").exists()
