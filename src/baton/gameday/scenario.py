"""Scenarios: how many trades and ticks come when. The same scenario gives the same times every time."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEED = 20
"""Any number does; a fixed one makes two runs alike."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of time with one rate of ticks.

    Attributes:
        name: what people call it.
        duration_s: seconds.
        ticks_per_s: mean rate of market-data; its ticks come as the market's do, at random.
    """

    name: str
    duration_s: float
    ticks_per_s: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """A day at the bank, in seconds.

    Attributes:
        trades_per_s: rate of the customers, evenly spaced from the first to the last phase.
        queue_limit: messages that `wealth.events` holds.
        handled_per_s: messages that one notification instance handles.
        phases: one after the other.
    """

    trades_per_s: float
    queue_limit: int
    handled_per_s: float
    phases: tuple[Phase, ...]

    def trade_times_s(self) -> list[float]:
        """When each trade comes, seconds after the start."""
        duration_s = sum(phase.duration_s for phase in self.phases)
        return [number / self.trades_per_s for number in range(round(duration_s * self.trades_per_s))]

    def tick_times_s(self) -> list[float]:
        """When each tick comes, seconds after the start."""
        return list(self._ticks_s(Random(_SEED)))  # noqa: S311 - times of ticks, not keys

    def _ticks_s(self, random: Random) -> Iterator[float]:
        start_s = 0.0
        for phase in self.phases:
            end_s = start_s + phase.duration_s
            time_s = start_s + random.expovariate(phase.ticks_per_s)
            while time_s < end_s:
                yield time_s
                time_s += random.expovariate(phase.ticks_per_s)
            start_s = end_s


FLOOD = Scenario(
    trades_per_s=10,
    queue_limit=50,
    handled_per_s=45,
    # The last phase is long enough for the queue to drain (50 messages at 45 - 20 a second) and for later trades.
    phases=(Phase("calm", 2, 10), Phase("flood", 3, 200), Phase("calm again", 3, 10)),
)
"""market-data floods the queue for three seconds, at the rates of an overflow that was recorded on a real RabbitMQ."""

CALM = Scenario(trades_per_s=10, queue_limit=50, handled_per_s=45, phases=(Phase("calm", 6, 10),))
"""The same bank on a day on which nothing is lost."""
