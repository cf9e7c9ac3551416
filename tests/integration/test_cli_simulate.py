"""`shardstream simulate` beside measured runs, and `shardstream device baselines`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from builders import e1_json
from command_line import shardstream
from plan_contracts import Plan, RunTrace
from repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DONE, BAD_INPUT = 0, 2
BERT_BASE = ROOT / "examples" / "bert-base-manifest.json"


def written(folder: Path, name: str, document: Mapping[str, Any]) -> Path:
    file = folder / f"{name}.json"
    file.write_text(json.dumps(document))
    return file


@pytest.fixture
def simulate_e1(tmp_path: Path) -> list[object]:
    """The command that simulates a plan of E1, which lies in plan.json."""
    document = e1_json()
    out = tmp_path / "plan.json"
    shardstream("plan", written(tmp_path, "request", document), "--out", out)
    device, model = (written(tmp_path, kind, document[kind]) for kind in ("device", "model"))
    return ["simulate", out, "--device", device, "--model", model]


def run_of(plan_id: str, folder: Path) -> Path:
    span = {"kind": "read", "layer": 0, "slices": [0], "start_us": 0, "end_us": 30, "bytes": 30}
    run = RunTrace.model_validate_json(
        json.dumps(
            {
                "plan_id": plan_id,
                "source": "measured",
                "device": "this-device",
                "latency_us": 280,
                "peak_memory_bytes": 0,
                "spans": [span],
            }
        )
    )
    path = folder / "run.json"
    path.write_text(run.to_json())
    return path


def test_measured_runs_stand_beside_the_simulated_one(
    simulate_e1: list[object], tmp_path: Path
) -> None:
    plan = Plan.from_file(tmp_path / "plan.json").sealed()
    trace = tmp_path / "trace.json"
    run = run_of(plan.id or "", tmp_path)
    done = shardstream(*simulate_e1, "--trace", trace, "--measured", run)
    assert done.returncode == DONE
    events = json.loads(trace.read_text())["traceEvents"]
    names = [e["args"]["name"] for e in events if e["name"] == "process_name"]
    assert [name.split()[0] for name in names] == ["simulated", "measured"]


def test_a_run_of_another_plan_is_refused(simulate_e1: list[object], tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    run = run_of("sha256:" + "0" * 64, tmp_path)
    done = shardstream(*simulate_e1, "--trace", trace, "--measured", run)
    assert done.returncode == BAD_INPUT
    assert "the run must be of plan sha256:" in done.stderr
    assert not trace.exists()


def baselines(*arguments: object) -> str:
    done = shardstream("device", "baselines", "odroid-n2plus", "--model", BERT_BASE, *arguments)
    assert done.returncode == DONE, done.stderr
    return done.stdout


def test_the_numbers_that_motivate_sti_are_printed() -> None:
    line = next(line for line in baselines("--bits", 32).splitlines() if "layerwise" in line)
    assert line.split()[-5:] == ["72.6%", "72.0%", "339.7", "4071.9", "169.0"]


def test_every_execution_is_printed_at_every_bitwidth() -> None:
    found = json.loads(baselines("--json"))
    assert {(b["execution"], b["bits"]) for b in found} == {
        (execution, bits)
        for execution in ("load, then run", "layerwise pipeline", "in memory")
        for bits in (2, 3, 4, 5, 6, 32)
    }


def test_a_bitwidth_that_the_model_lacks_is_refused() -> None:
    done = shardstream("device", "baselines", "odroid-n2plus", "--model", BERT_BASE, "--bits", "7")
    assert done.returncode == BAD_INPUT
    assert "bits must be one of [2, 3, 4, 5, 6, 32], got 7" in done.stderr
