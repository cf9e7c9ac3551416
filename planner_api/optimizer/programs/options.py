"""Parts of a pair's plans, and what its limits let be taken together, for integer programs.

Options that are alike but for their gain form a group: how many of a group are preloaded is one
number, which ones does not matter. Without it a solver goes through all the ways to preload shards
of the same size, and proves little (PLANNING, "Exact model for one (n, m)").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner_api.optimizer.bounding.relaxation import Amounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner_api.optimizer.bounding.relaxation import PairModel


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Options(Amounts):
    """What may be taken: its layer, and what it brings and needs; (C,) each."""

    layers: NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Groups:
    """Options, given as streamed, of which any number may be preloaded instead.

    of: (C,) the group of each option, -1 where it cannot be. layers, read_us, size_bytes: (G,),
    of each of a group's options. whole: (G,) bool, those taken must all be preloaded.
    """

    of: NDArray[np.intp]
    layers: NDArray[np.intp]
    read_us: NDArray[np.float64]
    size_bytes: NDArray[np.float64]
    whole: NDArray[np.bool_]

    def changes(self) -> Options:
        """What changes with each option of a group that is preloaded."""
        nothing = np.zeros(len(self.layers))
        return Options(
            layers=self.layers,
            gain=nothing,
            read_us=-self.read_us,
            decode_us=nothing,
            streamed_bytes=-self.size_bytes,
            preloaded_bytes=self.size_bytes,
        )


def together(options: Options, groups: Groups) -> Options:
    """The options, then what changes with each that a group preloads; (C + G,) each."""
    changes = groups.changes()
    return Options(
        layers=np.concatenate((options.layers, changes.layers)),
        gain=np.concatenate((options.gain, changes.gain)),
        read_us=np.concatenate((options.read_us, changes.read_us)),
        decode_us=np.concatenate((options.decode_us, changes.decode_us)),
        streamed_bytes=np.concatenate((options.streamed_bytes, changes.streamed_bytes)),
        preloaded_bytes=np.concatenate((options.preloaded_bytes, changes.preloaded_bytes)),
    )


class Limit(NamedTuple):
    """What each option needs of a limit, and how much there is."""

    needs: NDArray[np.float64]
    most: int


def path_limits(pair: PairModel, needs: Options) -> Iterator[Limit]:
    """The PATH rows (PLANNING): all of the deadline where reads may run ahead freely."""
    for layer in range(pair.depth):
        before = np.where(needs.layers <= layer, needs.read_us, 0.0)
        after = np.where(needs.layers >= layer, needs.decode_us, 0.0)
        left = pair.problem.latency_us - (pair.depth - layer) * pair.step_us
        yield Limit(before + after, left)


def sum_limits(pair: PairModel, needs: Options) -> Iterator[Limit]:
    """All decode together (see `most_decode_us`), preload buffer, memory in windows of layers."""
    yield Limit(needs.decode_us, pair.most_decode_us)
    yield Limit(needs.preloaded_bytes, pair.problem.preload_bytes)
    if pair.memory_binds:
        ahead = pair.problem.read_ahead
        reach = pair.depth if ahead is None else min(ahead + 1, pair.depth)
        for first in range(pair.depth - reach + 1):
            within = (needs.layers >= first) & (needs.layers < first + reach)
            held = needs.preloaded_bytes + np.where(within, needs.streamed_bytes, 0.0)
            yield Limit(held, pair.room_bytes)
