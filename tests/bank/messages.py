"""Messages and what truly became of them, for every queue or group that was to have them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bank.telemetry import Span

TAKEN, LOST, WAITING, PARKED, RETRIED = "taken", "lost", "waiting", "parked", "retried"


@dataclass(eq=False, slots=True)
class Fate:
    """What became of a message in one queue.

    Attributes:
        queue: the queue, or the consumer group.
        receivers: the services that take from it; empty where nothing takes the message at all.
        what: TAKEN, LOST, WAITING, PARKED; RETRIED where a later send of it was to make it good.
        why: of a loss, the cause in the words of the design.
        at: when it was taken or lost, seconds.
        held_at: the dead-letter queue that has it.
        receipts: the receiving spans of each delivery.
    """

    queue: str
    receivers: frozenset[str]
    what: str = WAITING
    why: str | None = None
    at: float = 0.0
    held_at: str | None = None
    receipts: list[Span] = field(default_factory=list)

    def lose(self, why: str, at: float) -> None:
        """It is gone from here."""
        self.what, self.why, self.at = LOST, why, at


@dataclass(eq=False, slots=True)
class Message:
    """One send of one message: a retry is another send of the same id."""

    id: str
    sender: str
    exchange: str
    key: str
    sent_at: float
    priority: int = 0
    correlation: str | None = None
    partition: int | None = None
    context: Span | None = None
    fates: list[Fate] = field(default_factory=list)
