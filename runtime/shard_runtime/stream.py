"""The IO thread: reads shards in order, no further ahead of the computation than allowed."""

from __future__ import annotations

from threading import Condition, Thread
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from plan_contracts import PlannedShard

    Fetch = Callable[[int, PlannedShard], memoryview]


class ShardStream:
    """Streamed shards of one run, layer by layer.

    Reads of layer l start once layer l-1-r is computed (`read_ahead_layers` r; None: at once).
    Use: enter, `begin`, then for each layer `wait`, `arrived` and `layer_computed`. Whatever goes
    wrong on the IO thread is raised by `wait`. Leaving ends the thread after the read it is in.
    """

    def __init__(
        self,
        streamed: Sequence[Sequence[PlannedShard]],
        read_ahead_layers: int | None,
        fetch: Fetch,
        on_idle: Callable[[], None],
    ) -> None:
        self._streamed = streamed
        self._read_ahead = read_ahead_layers
        self._fetch = fetch
        self._on_idle = on_idle
        self._arrived: list[dict[int, memoryview]] = [{} for _ in streamed]
        self._changed = Condition()
        self._computed_layers: int | None = None
        self._reads = [(layer, shard) for layer, shards in enumerate(streamed) for shard in shards]
        self._arrived_reads = 0
        self._stopped = False
        self._error: Exception | None = None
        self._thread = Thread(target=self._run, name="shard-stream", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._thread.join()

    def begin(self) -> None:
        """Let the first read be issued; until now, none was wanted."""
        self._advance(0)

    def stop(self) -> None:
        """Let no further read be issued."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def layer_computed(self, layer: int) -> None:
        """Say that this layer is computed, which may allow further reads."""
        self._advance(layer + 1)

    def has(self, layer: int) -> bool:
        """Whether all shards of the layer have arrived."""
        return len(self._arrived[layer]) == len(self._streamed[layer])

    def wait(self, layer: int) -> None:
        """Wait until all shards of the layer have arrived; raises the IO thread's error."""
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or self.has(layer))
        if self._error is not None:
            raise self._error

    def arrived(self, layer: int) -> dict[int, memoryview]:
        """Encoded shards of the layer by slice, for the caller to use up."""
        return self._arrived[layer]

    def _advance(self, computed_layers: int) -> None:
        """What this allows is wanted from now on, however long the IO thread takes to wake up."""
        with self._changed:
            was_wanted = self._may_read()
            self._computed_layers = computed_layers
            if self._may_read() and not was_wanted:
                self._on_idle()
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            self._read_all()
        except Exception as error:  # noqa: BLE001 - whatever it is, `wait` raises it
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _read_all(self) -> None:
        for layer, shard in self._reads:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._may_read())
                if self._stopped:
                    return
            encoded = self._fetch(layer, shard)
            with self._changed:
                self._arrived_reads += 1
                self._arrived[layer][shard.slice] = encoded
                if self.has(layer):
                    self._changed.notify_all()

    def _may_read(self) -> bool:
        """Whether the next read may start, or is under way; False if there is none."""
        if self._computed_layers is None or self._arrived_reads == len(self._reads):
            return False
        layer, _ = self._reads[self._arrived_reads]
        return self._read_ahead is None or self._computed_layers >= layer - self._read_ahead
