from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import pytest

from plan_contracts import PlannedShard
from shard_runtime.stream import ShardStream

if TYPE_CHECKING:
    from collections.abc import Callable

LAYERS = [[PlannedShard(slice=s, bits=2, bytes=1, preload=False) for s in (0, 1)]] * 3


class Storage:
    """Records the reads it is asked for, and when it was told that none was wanted."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int] | str] = []

    def fetch(self, layer: int, shard: PlannedShard) -> memoryview:
        self.asked.append((layer, shard.slice))
        return memoryview(bytes([layer, shard.slice]))

    def idle(self) -> None:
        self.asked.append("idle")


def stream_from(
    storage: Storage,
    read_ahead: int | None,
    fetch: Callable[[int, PlannedShard], memoryview] | None = None,
) -> ShardStream:
    return ShardStream(LAYERS, read_ahead, fetch or storage.fetch, storage.idle)


def test_nothing_is_read_before_the_stream_begins() -> None:
    storage = Storage()
    with stream_from(storage, None):
        pass
    assert [asked for asked in storage.asked if asked != "idle"] == []


def test_a_layer_s_shards_arrive_by_slice() -> None:
    with stream_from(Storage(), None) as stream:
        stream.begin()
        stream.wait(2)
        assert {s: bytes(e) for s, e in stream.arrived(2).items()} == {0: b"\2\0", 1: b"\2\1"}


def test_the_first_read_never_earns_credit_for_the_time_before() -> None:
    storage = Storage()
    stream = stream_from(storage, None)
    stream.begin()
    with stream:
        stream.wait(0)
    assert storage.asked[:2] == ["idle", (0, 0)]


def test_a_read_is_wanted_from_when_it_is_allowed_whenever_the_thread_wakes_up() -> None:
    storage = Storage()
    stream = ShardStream([[], *LAYERS[1:]], 0, storage.fetch, storage.idle)
    stream.begin()
    assert storage.asked == []
    stream.layer_computed(0)
    assert storage.asked == ["idle"]
    with stream:
        stream.wait(1)
    assert storage.asked[:3] == ["idle", (1, 0), (1, 1)]


def test_a_read_that_was_allowed_already_is_not_wanted_anew() -> None:
    storage = Storage()
    stream = stream_from(storage, 1)
    stream.begin()
    stream.layer_computed(0)
    assert storage.asked == ["idle"]


@pytest.mark.parametrize(("read_ahead", "allowed"), [(0, 1), (1, 2), (None, 3)])
def test_reads_run_ahead_as_far_as_allowed_and_no_further(
    read_ahead: int | None, allowed: int
) -> None:
    storage = Storage()
    with stream_from(storage, read_ahead) as stream:
        stream.begin()
        stream.wait(allowed - 1)
    layers = {asked[0] for asked in storage.asked if asked != "idle"}
    assert layers == set(range(allowed))


def test_a_computed_layer_lets_the_next_one_in() -> None:
    storage = Storage()
    with stream_from(storage, 0) as stream:
        stream.begin()
        for layer in range(3):
            stream.wait(layer)
            stream.layer_computed(layer)
    assert [asked for asked in storage.asked if asked != "idle"] == [
        (layer, index) for layer in range(3) for index in (0, 1)
    ]


def test_whatever_goes_wrong_is_raised_by_wait() -> None:
    def fail(layer: int, _: PlannedShard) -> memoryview:
        message = f"no layer {layer}"
        raise OSError(message)

    with stream_from(Storage(), None, fail) as stream:
        stream.begin()
        with pytest.raises(OSError, match="no layer 0"):
            stream.wait(2)


def test_leaving_ends_the_thread_after_the_read_it_is_in() -> None:
    storage, started, finish = Storage(), Event(), Event()

    def slow(layer: int, shard: PlannedShard) -> memoryview:
        started.set()
        finish.wait()
        return storage.fetch(layer, shard)

    with stream_from(storage, None, slow) as stream:
        stream.begin()
        started.wait()
        stream.stop()
        finish.set()
    assert [asked for asked in storage.asked if asked != "idle"] == [(0, 0)]
