"""What goes on behind the doors: the journal into the table, what the table teaches, and few large files from many.

All that writes to the store runs in one thread: a store has one writer, and it is not to be used twice at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from baton.errors import BatonError
from baton.limits import (
    ALIVE_INTERVAL_S,
    COMPACT_INTERVAL_S,
    LEARN_INTERVAL_S,
    OLD_FILES_S,
    OUTAGES_INTERVAL_S,
    RETENTION_INTERVAL_S,
    SEGMENT_AGE_S_MAX,
)
from baton.serve.compactor import compacted
from baton.serve.learner import learn
from baton.settings import load_settings
from baton.store.facts import Facts
from baton.wire.quote import quote

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from baton.journal.journal import Journal
    from baton.serve.outages import Refusals
    from baton.store.writer import Writer

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Upkeep:
    """Drains, learns, compacts, and keeps the record of outages, on time and at the end."""

    def __init__(self, writer: Writer, journal: Journal, owners: tuple[Path, ...], refusals: Refusals) -> None:
        self._refusals = refusals
        self._writer = writer
        self._journal = journal
        self._owners = owners
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._unlearned = False
        self._retained_s = float("-inf")

    async def run(self) -> None:
        """Does all of it at its intervals until cancelled; failures are logged.

        The endpoint was down from the last sign of life until this begins, and again from its end.
        """
        last_ns, now_ns = self._writer.last_beat(), time.time_ns()
        if last_ns is not None and last_ns < now_ns:
            self._refusals.was_down(last_ns, now_ns)
        try:
            await asyncio.gather(
                _every(ALIVE_INTERVAL_S, self._beat),
                _every(SEGMENT_AGE_S_MAX, self.drain),
                _every(LEARN_INTERVAL_S, self.learn),
                _every(COMPACT_INTERVAL_S, self.compact),
                _every(OUTAGES_INTERVAL_S, self.save_outages),
            )
        finally:
            with suppress(OSError):
                self._writer.beat(time.time_ns())
            await attempt(self.save_outages)

    async def drain(self) -> None:
        """Seals the segment being written and moves all sealed ones into the table.

        Raises:
            StoreError: the table refused; the segments stay, and count as part of the store all the same.
        """
        last = await asyncio.wrap_future(self._journal.seal())
        await self._in_thread(self._drain, last)

    async def learn(self) -> None:
        """Learns expectations, if spans were drained since they were learned last.

        Raises:
            BatonError: it failed; what was learned before still stands, and the next time tries again.
        """
        if not self._unlearned:
            return
        self._unlearned = False
        try:
            expectations = await learn(self._writer.path, self._owners)
            await self._in_thread(self._writer.save_expectations, expectations)
        except BaseException:
            self._unlearned = True
            raise

    async def compact(self) -> None:
        """Puts small files together if there are many, deletes spans that are kept no longer, and old files.

        Drains go on meanwhile: the new files are made in another process, beside those there are.

        Raises:
            BatonError: it failed; the table stands as it was, and the next time tries again.
        """
        kept_from_ns, now_s = load_settings(self._writer.path).kept_from_ns(time.time_ns()), time.monotonic()
        if now_s - self._retained_s < RETENTION_INTERVAL_S:
            kept_from_ns = None
        if kept_from_ns is not None or await self._in_thread(self._writer.needs_compaction):
            await self._in_thread(self._writer.swap, await compacted(self._writer.path, kept_from_ns))
            if kept_from_ns is not None:
                await self._in_thread(Facts(self._writer.path).forget, kept_from_ns)
            self._retained_s = self._retained_s if kept_from_ns is None else now_s
        await self._in_thread(self._writer.vacuum, OLD_FILES_S)

    async def save_outages(self) -> None:
        """Saves what was noted.

        Raises:
            StoreError: the table refused; the next time tries again.
        """
        frame = self._refusals.take()
        try:
            if len(frame):
                await self._in_thread(self._writer.save_outages, frame)
        except BaseException:
            self._refusals.give_back(frame)
            raise

    async def _beat(self) -> None:
        # In a thread: a disk that hangs must not hold up the answers.
        await asyncio.to_thread(self._writer.beat, time.time_ns())

    def _drain(self, last: int) -> None:
        # Here, not after it is awaited: whoever waits may be cancelled while the thread goes on.
        drained = self._writer.drain(last)
        self._unlearned = self._unlearned or drained.spans > 0
        for line in drained.warnings:
            _log.warning("journal: %s", line)

    async def _in_thread(self, work: Callable[..., _T], *arguments: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


async def _every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    """Does the work again and again, at most half of the time; the same failure in a row is logged once."""
    told, took = "", 0.0
    while True:
        await asyncio.sleep(max(seconds, took))
        begun = time.monotonic()
        told = await attempt(work, told)
        took = time.monotonic() - begun


async def attempt(work: Callable[[], Awaitable[None]], told: str = "") -> str:
    """Does the work and logs its failure in one line, unless that line is `told` already; returns the line."""
    try:
        await work()
    except BatonError as error:
        line = str(error)
    except Exception as error:  # noqa: BLE001 - the endpoint outlives whatever the work meets
        line = f"{type(error).__name__}: {quote(str(error))}"
    else:
        return ""
    if line != told:
        _log.warning("%s", line)
    return line
