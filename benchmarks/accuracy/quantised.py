"""Quantisers side by side: what uniform bits of each answer, and how many bytes they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.accuracy.cases import COMPARED_BITS
from benchmarks.accuracy.judge import Judge, Judged
from benchmarks.accuracy.predictor import sizes_of
from shard_runtime.weights import FULL_PRECISION_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shard_builder.importance.submodel import Size

FULL_PRECISION = "full precision"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Quantised(Judged):
    """A submodel of one quantiser at uniform bits, held against the same at full precision.

    `bytes`: of all its shards.
    """

    quantiser: str
    depth: int
    width: int
    bits: int
    bytes: int


def compared(exact: Judge, judges: Mapping[str, Judge]) -> Iterator[Quantised]:
    """Every quantiser at 2, 3 and 4 bit and full precision, in three submodels.

    `exact`: the store that has full precision.
    """
    for size in sizes_of(exact.store.manifest):
        depth, width = size
        reference = exact.uniform(FULL_PRECISION_BITS, size)
        yield Quantised(
            quantiser=FULL_PRECISION,
            depth=depth,
            width=width,
            bits=FULL_PRECISION_BITS,
            bytes=_bytes(exact, FULL_PRECISION_BITS, size),
            distances=np.zeros(len(reference)),
            right=exact.right(reference),
        )
        for name, judge in judges.items():
            for bits in COMPARED_BITS:
                outputs = judge.uniform(bits, size)
                yield Quantised(
                    quantiser=name,
                    depth=depth,
                    width=width,
                    bits=bits,
                    bytes=_bytes(judge, bits, size),
                    distances=exact.distances(reference, outputs),
                    right=judge.right(outputs),
                )


def _bytes(judge: Judge, bits: int, size: Size) -> int:
    table = judge.store.manifest.shard_bytes[bits]
    return sum(sum(row[: size.width]) for row in table[: size.depth])
