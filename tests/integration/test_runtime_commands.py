"""`shard-runtime` as it is used: exit status, output, files."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from plan_contracts import DeviceProfile, RunTrace
from shard_runtime.commands import run_command
from store_plans import Chosen, make_plan, some_device
from stores import write_store

if TYPE_CHECKING:
    from pathlib import Path

    from stores import WrittenStore

LAYERS = [[Chosen(0, 2), Chosen(2, 4, preload=True)], [Chosen(0, 32), Chosen(1, 6)]]


class Bench(NamedTuple):
    """A store, a plan for it, and the device the plan is for."""

    written: WrittenStore
    plan: Path
    device: Path

    def run(self, *options: str) -> int:
        """Run the plan on a few tokens."""
        given = ["--store", str(self.written.folder), "--engine", "numpy"]
        tokens = [] if "--token-ids" in options else ["--token-ids", "3", "1", "4"]
        return run_command(["run", str(self.plan), *given, *tokens, *options])

    def run_here(self, *options: str) -> int:
        """Run the plan on the device it is for."""
        return self.run("--device", str(self.device), *options)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    written = write_store(tmp_path / "store")
    plan, device = tmp_path / "plan.json", tmp_path / "device.json"
    plan.write_text(make_plan(written.manifest, LAYERS, read_ahead=1).to_json())
    device.write_text(some_device().to_json())
    return Bench(written, plan, device)


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a refused command prints."""
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


def test_a_run_prints_what_it_gave_and_took(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.run_here("--repeat", "3") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "plan",
        "output",
        "latency",
        "stalled",
        "memory",
        "apart",
    ]
    assert "median of 3" in lines[2]


def test_a_run_is_written_as_json(bench: Bench, tmp_path: Path) -> None:
    assert bench.run_here("--repeat", "2", "--json", str(tmp_path / "run.json")) == 0
    report: dict[str, Any] = json.loads((tmp_path / "run.json").read_text())
    assert len(report["latencies_us"]) == 2
    assert report["latency_us"] == min(report["latencies_us"])
    assert len(report["output"]) == 2
    assert report["weight_bytes"] > 0


def test_the_trace_is_a_document(bench: Bench, tmp_path: Path) -> None:
    assert bench.run_here("--trace", str(tmp_path / "trace.json")) == 0
    trace = RunTrace.from_file(tmp_path / "trace.json")
    assert [span.layer for span in trace.spans if span.kind == "read"] == [0, 1, 1]


def test_pacing_slows_the_reads_down(bench: Bench, tmp_path: Path) -> None:
    trace_file = tmp_path / "trace.json"
    pace = ["--flash-bandwidth", "10MB/s", "--flash-overhead-us", "1000"]
    assert bench.run_here(*pace, "--direct", "--cold", "--trace", str(trace_file)) == 0
    trace = RunTrace.from_file(trace_file)
    reads = [span for span in trace.spans if span.kind == "read"]
    size = sum(span.bytes for span in reads)
    assert reads[-1].end_us >= 3 * 1000 + size / 10 - 10  # the clock starts with the first read


def test_another_device_is_refused(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.run() == 2
    assert error_of(capsys).startswith("shard-runtime: error: the plan is for 'cpu' of device")


def test_an_accepted_change_of_device_warns(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.run("--accept-device-change") == 0
    assert "warning: the plan is for 'cpu' of device 'tiny-device'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--token-ids", *"123456789"), "at most 8 tokens, got 9; ask for truncation"),
        (("--token-ids", "99"), "token ids must be within 0..39, got 99"),
        (("--flash-bandwidth", "fast"), "bandwidth must be a positive number"),
        (("--repeat", "0"), "--repeat must be at least 1, got 0"),
        (("--store", "/nowhere"), "/nowhere: a shard store must hold manifest.json"),
        (("--device", "/nowhere.json"), "No such file or directory: '/nowhere.json'"),
        (
            ("--flash-overhead-us", "-5", "--flash-bandwidth", "1MB/s"),
            "overhead at least 0 us, got 1000000 and -5",
        ),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    bench: Bench, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    assert bench.run_here(*options) == 2
    assert message in error_of(capsys)


def test_truncation_can_be_asked_for(bench: Bench) -> None:
    assert bench.run_here("--token-ids", *"123456789", "--truncate") == 0


def test_a_plan_that_was_tampered_with_is_refused(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    plan: dict[str, Any] = json.loads(bench.plan.read_text())
    plan["target"]["latency_us"] += 1
    bench.plan.write_text(json.dumps(plan))
    assert bench.run_here() == 2
    assert "plan id must be" in error_of(capsys)


def test_a_flipped_byte_is_refused_and_writes_nothing(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bench.written.folder / "shards-6.bin"
    content = bytearray(path.read_bytes())
    content = bytearray(byte ^ 1 for byte in content)
    path.write_bytes(content)
    assert bench.run_here("--trace", str(tmp_path / "trace.json")) == 2
    assert "must have digest" in error_of(capsys)
    assert not (tmp_path / "trace.json").exists()


def test_an_empty_text_without_a_tokenizer_is_refused(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--store", str(bench.written.folder), "--device", str(bench.device)]
    assert run_command(["run", str(bench.plan), *given, "--text", "hello"]) == 2
    assert "the store has no tokenizer" in error_of(capsys)


def test_measuring_writes_a_profile(bench: Bench, tmp_path: Path) -> None:
    out = tmp_path / "measured.json"
    store = ["--store", str(bench.written.folder), "--engine", "numpy", "--rounds", "2"]
    lengths = ["--sequence-length", "8", "16"]
    assert run_command(["measure", *store, *lengths, "--name", "bench", "--out", str(out)]) == 0
    profile = DeviceProfile.from_file(out)
    assert profile.name == "bench"
    assert [entry.sequence_length for entry in profile.compute] == [8, 16]


def test_a_measured_profile_runs_a_plan_made_for_it(bench: Bench, tmp_path: Path) -> None:
    out = tmp_path / "measured.json"
    store = ["--store", str(bench.written.folder), "--engine", "numpy"]
    run_command(["measure", *store, "--rounds", "1", "--sequence-length", "8", "--out", str(out)])
    profile = DeviceProfile.from_file(out)
    bench.plan.write_text(make_plan(bench.written.manifest, LAYERS, profile=profile).to_json())
    assert bench.run("--device", str(out)) == 0


def test_measuring_too_long_an_input_is_refused(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "measured.json"
    store = ["--store", str(bench.written.folder), "--engine", "numpy"]
    assert run_command(["measure", *store, "--sequence-length", "17", "--out", str(out)]) == 2
    assert "an input must have 1..16 tokens, got 17" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("bits", ["4", "32"])
def test_the_baseline_loads_then_runs(bench: Bench, tmp_path: Path, bits: str) -> None:
    store = ["--store", str(bench.written.folder), "--engine", "numpy", "--bits", bits]
    tokens = ["--sequence-length", "8", "--token-ids", "3"]
    json_file = str(tmp_path / "run.json")
    assert run_command(["load-then-run", *store, *tokens, "--json", json_file]) == 0
    report: dict[str, Any] = json.loads((tmp_path / "run.json").read_text())
    assert report["plan_id"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--width", "4"), "--width must be one of 1..3, got 4"),
        (("--depth", "0"), "--depth must be one of 1..2, got 0"),
        (("--bits", "7"), "at 7 bit"),
    ],
)
def test_a_baseline_the_store_lacks_is_refused(
    bench: Bench, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    given = ["load-then-run", "--store", str(bench.written.folder), "--engine", "numpy"]
    assert run_command([*given, "--bits", "2", "--token-ids", "3", *options]) == 2
    assert message in error_of(capsys)


def test_a_whole_store_is_verified(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["verify", "--store", str(bench.written.folder)]) == 0
    assert capsys.readouterr().out.startswith("verified  small-random sha256:")


def test_a_damaged_store_is_not_verified(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    path = bench.written.folder / "shards-3.bin"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert run_command(["verify", "--store", str(bench.written.folder)]) == 2
    assert "shards-3.bin" in error_of(capsys)


def test_the_program_starts_and_knows_its_version() -> None:
    program = [sys.executable, "-m", "shard_runtime", "--version"]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert done.stdout.strip().count(".") == 2


def test_one_compute_thread_unless_the_environment_says_otherwise() -> None:
    code = (
        "import os, sys; os.environ['OMP_NUM_THREADS'] = '3'; sys.argv = ['x', '--version'];"
        "from shard_runtime.__main__ import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(os.environ['OPENBLAS_NUM_THREADS'], os.environ['OMP_NUM_THREADS'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-2:] == ["1", "3"]
