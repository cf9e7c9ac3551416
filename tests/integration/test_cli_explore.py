"""`shardstream explain`, `diff`, `frontier` and `least` as a person runs them."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from builders import e1_json, e2_json
from command_line import shardstream
from plan_contracts import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DONE, BAD_INPUT, NO_PLAN = 0, 2, 3


def written(folder: Path, name: str, document: Mapping[str, Any]) -> Path:
    file = folder / f"{name}.json"
    file.write_text(json.dumps(document))
    return file


def planned(folder: Path, document: Mapping[str, Any], name: str = "plan") -> Path:
    out = folder / f"{name}.json"
    request = written(folder, f"{name}-request", document)
    assert shardstream("plan", request, "--out", out).returncode == DONE
    return out


def documents(folder: Path, document: Mapping[str, Any]) -> list[object]:
    options: list[object] = []
    for kind in ("device", "model", "importance"):
        options += [f"--{kind}", written(folder, kind, document[kind])]
    return options


def test_a_plan_is_explained(tmp_path: Path) -> None:
    plan = planned(tmp_path, e1_json())
    done = shardstream("explain", plan, *documents(tmp_path, e1_json()))
    assert done.returncode == DONE
    for words in ("score 116", "slack of reads", "next in line, streamed", "0.080 ms"):
        assert words in done.stdout


def test_an_explanation_as_json_is_the_whole_output(tmp_path: Path) -> None:
    plan = planned(tmp_path, e1_json())
    done = shardstream("explain", plan, *documents(tmp_path, e1_json()), "--json", "--count", "1")
    explanation = json.loads(done.stdout)
    assert explanation["least"] == {"latency_us": 80, "preload_bytes": 0, "memory_bytes": 20}
    assert len(explanation["next_streamed"]) == 1


def test_a_plan_made_from_other_documents_is_refused(tmp_path: Path) -> None:
    plan = planned(tmp_path, e1_json())
    done = shardstream("explain", plan, *documents(tmp_path, e2_json()))
    assert done.returncode == BAD_INPUT
    assert "must have the digest" in done.stderr


def test_two_plans_are_compared(tmp_path: Path) -> None:
    plans = [planned(tmp_path, e1_json(latency_us=us), str(us)) for us in (180, 270)]
    done = shardstream("diff", *plans)
    assert done.returncode == DONE
    for words in ("target latency_us", "97", "116", "2 x 1", "2 x 2"):
        assert words in done.stdout


def test_a_difference_as_json_is_the_whole_output(tmp_path: Path) -> None:
    plan = planned(tmp_path, e1_json())
    difference = json.loads(shardstream("diff", plan, plan, "--json").stdout)
    assert (difference["shards"], difference["target"]) == ([], [])


def test_a_frontier_as_json_has_every_point(tmp_path: Path) -> None:
    request = written(tmp_path, "request", e1_json())
    options = ("--latency-us", "180:270:2", "--preload-bytes", "0:60:2", "--json")
    frontier = json.loads(shardstream("frontier", request, *options).stdout)
    assert [p["lower_bound"] for p in frontier["points"]] == [97.0, 97.0, 116.0, 125.0]
    assert frontier["unit"] == "points"


def test_a_frontier_as_csv_has_a_line_a_point(tmp_path: Path) -> None:
    request = written(tmp_path, "request", e1_json())
    done = shardstream("frontier", request, "--latency-us", "50:270:2", "--csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["latency_us"], row["lower_bound"]) for row in rows] == [
        ("50", ""),
        ("270", "116.0"),
    ]


def test_a_frontier_for_a_person_is_a_table(tmp_path: Path) -> None:
    request = written(tmp_path, "request", e1_json())
    done = shardstream("frontier", request, "--latency-us", "270")
    assert done.returncode == DONE
    assert "116  2 x 2" in done.stdout


@pytest.mark.parametrize("steps", ["270:180:2", "180:270:0", "a:b:c", "180:270", "-1", "1e3", ""])
def test_steps_that_are_none_are_refused(tmp_path: Path, steps: str) -> None:
    request = written(tmp_path, "request", e1_json())
    done = shardstream("frontier", request, f"--latency-us={steps}")
    assert done.returncode == BAD_INPUT
    assert "--latency-us must be a number, or LOW:HIGH:COUNT" in done.stderr


def test_a_frontier_of_too_many_points_is_refused(tmp_path: Path) -> None:
    request = written(tmp_path, "request", e1_json())
    done = shardstream("frontier", request, "--latency-us", "1:100000:100000")
    assert done.returncode == BAD_INPUT
    assert "1..5000 points, got 100000 x 1" in done.stderr


@pytest.mark.parametrize(
    ("quantity", "score", "words"),
    [
        ("latency", 116, "0.270 ms of latency (proven least)"),
        ("bytes", 97, "110 bytes read (proven least)"),
        ("preload", 120, "30 bytes of preload buffer (proven least)"),
        ("preload", 1000, "no preload buffer reaches a score of 1,000 (proven)"),
    ],
)
def test_the_least_that_reaches_a_score_is_proven(
    tmp_path: Path, quantity: str, score: float, words: str
) -> None:
    request = written(tmp_path, "request", e1_json())
    done = shardstream("least", quantity, request, "--score", str(score))
    assert done.returncode == DONE
    assert words in done.stdout.splitlines()[0]


def test_the_plan_of_the_least_is_written_with_its_limit(tmp_path: Path) -> None:
    request, out = written(tmp_path, "request", e1_json(latency_us=1000)), tmp_path / "least.json"
    done = shardstream("least", "latency", request, "--score", "100", "--out", out, "--json")
    plan = Plan.from_file(out).sealed()
    assert plan.target.latency_us == plan.predicted.latency_us == json.loads(done.stdout)["amount"]
    assert plan.predicted.objective >= 100


def test_no_plan_to_write_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    request, out = written(tmp_path, "request", e1_json()), tmp_path / "least.json"
    done = shardstream("least", "latency", request, "--score", "1000", "--out", out)
    assert done.returncode == NO_PLAN
    assert not out.exists()


@pytest.mark.parametrize("score", ["nan", "inf"])
def test_a_score_must_be_a_number(tmp_path: Path, score: str) -> None:
    request = written(tmp_path, "request", e1_json())
    done = shardstream("least", "latency", request, "--score", score)
    assert done.returncode == BAD_INPUT
    assert f"score must be a finite number, got {score}" in done.stderr


@pytest.mark.parametrize("command", [("frontier", "--latency-us", "270"), ("least", "latency")])
def test_a_quantile_is_refused_where_it_is_not_planned_for(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    request = written(tmp_path, "request", e1_json(latency_quantile=0.9))
    options = command[1:] if command[0] == "frontier" else ("--score", "100")
    places = (request,) if command[0] == "frontier" else ("latency", request)
    done = shardstream(command[0], *places, *options)
    assert done.returncode == BAD_INPUT
    assert "target.latency_quantile must be null" in done.stderr
