"""Consumers: processes that take from a queue or poll a topic, work, fail, pause, stop and crash."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from bank import shapes
from bank.messages import TAKEN
from bank.telemetry import CONSUMER, INTERNAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from bank.broker import Copy, Queue, Topic
    from bank.clock import Clock
    from bank.messages import Fate, Message
    from bank.shapes import Shape
    from bank.telemetry import Process, Span, Telemetry

ACK, REJECT, REQUEUE, UNHEARD = "ack", "reject", "requeue", "unheard"
"""UNHEARD: handled well, but the broker never heard of it and delivers it once more."""


class Consumer:
    """One consumer of one queue: it holds up to `prefetch` messages and works on one at a time.

    Args:
        takes: how long the next message takes it, seconds.
        outcome: of a message's n-th delivery: ACK, REJECT, REQUEUE, UNHEARD, or the seconds after which it is to come
            again.
        then: what it does with a message it took, given the receiving span.
    """

    def __init__(
        self,
        clock: Clock,
        telemetry: Telemetry,
        queue: Queue,
        process: Process,
        takes: Callable[[], float],
        *,
        shape: Shape,
        prefetch: int = 1,
        outcome: Callable[[Message, int], str | float] = lambda _message, _delivery: ACK,
        then: Callable[[Message, Span], object] | None = None,
    ) -> None:
        self.clock, self.telemetry, self.queue, self.process = clock, telemetry, queue, process
        self.takes, self.shape, self.prefetch, self.outcome, self.then = takes, shape, prefetch, outcome, then
        self.held: deque[Copy] = deque()
        self.busy: tuple[Copy, Span] | None = None
        self.up = self.paused = False

    def start(self) -> None:
        """Subscribes."""
        self.up = True
        self.queue.consumers.append(self)
        self.queue.deliver()

    def pause(self, seconds: float) -> None:
        """Stands still: begins nothing new."""
        self.paused = True
        self.clock.after(seconds, self._resume)

    def _resume(self) -> None:
        self.paused = False
        self._work()

    def stop(self) -> None:
        """Ends in good order: what it only holds goes back, what it works on it finishes."""
        self._leave()
        self.telemetry.stop(self.process, self.clock.now)

    def crash(self) -> None:
        """Ends at once: what it works on goes back too, and its last spans die with it."""
        working, self.busy = self.busy, None
        if working is not None:
            self.held.appendleft(working[0])
        self._leave()
        self.telemetry.stop(self.process, self.clock.now, crashed=True)

    def _leave(self) -> None:
        self.up = False
        self.queue.consumers.remove(self)
        while self.held:
            self.queue.put(self.held.pop(), back=True)

    def room(self) -> bool:
        """Whether it may be given one more."""
        return self.up and len(self.held) + (self.busy is not None) < self.prefetch

    def give(self, copy: Copy) -> None:
        """The broker hands it a message."""
        self.held.append(copy)
        self._work()

    def _work(self) -> None:
        if self.busy is not None or self.paused or not self.held:
            return
        copy = self.held.popleft()
        through = self.queue.through or copy.message.exchange
        span = shapes.receive(
            self.shape, self.telemetry, self.process, copy.message, through, self.queue.name, self.clock.now
        )
        self.busy = (copy, span)
        self.clock.after(self.takes(), lambda: self._done(copy, span))

    def _done(self, copy: Copy, span: Span) -> None:
        if self.busy != (copy, span):
            return
        self.busy = None
        outcome = self.outcome(copy.message, copy.deliveries)
        failed = None if outcome in {ACK, UNHEARD} else f"{outcome}: cannot be handled"
        shapes.received(self.telemetry, self.shape, span, self.clock.now, failed)
        copy.fate.receipts.append(span)
        if outcome == ACK:
            copy.fate.what, copy.fate.at = TAKEN, self.clock.now
            if self.then is not None:
                self.then(copy.message, span)
        elif outcome == REJECT:
            self.queue.leave(copy, "rejected")
        elif outcome in {REQUEUE, UNHEARD}:
            self.queue.put(copy, back=True)
        else:
            self.clock.after(float(outcome), lambda: self.queue.put(copy))
        self._work()
        self.queue.deliver()


class Poller:
    """One member of a consumer group: polls its partitions, works through what it got, commits."""

    def __init__(
        self,
        clock: Clock,
        telemetry: Telemetry,
        topic: Topic,
        group: str,
        process: Process,
        takes: Callable[[], float],
        *,
        shape: Shape,
        offsets: list[int],
        every: float = 0.5,
        most: int = 100,
    ) -> None:
        self.clock, self.telemetry, self.topic, self.group, self.process = clock, telemetry, topic, group, process
        self.takes, self.shape, self.offsets, self.every, self.most = takes, shape, offsets, every, most
        self.partitions: frozenset[int] = frozenset()
        self.up = False
        self.generation = 0

    def start(self) -> None:
        """Begins to poll."""
        self.up = True
        self._poll(self.generation)

    def assign(self, partitions: frozenset[int]) -> None:
        """A rebalance: what is not committed is anybody's again."""
        self.partitions = partitions
        self.generation += 1
        if self.up:
            self.clock.after(self.every, lambda now=self.generation: self._poll(now))

    def crash(self) -> None:
        """Ends without a commit."""
        self.up = False
        self.generation += 1
        self.telemetry.stop(self.process, self.clock.now, crashed=True)

    def stop(self) -> None:
        """Ends between two polls."""
        self.up = False
        self.generation += 1
        self.telemetry.stop(self.process, self.clock.now)

    def _poll(self, generation: int) -> None:
        if generation != self.generation or not self.up:
            return
        records: list[Message] = []
        for partition in sorted(self.partitions):
            begin = self.offsets[partition]
            records += self.topic.logs[partition][begin : begin + self.most]
        if not records:
            self.clock.after(self.every, lambda: self._poll(generation))
            return
        name, system = f"{self.topic.name} receive", {"messaging.system": "kafka", "messaging.operation": "receive"}
        place = {"messaging.destination.name": self.topic.name, "messaging.kafka.consumer.group": self.group}
        counted = {"messaging.batch.message_count": len(records)}
        poll = None
        if self.shape.polled or self.shape.batched:
            links = [record.context for record in records if record.context] if self.shape.batched else []
            poll = self.telemetry.begin(
                self.process, name, CONSUMER, self.clock.now, links=links, **system, **place, **counted
            )
        if poll is not None and self.shape.polled:
            self.telemetry.end(poll, self.clock.now + 0.001)
        self._next(generation, records, 0, poll)

    def _next(self, generation: int, records: list[Message], place: int, poll: Span | None) -> None:
        """Works on the record at that place, and commits after the last."""
        if generation != self.generation:
            return
        if place == len(records):
            for record in records:
                self.offsets[record.partition or 0] += 1
            if poll is not None and self.shape.batched:
                self.telemetry.end(poll, self.clock.now)
                for record in records:
                    self._fate(record).receipts.append(poll)
            self.clock.after(self.every, lambda: self._poll(generation))
            return
        begun = self.clock.now
        self.clock.after(self.takes(), lambda: self._worked(generation, records, place, poll, begun))

    def _worked(self, generation: int, records: list[Message], place: int, poll: Span | None, begun: float) -> None:
        if not self.up:
            return
        record = records[place]
        fate = self._fate(record)
        fate.what, fate.at = TAKEN, self.clock.now
        if self.shape.batched:
            self.telemetry.span(self.process, "work", INTERNAL, begun, self.clock.now, parent=poll)
        else:
            span = shapes.receive(self.shape, self.telemetry, self.process, record, record.exchange, self.group, begun)
            if poll is not None:
                span.parent, span.trace = poll, poll.trace
            shapes.received(self.telemetry, self.shape, span, self.clock.now, None)
            fate.receipts.append(span)
        self._next(generation, records, place + 1, poll)

    def _fate(self, record: Message) -> Fate:
        return next(fate for fate in record.fates if fate.queue == self.group)
