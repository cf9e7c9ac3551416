"""The locked requirements: exact, hashed, from nowhere in particular, without torch."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from repository import ROOT

FOLDER = ROOT / "requirements"
LOCKED = sorted(path.name for path in FOLDER.glob("*.txt"))
DEVELOPERS_ONLY = {"hypothesis", "llvmlite", "numba", "playwright", "pyright", "pytest", "ruff"}


def blocks(name: str) -> list[str]:
    """One requirement each: its line and those that continue it."""
    return (FOLDER / name).read_text().replace("\\\n", " ").splitlines()


def pinned(name: str) -> dict[str, set[str]]:
    """The versions of each package of a lock file; several where Python versions differ."""
    found: dict[str, set[str]] = {}
    for block in blocks(name):
        requirement = Requirement(block.split("--hash")[0].strip())
        found.setdefault(requirement.name, set()).add(str(requirement.specifier))
    return found


def declared(project: str) -> set[str]:
    """The packages a distribution asks for, extras left out."""
    dependencies = tomllib.loads((ROOT / project).read_text())["project"]["dependencies"]
    return {canonicalize_name(Requirement(text).name) for text in dependencies}


@pytest.mark.parametrize("name", LOCKED)
def test_no_address_or_path_stands_in_a_lock_file(name: str) -> None:
    text = (FOLDER / name).read_text()
    assert re.findall(r"https?:|file:|--find-links|--index|--extra-index| @ |/", text) == []


@pytest.mark.parametrize("name", LOCKED)
def test_every_requirement_is_exact_and_hashed(name: str) -> None:
    form = re.compile(r"[a-z0-9.-]+==\S+ ( ?;[^#]+)?( *--hash=sha256:[0-9a-f]{64})+")
    assert [block for block in blocks(name) if not form.fullmatch(block)] == []


@pytest.mark.parametrize("name", LOCKED)
def test_torch_is_not_pulled_in(name: str) -> None:
    assert not {"torch", "tensorflow", "transformers"} & set(pinned(name))


def test_the_server_environment_has_no_tool_of_developers() -> None:
    assert not DEVELOPERS_ONLY & set(pinned("server.txt"))


@pytest.mark.parametrize(
    ("project", "name"),
    [("pyproject.toml", "server.txt"), ("runtime/pyproject.toml", "runtime.txt")],
)
def test_everything_declared_is_locked(project: str, name: str) -> None:
    assert declared(project) <= set(pinned(name))


@pytest.mark.parametrize("name", ["server.txt", "runtime.txt"])
def test_tests_run_with_the_versions_that_are_shipped(name: str) -> None:
    tested = pinned("dev.txt")
    assert {package: tested.get(package) for package in pinned(name)} == pinned(name)


@pytest.mark.parametrize("name", LOCKED)
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_one_version_of_each_package_on_every_platform(
    name: str, python: str, platform: str
) -> None:
    environment = {
        "python_full_version": f"{python}.0",
        "sys_platform": platform,
        "platform_machine": "x86_64",
    }
    chosen = [
        requirement.name
        for requirement in (Requirement(block.split("--hash")[0].strip()) for block in blocks(name))
        if requirement.marker is None or requirement.marker.evaluate(environment)
    ]
    assert len(chosen) == len(set(chosen))
