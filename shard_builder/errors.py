"""What can go wrong while a model is cut into shards or profiled.

BuilderError
├── CheckpointError       a checkpoint folder cannot be sharded
├── StoreExistsError      the place of a new store is taken by something else
├── ProfileError          importance cannot be measured on this store or text
└── ExampleModelError     the example model is not installed
"""


class BuilderError(ValueError):
    """Base of all errors of the builder; the message names the value and the rule."""


class CheckpointError(BuilderError):
    """A checkpoint folder cannot be sharded."""


class StoreExistsError(BuilderError):
    """The place of a new store is taken by something else."""


class ProfileError(BuilderError):
    """Importance cannot be measured on this store or text."""


class ExampleModelError(BuilderError):
    """The example model is not installed."""
