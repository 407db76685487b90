"""How much may be on its way in: requests being read, by number, age and memory; bytes held, by their sum.

Who sends is asked first (`gate`), then a request takes a place to be read in. When all places are taken the oldest
read gives way: an honest request is read in milliseconds, so what is old is slow. HTTP's bytes are counted as they
come; gRPC gathers a message before it shows any of it, and tells no length, so there the process's memory is watched
instead: when it is short, few places are left.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from baton.errors import UnavailableError
from baton.limits import (
    JOURNAL_BACKLOG_BYTES_MAX,
    MEMORY_BYTES_CRITICAL,
    MEMORY_BYTES_HIGH,
    MEMORY_LOOK_S,
    READ_S_MAX,
    READS_MAX,
    READS_PRESSED_MAX,
)
from baton.serve.memory import give_back, resident_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

_GIVE_BACK_S = 1.0


class TooSlowError(UnavailableError):
    """A request whose bytes did not come in time: may be sent again, and says nothing about the endpoint."""


class Hold:
    """Bytes of one request, counted until the block ends."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.size = 0

    def grow(self, size: int) -> None:
        """Counts more.

        Raises:
            UnavailableError: all requests together would hold more than `JOURNAL_BACKLOG_BYTES_MAX`.
        """
        if size > 0 and self._admission.held + size > JOURNAL_BACKLOG_BYTES_MAX:
            raise UnavailableError(
                f"{self._admission.held} bytes of requests wait, the limit is {JOURNAL_BACKLOG_BYTES_MAX}: try again"
            )
        self.size += size
        self._admission.held += size


class Admission:
    """The places and bytes that requests share, of both doors. Used in the event loop only."""

    def __init__(self, places: int = READS_MAX) -> None:
        self.held = 0
        self._places = places
        self._resident = 0
        self._looked_at = 0.0
        self._gave_back_at = 0.0
        # In the order begun: the task that reads, and since when.
        self._reads: dict[asyncio.Task[object], float] = {}
        self._cut: dict[asyncio.Task[object], UnavailableError] = {}

    @contextmanager
    def holding(self) -> Iterator[Hold]:
        """Bytes that are counted from `grow` to the end of the block."""
        hold = Hold(self)
        try:
            yield hold
        finally:
            self.held -= hold.size

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A place to read one request in, in the current task.

        Raises:
            TooSlowError: it took longer than `READ_S_MAX`.
            UnavailableError: it gave way to others, or to the stop.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is read in a task")
        self._look(time.monotonic())
        self._give_way(self._limit, "memory is short")
        if self._limit == 0:
            raise UnavailableError("memory is short: try again")
        self._give_way(self._places - 1, "others wait and this one is slow")
        self._reads[task] = time.monotonic()
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._cut:
                raise
            task.uncancel()
            raise self._cut[task] from None
        finally:
            self._reads.pop(task, None)
            self._cut.pop(task, None)

    async def watch(self) -> None:
        """Cuts off what is overdue, or too much for the memory, until cancelled."""
        while True:
            await asyncio.sleep(MEMORY_LOOK_S)
            now = time.monotonic()
            self._look(now)
            self._give_way(self._limit, "memory is short")
            while self._reads and now - next(iter(self._reads.values())) > READ_S_MAX:
                self._cut_oldest(TooSlowError(f"the request was not sent within {READ_S_MAX:g} s: try again"))

    def cut_all(self, why: str) -> None:
        """Cuts off every request that is being read."""
        self._give_way(0, why)

    @property
    def _limit(self) -> int:
        """How many reads the memory allows."""
        if self._resident <= MEMORY_BYTES_HIGH:
            return self._places
        return READS_PRESSED_MAX if self._resident <= MEMORY_BYTES_CRITICAL else 0

    def _look(self, now: float) -> None:
        """Looks at the memory, if it was not just done."""
        if now - self._looked_at < MEMORY_LOOK_S:
            return
        self._looked_at = now
        self._resident = resident_bytes()
        if self._resident > MEMORY_BYTES_HIGH and now - self._gave_back_at > _GIVE_BACK_S:
            self._gave_back_at = now
            give_back()

    def _give_way(self, places: int, why: str) -> None:
        while len(self._reads) > places:
            self._cut_oldest(UnavailableError(f"the request was not read to its end: {why}; try again"))

    def _cut_oldest(self, error: UnavailableError) -> None:
        task = next(iter(self._reads))
        del self._reads[task]
        self._cut[task] = error
        task.cancel()
