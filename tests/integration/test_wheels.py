"""Each wheel, built and installed in an environment of its own, does what it is for.

Needs a package index (or pip's cache). Without one the tests are skipped, except under CI.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import plan_contracts
from builders import e1_json
from repository import ROOT

pytestmark = pytest.mark.wheels

OF_THE_SERVER = ("fastapi", "ortools", "pandas", "simpy", "sqlalchemy", "uvicorn", "httpx", "rich")
OURS_OF_THE_SERVER = ("planner_api", "simulator", "device_profiles", "shard_builder")


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run to its end, output captured, without the variables that lead to other packages."""
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env=clean, capture_output=True, text=True, check=False
    )


def succeed(*command: str | Path, cwd: Path | None = None) -> str:
    ran = run(*command, cwd=cwd)
    assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
    return ran.stdout


def environment_with(folder: Path, requirements: str, project: Path) -> Path:
    """A new environment with locked requirements and one wheel built from source; its bin."""
    succeed(sys.executable, "-m", "venv", folder)
    pip = (folder / "bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    locked = run(*pip, "--require-hashes", "-r", ROOT / "requirements" / requirements)
    if locked.returncode != 0 and os.environ.get("CI") != "true":
        pytest.skip(f"no package index, nor enough in pip's cache: {locked.stderr[-200:]}")
    assert locked.returncode == 0, locked.stderr
    wheels = folder / "wheels"
    backend = Path(sys.executable).parent / "hatchling"
    succeed(backend, "build", "-t", "wheel", "-d", wheels, cwd=project)
    succeed(*pip, "--no-deps", *wheels.glob("*.whl"))
    return folder / "bin"


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the device distribution alone."""
    return environment_with(tmp_path_factory.mktemp("device"), "runtime.txt", ROOT / "runtime")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the server distribution."""
    return environment_with(tmp_path_factory.mktemp("server"), "server.txt", ROOT)


def test_the_device_program_says_what_it_can_do(device: Path) -> None:
    printed = succeed(device / "shard-runtime", "--help")
    assert all(command in printed for command in ("measure", "run", "fetch"))


def test_the_device_program_says_its_version(device: Path) -> None:
    assert plan_contracts.__version__ in succeed(device / "shard-runtime", "--version")


@pytest.mark.parametrize("module", [*OF_THE_SERVER, *OURS_OF_THE_SERVER])
def test_the_device_has_no_library_of_the_server(device: Path, module: str) -> None:
    found = f"import importlib.util as u; print(u.find_spec({module!r}) is None)"
    assert succeed(device / "python", "-P", "-c", found).strip() == "True"


def test_the_device_imports_every_module_it_ships(device: Path) -> None:
    program = (
        "import pkgutil, importlib, shard_runtime, plan_contracts\n"
        "optional = {'shard_runtime.engine_numba', 'shard_runtime.__main__'}\n"
        "for package in (shard_runtime, plan_contracts):\n"
        "    for found in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if found.name not in optional: importlib.import_module(found.name)\n"
    )
    succeed(device / "python", "-P", "-c", program)


def test_the_server_program_says_what_it_can_do(server: Path) -> None:
    printed = succeed(server / "shardstream", "--help")
    commands = ("build", "profile-importance", "plan", "simulate", "serve", "demo")
    assert all(command in printed for command in commands)


def test_the_server_brings_the_device_program(server: Path) -> None:
    assert "measure" in succeed(server / "shard-runtime", "--help")


def test_the_server_plans_without_a_source_tree(server: Path, tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text(json.dumps(e1_json()))
    printed = succeed(server / "shardstream", "plan", "request.json", "--json", cwd=tmp_path)
    assert json.loads(printed)["plan"]["predicted"]["objective"] == 116
