"""Simulated time: acts that are due, in the order of their moments."""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Seconds since the bank opened."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()

    def at(self, moment: float, act: Callable[[], object]) -> None:
        """Does `act` at a moment; acts of the same moment in the order in which they were asked for."""
        heapq.heappush(self._due, (max(moment, self.now), next(self._numbers), act))

    def after(self, delay: float, act: Callable[[], object]) -> None:
        """Does `act` so many seconds from now."""
        self.at(self.now + delay, act)

    def run(self, until: float) -> None:
        """Lets time pass."""
        while self._due and self._due[0][0] <= until:
            self.now, _, act = heapq.heappop(self._due)
            act()
        self.now = until
