"""Looks at a broker every few seconds and keeps what it says, beside the endpoint and never in its way.

A broker that is away is told of once, and once when it is back: what Baton did not see of it is not known, and is no
failure of the endpoint.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from baton.serve.upkeep import attempt

if TYPE_CHECKING:
    from baton.brokers.snapshot import Source
    from baton.store.facts import Facts

_log = logging.getLogger(__name__)


class Watch:
    """Snapshots of one broker, again and again.

    Attributes:
        name: the broker's URL.
    """

    def __init__(self, source: Source, facts: Facts, interval_s: float) -> None:
        self.name = source.name
        self._source = source
        self._facts = facts
        self._interval_s = interval_s

    async def run(self) -> None:
        """Takes snapshots until cancelled; the one under way then is given up."""
        told = ""
        try:
            while True:
                begun = time.monotonic()
                before, told = told, await attempt(self._look, told)
                if before and not told:
                    _log.warning("the broker at %s is back", self.name)
                took = time.monotonic() - begun
                await asyncio.sleep(max(self._interval_s - took, took))
        finally:
            self._source.hang_up()

    async def _look(self) -> None:
        # In a thread: neither the broker nor the disk may hold up the answers.
        await asyncio.to_thread(self._keep)

    def _keep(self) -> None:
        self._facts.append(self._source.look(time.time_ns()))
