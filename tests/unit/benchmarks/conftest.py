"""The benchmarks are in no wheel: they come from the checkout, everything else from where it is."""

from __future__ import annotations

import sys

from repository import ROOT

sys.path.append(str(ROOT))  # at the end, so that installed packages are still found first
