from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shard_runtime.errors import InputError, StoreError
from shard_runtime.reader import (
    DirectReader,
    PacedReader,
    PlainReader,
    forget_cached,
    open_reader,
    parse_bandwidth,
)

if TYPE_CHECKING:
    from pathlib import Path

    from shard_runtime.reader import Reader

CONTENT = bytes(range(256)) * 5000


class FakeTime:
    """A clock that only moves by sleeping, which always takes a little too long."""

    def __init__(self, oversleep_s: float = 0.0) -> None:
        self.now = 100.0
        self.oversleep_s = oversleep_s

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + self.oversleep_s


def paced(time: FakeTime, bandwidth: int = 1000, overhead_us: int = 0) -> PacedReader:
    return PacedReader(PlainReader(), bandwidth, overhead_us, clock=time.clock, sleep=time.sleep)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shards-2.bin"
    path.write_bytes(CONTENT)
    return path


def read(reader: Reader, path: Path, offset: int, length: int) -> bytes:
    destination = bytearray(length)
    reader.read_into(path, offset, memoryview(destination))
    reader.hold_back()
    return bytes(destination)


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 1), (1, 4096), (4095, 2), (8192, 8192), (12345, 1_200_000), (len(CONTENT) - 3, 3)],
)
def test_a_read_gives_the_bytes_of_its_range(
    file: Path, offset: int, length: int, *, direct: bool
) -> None:
    reader, _ = open_reader(file, direct=direct)
    assert read(reader, file, offset, length) == CONTENT[offset : offset + length]
    reader.close()


def test_a_direct_reader_falls_back_with_a_reason(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(DirectReader, "read_into", refuse)
    reader, reason = open_reader(file, direct=True)
    assert isinstance(reader, PlainReader)
    assert reason == "the file system refuses O_DIRECT (Invalid argument)"


@pytest.mark.parametrize("direct", [False, True])
def test_reading_past_the_end_is_an_error(file: Path, *, direct: bool) -> None:
    reader, _ = open_reader(file, direct=direct)
    with pytest.raises(StoreError, match=f"the file ends before byte {len(CONTENT)}"):
        read(reader, file, len(CONTENT) - 1, 2)
    reader.close()


def test_a_lost_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="the store has lost this file"):
        read(PlainReader(), tmp_path / "gone", 0, 1)


def test_forgetting_the_cache_changes_no_content(file: Path) -> None:
    forget_cached([file])
    assert file.read_bytes() == CONTENT


def test_a_paced_read_takes_overhead_and_bytes_over_bandwidth(file: Path) -> None:
    time = FakeTime()
    read(paced(time, bandwidth=1000, overhead_us=500_000), file, 0, 2000)
    assert time.now == pytest.approx(102.5)


def test_a_chain_of_paced_reads_does_not_drift(file: Path) -> None:
    time = FakeTime(oversleep_s=0.01)
    reader = paced(time)
    for _ in range(100):
        read(reader, file, 0, 100)
    assert time.now == pytest.approx(110.0 + 0.01)


def test_idle_time_earns_no_credit(file: Path) -> None:
    time = FakeTime()
    reader = paced(time)
    time.now += 50
    reader.idle()
    read(reader, file, 0, 1000)
    assert time.now == pytest.approx(151.0)


def test_idling_forgives_no_debt(file: Path) -> None:
    time = FakeTime(oversleep_s=-0.5)
    reader = paced(time)
    read(reader, file, 0, 1000)
    reader.idle()
    read(reader, file, 0, 1000)
    assert time.now == pytest.approx(102.0 - 0.5)


def test_credit_for_falling_behind_is_bounded(file: Path) -> None:
    time = FakeTime()
    reader = paced(time)
    time.now += 50
    read(reader, file, 0, 1000)
    assert time.now == pytest.approx(150.95)


@pytest.mark.parametrize(("bandwidth", "overhead_us"), [(0, 0), (1, -1)])
def test_a_pace_that_cannot_be_is_refused(bandwidth: int, overhead_us: int) -> None:
    with pytest.raises(InputError, match=f"got {bandwidth} and {overhead_us}"):
        PacedReader(PlainReader(), bandwidth, overhead_us)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("50MB/s", 50_000_000), ("1.5 GB/s", 1_500_000_000), ("8KiB/s", 8192), ("700B", 700)],
)
def test_a_bandwidth_is_read_with_its_unit(text: str, expected: int) -> None:
    assert parse_bandwidth(text) == expected


@pytest.mark.parametrize("text", ["", "50", "MB/s", "-5MB/s", "50mb/s", "50Mbit/s", "0MB/s", "nan"])
def test_anything_else_is_no_bandwidth(text: str) -> None:
    with pytest.raises(InputError, match="bandwidth must be a positive number"):
        parse_bandwidth(text)
