"""`shardstream` as a person runs it: exit codes, one line of error, nothing half-written."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from builders import e1_json
from command_line import shardstream
from plan_contracts import Plan, PlanResponse, __version__
from service import database_url

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DONE, BAD_INPUT, NO_PLAN = 0, 2, 3
NOWHERE = "sha256:" + "0" * 64


def written(folder: Path, name: str, document: Mapping[str, Any]) -> Path:
    file = folder / f"{name}.json"
    file.write_text(json.dumps(document))
    return file


def test_a_plan_as_json_is_the_whole_output(tmp_path: Path) -> None:
    request = written(tmp_path, "request", e1_json())
    done = subprocess.run(
        [sys.executable, "-m", "planner_api.cli", "plan", request, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (DONE, "")
    response = PlanResponse.from_json(done.stdout)
    assert response.certificate is not None
    assert response.certificate.objective == 116.0


def test_a_plan_for_a_person_names_what_matters(tmp_path: Path) -> None:
    done = shardstream("plan", written(tmp_path, "request", e1_json()))
    assert done.returncode == DONE
    for words in ("optimal", "2 x 2", "0.270 ms", "relative gap", "sti-largest"):
        assert words in done.stdout


def test_the_plan_is_written_whole_and_can_be_simulated(tmp_path: Path) -> None:
    document = e1_json()
    out, picture, trace = (tmp_path / name for name in ("plan.json", "run.svg", "trace.json"))
    shardstream("plan", written(tmp_path, "request", document), "--out", out)
    plan = Plan.from_file(out).sealed()
    done = shardstream(
        "simulate",
        out,
        "--device",
        written(tmp_path, "device", document["device"]),
        "--model",
        written(tmp_path, "model", document["model"]),
        *("--plot", picture, "--trace", trace, "--json"),
    )
    assert done.returncode == DONE
    assert json.loads(done.stdout)["latency_us"] == plan.predicted.latency_us
    assert picture.read_text().startswith("<svg")
    assert json.loads(trace.read_text())["traceEvents"]


def test_a_request_comes_from_standard_input(tmp_path: Path) -> None:
    done = shardstream("plan", "-", "--json", given=json.dumps(e1_json(latency_us=260)))
    assert (done.returncode, json.loads(done.stdout)["status"]) == (DONE, "optimal")
    assert list(tmp_path.iterdir()) == []


def test_documents_stand_in_for_those_of_the_request(tmp_path: Path) -> None:
    document = e1_json()
    options: list[object] = []
    for kind in ("device", "model", "importance"):
        options += [f"--{kind}", written(tmp_path, kind, document.pop(kind))]
    done = shardstream("plan", written(tmp_path, "request", document), *options, "--json")
    assert (done.returncode, json.loads(done.stdout)["status"]) == (DONE, "optimal")


def test_names_are_looked_up_in_a_database_that_remembers(tmp_path: Path) -> None:
    request = written(tmp_path, "request", e1_json())
    database = ("--database", database_url(tmp_path))
    first = shardstream("plan", request, *database, "--json")
    plan = json.loads(first.stdout)["plan"]
    digests = {kind: plan[f"{kind}_digest"] for kind in ("device", "model", "importance")}
    by_digest = written(tmp_path, "by-digest", {**e1_json(), **digests})
    assert shardstream("plan", by_digest, *database, "--json").stdout == first.stdout


def test_infeasible_is_an_answer(tmp_path: Path) -> None:
    done = shardstream("plan", written(tmp_path, "request", e1_json(latency_us=30)))
    assert done.returncode == DONE
    assert "80 us" in done.stdout


def test_without_a_plan_none_is_written(tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    request = written(tmp_path, "request", e1_json(latency_us=30))
    done = shardstream("plan", request, "--json", "--out", out)
    assert done.returncode == NO_PLAN
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"target": {"latency_us": "270"}}, "latency_us"),
        ({"target": {"latency_us": -1}}, "latency_us"),
        ({"device": "nobody"}, "no device is known by 'nobody'"),
        ({"device": "odroid-n2plus"}, "no compute entry for"),
        ({"options": {"bitwidths": [7]}}, "options.bitwidths must be among"),
        ({"importance": {**e1_json()["importance"], "model_digest": NOWHERE}}, "model_digest"),
        ({"model": {**e1_json()["model"], "digest": NOWHERE}}, "digest must be"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    request = written(tmp_path, "request", {**e1_json(), **change})
    done = shardstream("plan", request, "--out", tmp_path / "plan.json", "--json")
    assert (done.returncode, done.stdout) == (BAD_INPUT, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["request.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "NaN", '{"target": NaN}', "\x00"])
def test_a_file_that_is_no_request_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "request.json"
    file.write_text(text)
    done = shardstream("plan", file)
    assert (done.returncode, done.stdout) == (BAD_INPUT, "")
    assert done.stderr.startswith(f"shardstream: {file}: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "absent.json"),
        ("plan", "."),
        ("plan",),
        ("plan", "absent.json", "--unknown"),
        ("nothing",),
        ("simulate", "absent.json", "--device", "odroid-n2plus", "--model", "absent"),
        ("device", "show", "nobody"),
        ("device", "scale", "odroid-n2plus", "--model", "nobody"),
        ("build", "absent", "--out", "store"),
        ("profile-importance", "absent", "--out", "table.json"),
        ("serve", "--host", "0.0.0.0"),  # noqa: S104 - refused without keys
        ("serve", "--port", "70000"),
        ("serve", "--port", "many"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_one_line(arguments: tuple[str, ...]) -> None:
    done = shardstream(*arguments)
    assert (done.returncode, done.stdout) == (BAD_INPUT, "")
    assert done.stderr.startswith("shardstream: ")
    assert done.stderr.count("\n") == 1


def test_the_version_is_printed() -> None:
    done = shardstream("--version")
    assert (done.returncode, done.stdout) == (DONE, f"{__version__}\n")


@pytest.mark.parametrize("command", [(), ("device",)])
def test_a_command_without_arguments_prints_help_and_no_error(command: tuple[str, ...]) -> None:
    done = shardstream(*command)
    assert done.returncode == BAD_INPUT
    assert "Usage: " in done.stdout
    assert done.stderr == ""


def test_a_plan_of_another_model_is_not_simulated(tmp_path: Path) -> None:
    document = e1_json()
    out = tmp_path / "plan.json"
    shardstream("plan", written(tmp_path, "request", document), "--out", out)
    other = written(tmp_path, "other", {**document["model"], "model": "another"})
    device = written(tmp_path, "device", document["device"])
    done = shardstream("simulate", out, "--device", device, "--model", other)
    assert (done.returncode, done.stdout) == (BAD_INPUT, "")


def test_the_catalogue_is_listed_and_shown() -> None:
    assert "odroid-n2plus" in shardstream("device", "list").stdout
    shown = shardstream("device", "show", "odroid-n2plus")
    assert json.loads(shown.stdout)["name"] == "odroid-n2plus"


def test_a_device_is_scaled_to_a_model_by_a_printed_rule(tmp_path: Path) -> None:
    document = e1_json()
    model = written(tmp_path, "model", document["model"])
    device = written(tmp_path, "device", document["device"])
    done = shardstream("device", "scale", device, "--model", model, "--sequence-length", 16)
    assert done.returncode == DONE
    entry = json.loads(done.stdout)["compute"][-1]
    assert (entry["sequence_length"], entry["provenance"]["kind"]) == (16, "estimated")
    assert done.stderr.startswith("estimated: scaled from")
