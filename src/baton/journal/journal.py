"""Durable append with group commit: whatever arrives while one fsync runs shares the next.

One thread owns the files. `append` and `seal` only put orders into its queue, so callers never wait for the disk
unless they wait for the future.
"""

from __future__ import annotations

import os
import queue
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from baton.errors import UnavailableError
from baton.journal.record import MAGIC, Record, pack
from baton.journal.segment import segment_bytes, segment_path, sync_folder
from baton.limits import DISK_RESERVE_BYTES_MAX, DISK_RESERVE_SHARE, JOURNAL_BYTES_MAX, SEGMENT_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# How many parts one writev takes; POSIX promises 16, Linux 1,024.
_PARTS_MAX = os.sysconf("SC_IOV_MAX")


class _Order(NamedTuple):
    """What the thread is asked to do; without a record: to seal the segment."""

    record: Record | None
    done: Future[int]


class _Append(NamedTuple):
    """A record as it is written, and who waits for it."""

    parts: tuple[bytes, bytes]
    done: Future[int]

    @property
    def size(self) -> int:
        return len(self.parts[0]) + len(self.parts[1])


class Journal:
    """Appends records to numbered segments.

    A segment is sealed when it has grown to `SEGMENT_BYTES_MAX`, when `seal` is called, and when nobody knows any more
    what of it is on disk: after a failed fsync nothing is written behind it. A write that failed, on a full disk say,
    is cut off again, and the segment goes on.

    The disk is never filled to the brim, nor the journal without end: a drain needs room for what it moves, and it is
    the drain that makes room.
    """

    def __init__(self, folder: Path, first: int) -> None:
        """Starts the thread.

        Args:
            folder: where the segments lie; it exists.
            first: number of the first segment to write: above all there are and all that were drained.
        """
        self._folder = folder
        self._number = first
        self._descriptor: int | None = None
        self._size = 0
        self._sealed_bytes = segment_bytes(folder)
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def append(self, record: Record) -> Future[int]:
        """Orders a record written.

        Returns:
            A future that is done once the record is durable: the number of its segment; or that fails with
            UnavailableError (the disk refused, or is nearly full, or the journal holds `JOURNAL_BYTES_MAX`), and the
            record may or may not be there after a crash.
        """
        return self._order(record)

    def seal(self) -> Future[int]:
        """Orders the segment closed; the future gives the number of the last closed one: all up to it are final."""
        return self._order(None)

    def close(self) -> None:
        """Writes what was ordered, seals the segment, ends the thread."""
        self._orders.put(None)
        self._thread.join()

    def _order(self, record: Record | None) -> Future[int]:
        done: Future[int] = Future()
        self._orders.put(_Order(record, done))
        return done

    def _run(self) -> None:
        running = True
        while running:
            batch = [self._orders.get()]
            with suppress(queue.Empty):
                while True:
                    batch.append(self._orders.get_nowait())
            running = None not in batch
            # A sender that gave up waiting was never told that its record is durable.
            orders = [order for order in batch if order is not None and order.done.set_running_or_notify_cancel()]
            seals = [order.done for order in orders if order.record is None]
            self._append([_Append(pack(order.record), order.done) for order in orders if order.record is not None])
            if seals or not running:
                self._seal()
            for done in seals:
                done.set_result(self._number - 1)

    def _append(self, appends: list[_Append]) -> None:
        """Commits the records, in as many groups as keep the segments to their size."""
        first, size = 0, self._size
        for position, append in enumerate(appends, start=1):
            size += append.size
            if size >= SEGMENT_BYTES_MAX or position == len(appends):
                self._commit(appends[first:position])
                first, size = position, self._size

    def _commit(self, group: list[_Append]) -> None:
        """Writes and syncs the records, then tells those who wait; seals a full segment."""
        try:
            self._check_room(sum(append.size for append in group))
            self._write(part for append in group for part in append.parts)
        except OSError as error:
            refusal = f"the journal in {self._folder} cannot be written ({error}): see to its disk"
            for append in group:
                append.done.set_exception(UnavailableError(refusal))
            return
        except UnavailableError as error:
            for append in group:
                append.done.set_exception(error)
            return
        number = self._number
        if self._size >= SEGMENT_BYTES_MAX:
            self._seal()
        for append in group:
            append.done.set_result(number)

    def _check_room(self, size: int) -> None:
        """Passes if `size` bytes may be added.

        Raises:
            UnavailableError: the disk or the journal would hold too much.
        """
        disk = os.statvfs(self._folder)
        free = disk.f_bavail * disk.f_frsize
        reserve = min(DISK_RESERVE_BYTES_MAX, int(disk.f_blocks * disk.f_frsize * DISK_RESERVE_SHARE))
        if free < reserve + size:
            raise UnavailableError(
                f"the disk of {self._folder} has {free} bytes left, and {reserve} are kept for moving the journal into "
                "the table: make room there"
            )
        if self._sealed_bytes + self._size + size > JOURNAL_BYTES_MAX:
            self._sealed_bytes = segment_bytes(self._folder) - self._size
        if self._sealed_bytes + self._size + size > JOURNAL_BYTES_MAX:
            raise UnavailableError(
                f"the journal in {self._folder} holds {self._sealed_bytes + self._size} bytes that the table has not "
                f"taken, the limit is {JOURNAL_BYTES_MAX}: the log says what keeps the table from it"
            )

    def _write(self, parts: Iterable[bytes]) -> None:
        """Writes and syncs the parts.

        Raises:
            OSError: the disk refused; nothing of them stays, or the segment was sealed.
        """
        descriptor = self._open()
        try:
            written = _write_all(descriptor, [*parts] if self._size else [MAGIC, *parts])
        except OSError:
            self._cut_off(descriptor)
            raise
        try:
            # The data, and what is needed to find it: a file's length is synced with it, its times are not.
            os.fdatasync(descriptor)
        except OSError:
            self._cut_off(descriptor)
            self._seal()
            raise
        self._size += written

    def _cut_off(self, descriptor: int) -> None:
        """Takes back what was not acknowledged; all before it was synced, so that this cannot touch it."""
        try:
            os.ftruncate(descriptor, self._size)
        except OSError:
            self._seal()

    def _open(self) -> int:
        """The descriptor of the segment; a new one's name is durable before anything is written to it."""
        if self._descriptor is None:
            path = segment_path(self._folder, self._number)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
            try:
                sync_folder(self._folder)
            except OSError:
                os.close(descriptor)
                path.unlink()
                raise
            self._descriptor = descriptor
        return self._descriptor

    def _seal(self) -> None:
        """Closes the segment, if one is open; the next record opens the next. An empty one goes."""
        if self._descriptor is None:
            return
        with suppress(OSError):  # what was acknowledged was synced before; there is nothing left to lose
            if not self._size:
                segment_path(self._folder, self._number).unlink()
            os.close(self._descriptor)
        self._sealed_bytes += self._size
        self._descriptor, self._size = None, 0
        self._number += 1


def _write_all(descriptor: int, parts: list[bytes]) -> int:
    """Writes the parts without joining them; returns how many bytes that were."""
    left: list[bytes | memoryview] = [*parts]
    first = 0
    while first < len(left):
        written = os.writev(descriptor, left[first : first + _PARTS_MAX])
        while first < len(left) and written >= len(left[first]):
            written -= len(left[first])
            first += 1
        if written:
            left[first] = memoryview(left[first])[written:]
    return sum(map(len, parts))
