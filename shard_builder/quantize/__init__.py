"""From weights to the bytes of a shard.

Another quantiser is another callable of the type `Quantiser`; the format does not change.
"""

from shard_builder.quantize.encode import encode_exact, encode_layer, encode_quantised
from shard_builder.quantize.quantised import (
    QuantisedMatrix,
    QuantisedShard,
    Quantiser,
    WholeLayer,
)
from shard_builder.quantize.quantisers import QUANTISERS, QuantiserName, load_quantiser

__all__ = [
    "QUANTISERS",
    "QuantisedMatrix",
    "QuantisedShard",
    "Quantiser",
    "QuantiserName",
    "WholeLayer",
    "encode_exact",
    "encode_layer",
    "encode_quantised",
    "load_quantiser",
]
