"""`shardstream verify` as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from builders import e2_json
from planner_api.commands.exit_codes import ExitCode
from responses import response_to

if TYPE_CHECKING:
    from pathlib import Path

    from responses import Json

RUN = """
import sys
from planner_api.cli import main
sys.argv = ["shardstream", *sys.argv[1:]]
try:
    main()
finally:
    loaded = [name for name in sys.modules if name.split(".")[0] in {"ortools", "simulator"}]
    loaded += [name for name in sys.modules if name.startswith("planner_api.optimizer")]
    print("loaded", loaded, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def answered() -> Json:
    answer: Json = json.loads(response_to(e2_json()).to_json())
    return answer


def verified(
    folder: Path, response: object, *options: str, request: Json | None = None
) -> subprocess.CompletedProcess[str]:
    """Verify a response to E2, or to another request, in a program of its own."""
    files = folder / "request.json", folder / "response.json"
    files[0].write_text(json.dumps(e2_json() if request is None else request))
    files[1].write_text(response if isinstance(response, str) else json.dumps(response))
    return subprocess.run(
        [sys.executable, "-c", RUN, "verify", *map(str, files), *options],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_right_answer_is_verified_without_the_optimiser(tmp_path: Path, answered: Json) -> None:
    done = verified(tmp_path, answered)
    assert done.returncode == ExitCode.DONE
    assert done.stdout.splitlines()[-1] == "verified"
    assert done.stderr == "loaded []\n"


def test_a_wrong_answer_is_refused_and_the_number_named(tmp_path: Path, answered: Json) -> None:
    plan = {**answered["plan"], "predicted": {**answered["plan"]["predicted"], "latency_us": 1}}
    done = verified(tmp_path, {**answered, "plan": plan}, "--json")
    assert done.returncode == ExitCode.REFUSED
    report = json.loads(done.stdout)
    assert report["verdict"] == "refused"
    messages = [finding["message"] for check in report["checks"] for finding in check["findings"]]
    assert "predicted.latency_us must be 253, got 1" in messages


def test_json_that_is_no_response_is_refused(tmp_path: Path, answered: Json) -> None:
    plan: Json = {**answered["plan"], "reads": []}
    done = verified(tmp_path, {**answered, "plan": plan})
    assert done.returncode == ExitCode.REFUSED
    assert "contract" in done.stdout


@pytest.mark.parametrize("text", ["verdict: fine", "[" * 100_000])
def test_a_file_without_json_is_bad_input(tmp_path: Path, text: str) -> None:
    done = verified(tmp_path, text)
    assert (done.returncode, done.stdout) == (ExitCode.BAD_INPUT, "")
    assert "response.json: must be JSON" in done.stderr


def test_a_request_that_asks_for_the_impossible_is_bad_input(
    tmp_path: Path, answered: Json
) -> None:
    done = verified(tmp_path, answered, request={**e2_json(), "options": {"bitwidths": [7]}})
    assert done.returncode == ExitCode.BAD_INPUT
    assert "options.bitwidths must be among the model's [2, 3, 4, 5, 6, 32]" in done.stderr


def test_documents_may_be_given_beside_the_request(tmp_path: Path, answered: Json) -> None:
    other, device = e2_json(), tmp_path / "device.json"
    device.write_text(json.dumps(other["device"]))
    other["device"] = "no such device"
    done = verified(tmp_path, answered, "--device", str(device), request=other)
    assert done.returncode == ExitCode.DONE
