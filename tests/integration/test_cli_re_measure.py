"""`shardstream plan --re-measure`: plans of a tiny model, measured before one is taken."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from checkpoints import TINY, write_checkpoint
from command_line import Done, shardstream
from plan_contracts import Plan
from shard_builder.checkpoint import read_checkpoint
from shard_builder.commands import ProfileOptions, profile
from shard_builder.store_writer import StoreOptions, build_store

if TYPE_CHECKING:
    from pathlib import Path

LENGTH = 8


def device() -> dict[str, Any]:
    return {
        "name": "bench",
        "provenance": {"kind": "synthetic", "source": "hand-made", "date": "2026-11-21"},
        "memory_bytes": 1_000_000,
        "storage": {"bandwidth_bytes_per_s": 10_000_000},
        "compute": [
            {
                "target": "cpu",
                "geometry": {"hidden": TINY.hidden, "heads": TINY.heads, "ffn": TINY.ffn},
                "sequence_length": LENGTH,
                "layer_us": {"1": 100, "3": 200},
                "shard_decode_us": {"2": 10, "32": 0},
            }
        ],
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store, its table, a task and a request."""
    folder = tmp_path_factory.mktemp("re-measure")
    checkpoint = read_checkpoint(write_checkpoint(folder / "checkpoint"))
    build_store(checkpoint, folder / "store", options=StoreOptions(bitwidths=(2, 32)))
    (folder / "text").write_text("w5 w6 w7\nw8 w9\nw10 w11 w12 w13\nw14\n")
    options = ProfileOptions(text=folder / "text", sequence_length=LENGTH)
    profile(folder / "store", folder / "table.json", options=options)
    (folder / "task.tsv").write_text("label\tsentence\n0\tw1 w2\n2\tw3\n1\tw4 w5 w6\n")
    request = {"device": device(), "target": {"latency_us": 2000, "sequence_length": LENGTH}}
    (folder / "request.json").write_text(json.dumps(request))
    return folder


def planned(folder: Path, *options: object) -> Done:
    documents = ("--model", folder / "store", "--importance", folder / "table.json")
    return shardstream("plan", folder / "request.json", *documents, *options)


def test_every_plan_is_shown_as_predicted_and_as_measured(folder: Path) -> None:
    done = planned(folder, "--re-measure", 2, "--dataset", folder / "task.tsv")
    assert done.returncode == 0
    for word in ("predicted", "measured", "accuracy", "chosen", "uniform"):
        assert word in done.stdout


def test_the_table_of_measured_plans_fits_a_narrow_terminal(folder: Path) -> None:
    done = planned(folder, "--re-measure", 2, "--dataset", folder / "task.tsv")
    assert "…" not in done.stdout


@pytest.mark.parametrize("option", ["--store", "--dataset", "--sentences"])
def test_what_is_to_be_measured_on_needs_the_measuring(folder: Path, option: str) -> None:
    done = planned(folder, option, folder / "task.tsv")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{option} needs --re-measure" in done.stderr


def test_the_plan_written_is_the_one_that_measured_best(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    options = ("--sentences", folder / "text", "--json", "--out", out)
    found = json.loads(planned(folder, "--re-measure", 3, *options).stdout)
    scores = [plan["score"] for plan in found["plans"]]
    assert scores[0] == max(scores)
    assert Plan.from_file(out).computed_id() == found["plans"][0]["plan_id"]
    assert found["plans"][0]["accuracy"] is None


def test_what_was_measured_is_what_evaluate_measures(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    texts = ("--dataset", folder / "task.tsv")
    chosen = json.loads(planned(folder, "--re-measure", 1, *texts, "--json", "--out", out).stdout)
    evaluated = json.loads(
        shardstream("evaluate", out, "--store", folder / "store", *texts, "--json").stdout
    )
    assert evaluated["score"] == pytest.approx(chosen["plans"][0]["score"], rel=1e-4)
    assert evaluated["accuracy"]["plan"]["share"] == chosen["plans"][0]["accuracy"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--re-measure", 0], "must be 1..20, got 0"),
        (["--re-measure", 2, "--label-column", "gold"], "got 'gold'"),
    ],
)
def test_bad_input_is_named(folder: Path, options: list[object], said: str) -> None:
    done = planned(folder, *options, "--dataset", folder / "task.tsv")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_measuring_needs_texts(folder: Path) -> None:
    done = planned(folder, "--re-measure", 2)
    assert (done.returncode, "got neither" in done.stderr) == (2, True)


def test_measuring_needs_a_store(folder: Path) -> None:
    documents = ("--model", folder / "store/manifest.json", "--importance", folder / "table.json")
    request = folder / "request.json"
    done = shardstream("plan", request, *documents, "--re-measure", 1, "--sentences", "text")
    assert (done.returncode, "needs a --store" in done.stderr) == (2, True)


def test_the_store_must_be_of_the_requests_model(folder: Path, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(write_checkpoint(tmp_path / "other", seed=1))
    build_store(checkpoint, tmp_path / "store", options=StoreOptions(bitwidths=(2, 32)))
    options = ("--store", tmp_path / "store", "--sentences", folder / "text")
    done = planned(folder, "--re-measure", 1, *options)
    assert (done.returncode, "must be of the request's model" in done.stderr) == (2, True)
