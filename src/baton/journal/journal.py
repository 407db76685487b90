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
from baton.journal.segment import segment_path, sync_folder
from baton.limits import SEGMENT_BYTES_MAX

if TYPE_CHECKING:
    from pathlib import Path


class _Order(NamedTuple):
    """What the thread is asked to do; without a record: to seal the segment."""

    record: Record | None
    done: Future[int]


class Journal:
    """Appends records to numbered segments.

    A segment is sealed when it has grown to `SEGMENT_BYTES_MAX`, when `seal` is called, and when writing to it failed:
    after a failed write or fsync nobody knows what of it is on disk, so nothing more is written behind it.
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
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def append(self, record: Record) -> Future[int]:
        """Orders a record written.

        Returns:
            A future that is done once the record is durable: the number of its segment; or that fails with
            UnavailableError, and the record may or may not be there after a crash.
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
            self._append([(pack(order.record), order.done) for order in orders if order.record is not None])
            if seals or not running:
                self._seal()
            for done in seals:
                done.set_result(self._number - 1)

    def _append(self, appends: list[tuple[bytes, Future[int]]]) -> None:
        """Commits the records, in as many groups as keep the segments to their size."""
        first, size = 0, self._size
        for position, (data, _) in enumerate(appends, start=1):
            size += len(data)
            if size >= SEGMENT_BYTES_MAX or position == len(appends):
                self._commit(appends[first:position])
                first, size = position, self._size

    def _commit(self, group: list[tuple[bytes, Future[int]]]) -> None:
        """Writes and syncs the records, then tells those who wait; seals a full segment."""
        try:
            descriptor = self._open()
            parts = [data for data, _ in group]
            data = memoryview(b"".join(parts if self._size else [MAGIC, *parts]))
            self._size += len(data)
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        except OSError as error:
            self._seal()
            for _, done in group:
                done.set_exception(
                    UnavailableError(f"the journal in {self._folder} cannot be written ({error}): see to its disk")
                )
            return
        number = self._number
        if self._size >= SEGMENT_BYTES_MAX:
            self._seal()
        for _, done in group:
            done.set_result(number)

    def _open(self) -> int:
        """The descriptor of the segment; a new one's name is durable before anything is written to it."""
        if self._descriptor is None:
            path = segment_path(self._folder, self._number)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            sync_folder(self._folder)
        return self._descriptor

    def _seal(self) -> None:
        """Closes the segment, if one is open; the next record opens the next."""
        if self._descriptor is None:
            return
        with suppress(OSError):  # what was acknowledged was synced before; there is nothing left to lose
            os.close(self._descriptor)
        self._descriptor, self._size = None, 0
        self._number += 1
