"""`shard-runtime`: measure a device, fetch plans for it, run them."""

from __future__ import annotations

import os
import sys

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""What numpy's BLAS libraries take their number of threads from, once, when they are loaded."""


def main() -> None:
    """Run one command and exit: 0 if it succeeded, 2 if its input was bad."""
    compute_on_one_thread()
    from shard_runtime.commands import run_command  # noqa: PLC0415 - loads numpy: after the above

    sys.exit(run_command(sys.argv[1:]))


def compute_on_one_thread() -> None:
    """Let matrix products run on one thread unless the environment says otherwise.

    The reads have their own, and one compute thread is what a profile measures. Of no use once
    numpy is loaded.
    """
    for name in THREADS:
        os.environ.setdefault(name, "1")


if __name__ == "__main__":
    main()
