from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from baton.errors import UnavailableError
from baton.journal import journal as module
from baton.journal.journal import Journal
from baton.journal.record import Record
from baton.journal.segment import read_segment, segment_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_S = 30


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal whose first segment is number 5."""
    opened = Journal(tmp_path, 5)
    yield opened
    opened.close()


def record(body: bytes) -> Record:
    """A record with this body."""
    return Record(1, "t", body)


def bodies(folder: Path) -> list[bytes]:
    """All bodies in the folder's segments, in order."""
    return [r.body for number in segment_numbers(folder) for r in read_segment(folder, number).records]


def test_a_record_is_on_disk_when_its_future_is_done(journal: Journal, tmp_path: Path) -> None:
    """Another process could read it at that moment, from a segment that is still open."""
    assert journal.append(record(b"a")).result(WAIT_S) == 5
    assert bodies(tmp_path) == [b"a"]


def test_fsync_comes_before_the_acknowledgement(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the fsync runs the record is not acknowledged, and what arrives meanwhile shares the next one."""
    entered, leave, synced = threading.Event(), threading.Event(), []
    fsync = os.fsync

    def slow(descriptor: int) -> None:
        synced.append(len(bodies(tmp_path)))
        entered.set()
        assert leave.wait(WAIT_S)
        fsync(descriptor)

    journal.append(record(b"0")).result(WAIT_S)
    monkeypatch.setattr(module.os, "fsync", slow)
    first = journal.append(record(b"1"))
    assert entered.wait(WAIT_S)
    rest = [journal.append(record(b"%d" % number)) for number in range(2, 12)]
    assert not first.done()
    leave.set()
    assert [future.result(WAIT_S) for future in (first, *rest)] == [5] * 11
    assert synced == [2, 12]


def test_sealing_starts_a_new_segment(journal: Journal, tmp_path: Path) -> None:
    """The number given is that of the last closed segment; sealing nothing makes no empty ones."""
    assert journal.seal().result(WAIT_S) == 4
    journal.append(record(b"a")).result(WAIT_S)
    assert [journal.seal().result(WAIT_S) for _ in range(2)] == [5, 5]
    assert journal.append(record(b"b")).result(WAIT_S) == 6
    assert (segment_numbers(tmp_path), bodies(tmp_path)) == ([5, 6], [b"a", b"b"])


def test_a_full_segment_is_sealed(journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much arrives at once, a segment outgrows its limit by less than one record."""
    monkeypatch.setattr(module, "SEGMENT_BYTES_MAX", 1000)
    futures = [journal.append(record(bytes(300))) for _ in range(20)]
    assert sorted(future.result(WAIT_S) for future in futures) == [5 + number // 4 for number in range(20)]
    assert [len(read_segment(tmp_path, number).records) for number in segment_numbers(tmp_path)] == [4] * 5


def test_a_failed_write_is_not_acknowledged_and_nothing_is_written_behind_it(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills in the middle of a record costs that record: the next goes to a new segment."""
    write = os.write

    def full(descriptor: int, data: memoryview) -> int:
        if len(data) < 50:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[: len(data) - 40])

    journal.append(record(b"before")).result(WAIT_S)
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "write", full)
        with pytest.raises(UnavailableError, match="No space left on device"):
            journal.append(record(bytes(range(100)))).result(WAIT_S)
    assert journal.append(record(b"after")).result(WAIT_S) == 6
    assert bodies(tmp_path) == [b"before", b"after"]
    assert read_segment(tmp_path, 5).torn_bytes > 0


def test_a_failed_fsync_is_not_acknowledged(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed fsync nobody knows what is on disk: the segment is left behind, never synced again."""

    def broken(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    journal.append(record(b"before")).result(WAIT_S)
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "fsync", broken)
        with pytest.raises(UnavailableError, match="Input/output error"):
            journal.append(record(b"lost")).result(WAIT_S)
    assert journal.append(record(b"after")).result(WAIT_S) == 6


def test_closing_writes_what_was_ordered(tmp_path: Path) -> None:
    """Nothing ordered before `close` is lost by it."""
    journal = Journal(tmp_path, 1)
    futures = [journal.append(record(b"%d" % number)) for number in range(100)]
    journal.close()
    assert all(future.done() for future in futures)
    assert bodies(tmp_path) == [b"%d" % number for number in range(100)]


def test_a_sender_that_gave_up_does_not_stop_the_others(journal: Journal) -> None:
    """A cancelled future is passed over."""
    futures = [journal.append(record(b"x")) for _ in range(50)]
    futures[-1].cancel()
    assert journal.append(record(b"y")).result(WAIT_S) == 5
