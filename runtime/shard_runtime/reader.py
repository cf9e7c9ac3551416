"""Reading byte ranges of the store: plainly, past the page cache, or as slowly as slow flash."""

from __future__ import annotations

import mmap
import os
import re
import time
from typing import TYPE_CHECKING, Protocol

from shard_runtime.errors import InputError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

BLOCK_BYTES = 4096
BOUNCE_BYTES = 2**20
LARGEST_CREDIT_S = 0.05
CAN_FORGET = hasattr(os, "posix_fadvise")
MICROSECONDS_PER_SECOND = 1_000_000
UNITS = {
    "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30,
}  # fmt: skip
BANDWIDTH = re.compile(r"(\d+(?:\.\d+)?)\s*(" + "|".join(UNITS) + r")(?:/s)?")


class Reader(Protocol):
    """Fills a buffer with a byte range of a file."""

    @property
    def nbytes(self) -> int:
        """Bytes of working memory."""
        ...

    def read_into(self, path: Path, offset: int, destination: memoryview) -> None:
        """Fill the destination from the offset; StoreError if the file ends before."""
        ...

    def hold_back(self) -> None:
        """Return once the last read is due; until then its bytes may be checked already."""
        ...

    def idle(self) -> None:
        """Say that no read was wanted until now, so that a paced reader grants no credit."""
        ...

    def close(self) -> None:
        """Close the files."""
        ...


class PlainReader:
    """Reads through the page cache; keeps each file open."""

    def __init__(self) -> None:
        self._files = OpenFiles(os.O_RDONLY)

    @property
    def nbytes(self) -> int:
        """Bytes of working memory: none."""
        return 0

    def read_into(self, path: Path, offset: int, destination: memoryview) -> None:
        """Fill the destination from the offset; StoreError if the file ends before."""
        _fill(path, self._files.descriptor(path), offset, destination)

    def hold_back(self) -> None:
        """Nothing to do: what was read is due."""

    def idle(self) -> None:
        """Nothing to do: this reader is as fast as it is."""

    def close(self) -> None:
        """Close the files."""
        self._files.close()


class DirectReader:
    """Reads past the page cache (O_DIRECT) through one page-aligned buffer.

    Offset and length are rounded outwards to whole blocks. Raises OSError from the first read if
    the file system refuses; `open_reader` finds out beforehand.
    """

    def __init__(self) -> None:
        self._files = OpenFiles(os.O_RDONLY | os.O_DIRECT)
        self._bounce = memoryview(mmap.mmap(-1, BOUNCE_BYTES))

    @property
    def nbytes(self) -> int:
        """Bytes of working memory: the aligned buffer."""
        return BOUNCE_BYTES

    def read_into(self, path: Path, offset: int, destination: memoryview) -> None:
        """Fill the destination from the offset; StoreError if the file ends before."""
        descriptor = self._files.descriptor(path)
        done = 0
        while done < len(destination):
            start = (offset + done) // BLOCK_BYTES * BLOCK_BYTES
            skip = offset + done - start
            wanted = min(BOUNCE_BYTES - skip, len(destination) - done)
            blocks = -(-(skip + wanted) // BLOCK_BYTES) * BLOCK_BYTES
            got = os.preadv(descriptor, [self._bounce[:blocks]], start) - skip
            if got <= 0:
                raise _ended(path, offset + done)
            used = min(got, wanted)
            destination[done : done + used] = self._bounce[skip : skip + used]
            done += used

    def hold_back(self) -> None:
        """Nothing to do: what was read is due."""

    def idle(self) -> None:
        """Nothing to do: this reader is as fast as it is."""

    def close(self) -> None:
        """Close the files."""
        self._files.close()


class PacedReader:
    """Another reader, slowed down to a bandwidth and an overhead a request.

    A token bucket on one monotonic clock: each read is due its cost after the read before was
    due, so a late wake-up is a debt that the next read pays back, and a chain of reads takes
    the sum of the costs. Time in which no read was wanted (`idle`) earns nothing; a chain that
    falls behind, because the other reader is slower, catches up on at most LARGEST_CREDIT_S.
    """

    def __init__(
        self,
        reader: Reader,
        bandwidth_bytes_per_s: int,
        request_overhead_us: int = 0,
        *,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if bandwidth_bytes_per_s < 1 or request_overhead_us < 0:
            message = (
                "bandwidth must be at least 1 byte/s and overhead at least 0 us, got "
                f"{bandwidth_bytes_per_s} and {request_overhead_us}"
            )
            raise InputError(message)
        self._reader = reader
        self._seconds_per_byte = 1 / bandwidth_bytes_per_s
        self._overhead_s = request_overhead_us / MICROSECONDS_PER_SECOND
        self._clock = clock
        self._sleep = sleep
        self._due = clock()

    @property
    def nbytes(self) -> int:
        """Bytes of working memory of the reader within."""
        return self._reader.nbytes

    def read_into(self, path: Path, offset: int, destination: memoryview) -> None:
        """Fill the destination as fast as the reader within; `hold_back` keeps the pace."""
        start = max(self._due, self._clock() - LARGEST_CREDIT_S)
        self._due = start + self._overhead_s + len(destination) * self._seconds_per_byte
        self._reader.read_into(path, offset, destination)

    def hold_back(self) -> None:
        """Sleep until the last read is due."""
        remaining = self._due - self._clock()
        if remaining > 0:
            self._sleep(remaining)

    def idle(self) -> None:
        """Start the pace again from now, unless a debt is still to be paid."""
        self._reader.idle()
        self._due = max(self._due, self._clock())

    def close(self) -> None:
        """Close the reader within."""
        self._reader.close()


class OpenFiles:
    """File descriptors by path, opened on first use."""

    def __init__(self, flags: int) -> None:
        self._flags = flags
        self._descriptors: dict[Path, int] = {}

    def descriptor(self, path: Path) -> int:
        """The open file; StoreError if it is not there."""
        if path not in self._descriptors:
            try:
                self._descriptors[path] = os.open(path, self._flags)
            except FileNotFoundError as error:
                message = f"{path}: the store has lost this file"
                raise StoreError(message) from error
        return self._descriptors[path]

    def close(self) -> None:
        """Close all."""
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])


def open_reader(probe: Path, *, direct: bool) -> tuple[Reader, str | None]:
    """A plain or direct reader; a plain one with the reason if `probe` refuses O_DIRECT."""
    if not direct:
        return PlainReader(), None
    if not hasattr(os, "O_DIRECT"):
        return PlainReader(), "this system has no O_DIRECT"
    reader = DirectReader()
    try:
        reader.read_into(probe, 0, memoryview(bytearray(1)))
    except OSError as error:
        reader.close()
        return PlainReader(), f"the file system refuses O_DIRECT ({error.strerror})"
    return reader, None


def parse_bandwidth(text: str) -> int:
    """Bytes a second of a text like `50MB/s`; InputError otherwise."""
    match = BANDWIDTH.fullmatch(text.strip())
    bandwidth = int(float(match[1]) * UNITS[match[2]]) if match else 0
    if bandwidth < 1:
        message = (
            f"bandwidth must be a positive number and one of {', '.join(UNITS)}, "
            f"like 50MB/s, got {text!r}"
        )
        raise InputError(message)
    return bandwidth


def forget_cached(paths: Iterable[Path]) -> None:
    """Ask the kernel to drop the files from its page cache, so that the next reads are cold.

    InputError where the system cannot be asked (CAN_FORGET says so beforehand).
    """
    if not CAN_FORGET:
        message = "this system cannot empty its page cache for a file (no posix_fadvise)"
        raise InputError(message)
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def _fill(path: Path, descriptor: int, offset: int, destination: memoryview) -> None:
    done = 0
    while done < len(destination):
        got = os.preadv(descriptor, [destination[done:]], offset + done)
        if got == 0:
            raise _ended(path, offset + done)
        done += got


def _ended(path: Path, at: int) -> StoreError:
    return StoreError(f"{path}: the file ends before byte {at}, which the manifest lists")
