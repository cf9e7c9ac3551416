"""The tests test what users install: the built wheel, not the source tree."""

from __future__ import annotations

import importlib
import json
import os
from importlib.metadata import distribution
from pathlib import Path

import pytest

from repository import PACKAGES, ROOT


def installed_editable() -> bool:
    origin = distribution("shardstream").read_text("direct_url.json")
    return bool(origin) and json.loads(origin).get("dir_info", {}).get("editable", False)


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_come_from_the_wheel(package: str) -> None:
    if installed_editable() and os.environ.get("CI") != "true":
        pytest.skip("installed editable: `make test` installs the wheel")
    location = Path(str(importlib.import_module(package).__file__)).resolve()
    assert not location.is_relative_to(PACKAGES[package])


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_holds_every_file_of_the_package(package: str) -> None:
    installed = Path(str(importlib.import_module(package).__file__)).parent
    written = {path.relative_to(PACKAGES[package]) for path in written_files(PACKAGES[package])}
    assert written <= {path.relative_to(installed) for path in written_files(installed)}


def written_files(folder: Path) -> set[Path]:
    return {
        path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_version_is_the_documents_one() -> None:
    version = importlib.import_module("plan_contracts").__version__
    assert distribution("shardstream").version == version


def test_the_change_log_has_the_version() -> None:
    version = importlib.import_module("plan_contracts").__version__
    assert (ROOT / "CHANGELOG.md").read_text().count(f"## {version}") == 1
