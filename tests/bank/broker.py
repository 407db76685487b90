"""A broker: exchanges, queues with RabbitMQ's rules, topics with partitions and groups. It knows what it lost."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from bank.messages import PARKED, Fate, Message

if TYPE_CHECKING:
    from bank.clock import Clock
    from bank.consumers import Consumer

DROP_HEAD, REJECT_PUBLISH = "drop-head", "reject-publish"
OK, NACKED, RETURNED = "ok", "nacked", "returned"


@dataclass(eq=False, slots=True)
class Copy:
    """A message in one queue."""

    message: Message
    fate: Fate
    ready: bool = False
    deliveries: int = 0


class Queue:
    """A queue.

    A limit counts what is ready, not what consumers hold. Drop-head evicts what would be delivered next: with
    priorities that is the oldest of the highest priority (measured on RabbitMQ 3.10). `through` is the exchange by
    which dead letters come to it.
    """

    def __init__(
        self,
        clock: Clock,
        name: str,
        receivers: frozenset[str],
        *,
        limit: int | None = None,
        overflow: str = DROP_HEAD,
        ttl: float | None = None,
        priorities: bool = False,
        dead_letter: Queue | None = None,
        through: str | None = None,
    ) -> None:
        self.clock, self.name, self.receivers = clock, name, receivers
        self.limit, self.overflow, self.ttl, self.priorities = limit, overflow, ttl, priorities
        self.dead_letter, self.through = dead_letter, through
        self.depth = 0
        self.lines: dict[int, deque[Copy]] = {}
        self.consumers: deque[Consumer] = deque()

    def offer(self, message: Message, *, counts: bool = True) -> bool:
        """A publish: false if it was refused. `counts`: the message's truth depends on it."""
        fate = Fate(self.name, self.receivers)
        if counts:
            message.fates.append(fate)
        if self.overflow == REJECT_PUBLISH and self.limit is not None and self.depth >= self.limit:
            fate.lose("overflow", self.clock.now)
            return False
        self.put(Copy(message, fate))
        return True

    def put(self, copy: Copy, *, back: bool = False) -> None:
        """Into the line, at its end or (`back`: given back by a consumer) at its head."""
        line = self.lines.setdefault(copy.message.priority if self.priorities else 0, deque())
        copy.ready = True
        self.depth += 1
        if back:
            line.appendleft(copy)
        else:
            line.append(copy)
        if self.ttl is not None:
            self.clock.after(self.ttl, lambda: self.leave(copy, "expired") if copy.ready else None)
        self.deliver()
        while self.limit is not None and self.depth > self.limit:
            self.leave(self._head(), "overflow")

    def leave(self, copy: Copy, why: str) -> None:
        """It is lost here, and may go to a dead-letter queue."""
        if copy.ready:
            copy.ready = False
            self.depth -= 1
        copy.fate.lose(why, self.clock.now)
        if self.dead_letter is not None:
            copy.fate.held_at = self.dead_letter.name
            self.dead_letter.offer(copy.message, counts=False)

    def purge(self) -> None:
        """All that is ready is gone."""
        while self.depth:
            self.leave(self._head(), "broker_lost")

    def deliver(self) -> None:
        """Hands out what is ready, consumer by consumer in turn."""
        while self.depth:
            turn = next((place for place, one in enumerate(self.consumers) if one.room()), None)
            if turn is None:
                return
            consumer, copy = self.consumers[turn], self._head()
            self.consumers.rotate(-turn - 1)
            copy.ready = False
            self.depth -= 1
            copy.deliveries += 1
            consumer.give(copy)

    def _head(self) -> Copy:
        for priority in sorted(self.lines, reverse=True):
            line = self.lines[priority]
            while line and not line[0].ready:
                line.popleft()
            if line:
                return line[0]
        raise IndexError(self.name)


class Exchange:
    """Routes by key to queues; a binding's pattern is a glob."""

    def __init__(self, name: str, alternate: Queue | None = None) -> None:
        self.name, self.alternate = name, alternate
        self.bindings: list[tuple[str, Queue]] = []

    def bind(self, queue: Queue, pattern: str = "*") -> Queue:
        """From now on the queue has what comes with such a key."""
        self.bindings.append((pattern, queue))
        return queue

    def unbind(self, queue: Queue) -> None:
        """It has no more of it."""
        self.bindings = [bound for bound in self.bindings if bound[1] is not queue]

    def publish(self, message: Message, at: float, *, mandatory: bool = False) -> str:
        """OK, NACKED (some queue refused it) or RETURNED (no queue takes it, and the sender wants to know)."""
        queues = [queue for pattern, queue in self.bindings if fnmatchcase(message.key, pattern)]
        if queues:
            taken = [queue.offer(message) for queue in queues]
            return OK if all(taken) else NACKED
        fate = Fate("", frozenset())
        message.fates.append(fate)
        fate.lose("unroutable", at)
        if self.alternate is not None:
            fate.what, fate.held_at = PARKED, self.alternate.name
            self.alternate.offer(message, counts=False)
            return OK
        return RETURNED if mandatory else OK


class Topic:
    """A log in partitions; each group takes all of it, in the order of each partition."""

    def __init__(self, name: str, partitions: int) -> None:
        self.name = name
        self.logs: list[list[Message]] = [[] for _ in range(partitions)]
        self.groups: dict[str, frozenset[str]] = {}

    def publish(self, message: Message, at: float, *, mandatory: bool = False) -> str:
        """Appends it."""
        del at, mandatory
        self.logs[message.partition or 0].append(message)
        message.fates += [Fate(group, receivers) for group, receivers in self.groups.items()]
        return OK
