"""An embedded stand-in for RabbitMQ's bounded queue, and its own ledger.

It behaves as a classic queue with `max-length` and the overflow policy `drop-head` does: when a message comes in and
the queue is full, the oldest one is evicted; priorities there are none, and the publisher is told nothing either way.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Condition
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Message:
    """What a sender hands to the queue.

    Attributes:
        message_id: unique within one run.
        sender: service.name of who sent it.
        headers: what travels with it; the W3C trace context among them.
        trade_id: the trade that it confirms; None for a tick.
    """

    message_id: str
    sender: str
    headers: Mapping[str, str]
    trade_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """What became of every message, in the queue's own order. The truth; spans and Baton have no part in it.

    Attributes:
        handed: given to the consumer.
        evicted: pushed out at the head, seen by nobody.
    """

    handed: tuple[Message, ...]
    evicted: tuple[Message, ...]


class BoundedQueue:
    """A queue of at most `limit` messages, for any number of threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Message] = deque()
        self._handed: list[Message] = []
        self._evicted: list[Message] = []
        self._closed = False
        self._changed = Condition()

    def publish(self, message: Message) -> None:
        """Takes the message; a full queue evicts its oldest one and says nothing."""
        with self._changed:
            if len(self._waiting) == self._limit:
                self._evicted.append(self._waiting.popleft())
            self._waiting.append(message)
            self._changed.notify()

    def take(self) -> Message | None:
        """The oldest message, waited for if need be; None once the queue is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            self._handed.append(self._waiting.popleft())
            return self._handed[-1]

    def close(self) -> None:
        """Says that nothing more will be published: whoever waits in `take` gets what is left, then None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def ledger(self) -> Ledger:
        """What became of the messages so far."""
        with self._changed:
            return Ledger(tuple(self._handed), tuple(self._evicted))
