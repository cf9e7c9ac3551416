from __future__ import annotations

import pytest

from shard_builder.errors import BuilderError, CalibrationError
from shard_builder.quantize import load_quantiser


def test_an_unknown_quantiser_is_named() -> None:
    with pytest.raises(BuilderError, match=r"must be one of gobo, .*compensated, got 'gptq'"):
        load_quantiser("gptq", (), None)


def test_compensation_needs_moments() -> None:
    with pytest.raises(CalibrationError, match="needs a calibration text, got none"):
        load_quantiser("compensated", (), None)
