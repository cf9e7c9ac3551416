"""What can go wrong while a model is cut into shards, profiled or evaluated.

BuilderError
├── CheckpointError       a checkpoint folder cannot be sharded
├── StoreExistsError      the place of a new store is taken by something else
├── CalibrationError      a text cannot calibrate the quantisers
├── ProfileError          importance cannot be measured on this store or text
├── TaskError             a task file or its texts cannot be run
├── ExampleModelError     the example model is not installed
└── TrainingError         a model cannot be trained on this task with these settings
"""


class BuilderError(ValueError):
    """Base of all errors of the builder; the message names the value and the rule."""


class CheckpointError(BuilderError):
    """A checkpoint folder cannot be sharded."""


class StoreExistsError(BuilderError):
    """The place of a new store is taken by something else."""


class CalibrationError(BuilderError):
    """A text cannot calibrate the quantisers."""


class ProfileError(BuilderError):
    """Importance cannot be measured on this store or text."""


class TaskError(BuilderError):
    """A task file cannot be read, or its texts cannot be run."""


class ExampleModelError(BuilderError):
    """The example model is not installed."""


class TrainingError(BuilderError):
    """A model cannot be trained on this task with these settings."""
