from __future__ import annotations

import os
import threading
from types import SimpleNamespace
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
    return [r.body for number in segment_numbers(folder) for r in read_segment(folder, number)]


def test_a_record_is_on_disk_when_its_future_is_done(journal: Journal, tmp_path: Path) -> None:
    """Another process could read it at that moment, from a segment that is still open."""
    assert journal.append(record(b"a")).result(WAIT_S) == 5
    assert bodies(tmp_path) == [b"a"]


def test_the_sync_comes_before_the_acknowledgement(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the sync runs the record is not acknowledged, and what arrives meanwhile shares the next one."""
    entered, leave, synced = threading.Event(), threading.Event(), []
    fdatasync = os.fdatasync

    def slow(descriptor: int) -> None:
        synced.append(len(bodies(tmp_path)))
        entered.set()
        assert leave.wait(WAIT_S)
        fdatasync(descriptor)

    journal.append(record(b"0")).result(WAIT_S)
    monkeypatch.setattr(module.os, "fdatasync", slow)
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
    assert [len(list(read_segment(tmp_path, number))) for number in segment_numbers(tmp_path)] == [4] * 5


def test_a_failed_write_is_not_acknowledged_and_leaves_nothing(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills in the middle of a record costs that record: it is cut off, and the segment goes on."""
    writev = os.writev

    def full(descriptor: int, parts: list[bytes]) -> int:
        if parts[0] is not first.body:
            raise OSError(28, "No space left on device")
        return writev(descriptor, [parts[0][:40]])

    first = record(bytes(range(100)))
    journal.append(record(b"before")).result(WAIT_S)
    whole = tmp_path.joinpath("00000005.seg").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(module, "pack", lambda record: (record.body, b"rest"))
        patch.setattr(module.os, "writev", full)
        with pytest.raises(UnavailableError, match="No space left on device"):
            journal.append(first).result(WAIT_S)
    assert tmp_path.joinpath("00000005.seg").read_bytes() == whole
    assert journal.append(record(b"after")).result(WAIT_S) == 5
    assert bodies(tmp_path) == [b"before", b"after"]


def test_writes_that_take_a_part_go_on_where_they_stopped(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may take any number of bytes of any number of parts."""
    writev, taken = os.writev, iter(range(1, 10_000))

    def partly(descriptor: int, parts: list[bytes]) -> int:
        return writev(descriptor, [b"".join(parts)[: next(taken)]])

    monkeypatch.setattr(module.os, "writev", partly)
    monkeypatch.setattr(module, "_PARTS_MAX", 3)
    sent = [b"", b"x", *(bytes([number]) * number for number in range(50))]
    for future in [journal.append(record(body)) for body in sent]:
        assert future.result(WAIT_S) == 5
    assert bodies(tmp_path) == sent


def test_a_failed_sync_is_not_acknowledged_and_nothing_is_written_behind_it(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed sync nobody knows what is on disk: the segment is left behind, and one without records goes."""

    def broken(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    journal.append(record(b"before")).result(WAIT_S)
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "fdatasync", broken)
        for _ in range(2):
            with pytest.raises(UnavailableError, match="Input/output error"):
                journal.append(record(b"lost")).result(WAIT_S)
    assert journal.append(record(b"after")).result(WAIT_S) == 7
    assert (segment_numbers(tmp_path), bodies(tmp_path)) == ([5, 7], [b"before", b"after"])


def test_a_segment_whose_name_cannot_be_made_durable_is_not_used(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A record in it would be lost with the name; the next attempt makes it anew."""

    def broken(_folder: Path) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(module, "sync_folder", broken)
        with pytest.raises(UnavailableError, match="Input/output error"):
            journal.append(record(b"lost")).result(WAIT_S)
    assert segment_numbers(tmp_path) == []
    assert journal.append(record(b"after")).result(WAIT_S) == 5


def test_a_journal_that_is_never_drained_is_bounded(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond its limit, sealed segments included, records are refused until a drain has made room."""
    monkeypatch.setattr(module, "JOURNAL_BYTES_MAX", 1000)
    for _ in range(2):
        journal.append(record(bytes(300))).result(WAIT_S)
        journal.seal().result(WAIT_S)
    for _ in range(2):
        with pytest.raises(UnavailableError, match=r"holds 664 bytes that the table has not taken, the limit is 1000"):
            journal.append(record(bytes(400))).result(WAIT_S)
    (tmp_path / "00000005.seg").unlink()
    journal.append(record(bytes(400))).result(WAIT_S)


def test_a_disk_that_is_nearly_full_is_left_to_the_drain(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are refused while only the reserve is left, and taken again without a restart."""
    disk = SimpleNamespace(f_bavail=5, f_blocks=1000, f_frsize=4096)
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "statvfs", lambda _: disk)
        with pytest.raises(UnavailableError, match=r"20480 bytes left, and 204800 are kept .* make room"):
            journal.append(record(b"refused")).result(WAIT_S)
        disk.f_bavail = 51
        journal.append(record(b"a")).result(WAIT_S)


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
