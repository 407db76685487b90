"""What goes on behind the doors: the journal into the table, and what the table teaches.

All that writes to the store runs in one thread: a store has one writer, and it is not to be used twice at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from baton.errors import BatonError
from baton.limits import LEARN_INTERVAL_S, SEGMENT_AGE_S_MAX
from baton.serve.learner import learn
from baton.wire.quote import quote

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from baton.journal.journal import Journal
    from baton.store.writer import Writer

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Upkeep:
    """Drains and learns, on time and at the end."""

    def __init__(self, writer: Writer, journal: Journal, owners: Path | None) -> None:
        self._writer = writer
        self._journal = journal
        self._owners = owners
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._unlearned = False

    async def run(self) -> None:
        """Drains every `SEGMENT_AGE_S_MAX`, learns every `LEARN_INTERVAL_S`, until cancelled; failures are logged."""
        await asyncio.gather(_every(SEGMENT_AGE_S_MAX, self.drain), _every(LEARN_INTERVAL_S, self.learn))

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

    def _drain(self, last: int) -> None:
        # Here, not after it is awaited: whoever waits may be cancelled while the thread goes on.
        drained = self._writer.drain(last)
        self._unlearned = self._unlearned or drained.spans > 0
        for line in drained.torn:
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
