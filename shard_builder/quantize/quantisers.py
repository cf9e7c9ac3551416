"""The quantisers by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from shard_builder.errors import BuilderError, CalibrationError
from shard_builder.quantize import gobo
from shard_builder.quantize.compensated import CompensatedQuantiser
from shard_builder.quantize.kmeans import KMeansQuantiser
from shard_builder.quantize.outliers import outlier_limit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shard_builder.moments import Moments
    from shard_builder.quantize.quantised import Quantiser
    from shard_runtime.weights import Matrices

QuantiserName = Literal["gobo", "gobo-layer", "kmeans", "compensated"]
QUANTISERS: tuple[QuantiserName, ...] = get_args(QuantiserName)


def load_quantiser(name: str, layers: Sequence[Matrices], moments: Moments | None) -> Quantiser:
    """The quantiser of that name for a model; `compensated` needs the moments of its inputs.

    BuilderError for an unknown name, CalibrationError if moments are needed and missing.
    """
    match name:
        case "gobo":
            return gobo.quantise_layer
        case "gobo-layer":
            return gobo.quantise_by_one_table
        case "kmeans":
            return KMeansQuantiser(outlier_limit=outlier_limit(layers))
        case "compensated" if moments is not None:
            return CompensatedQuantiser(outlier_limit=outlier_limit(layers), moments=moments)
        case "compensated":
            message = "quantiser compensated needs a calibration text, got none"
            raise CalibrationError(message)
        case _:
            message = f"quantiser must be one of {', '.join(QUANTISERS)}, got {name!r}"
            raise BuilderError(message)
