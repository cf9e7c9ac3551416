"""From weights to the bytes of a shard.

Another quantiser is another function of the type `Quantiser`; the format does not change.
"""

from shard_builder.quantize.encode import (
    encode_exact,
    encode_layer,
    encode_quantised,
)
from shard_builder.quantize.gobo import quantise_layer as quantise_gobo
from shard_builder.quantize.quantised import QuantisedMatrix, QuantisedShard, Quantiser

__all__ = [
    "QuantisedMatrix",
    "QuantisedShard",
    "Quantiser",
    "encode_exact",
    "encode_layer",
    "encode_quantised",
    "quantise_gobo",
]
