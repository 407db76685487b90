"""A bank: its clock, its broker's exchanges, its services; and the messages whose fate is known."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from bank import shapes
from bank.broker import NACKED, OK, RETURNED, Exchange, Queue, Topic
from bank.clock import Clock
from bank.consumers import Consumer, Poller
from bank.messages import LOST, RETRIED, Fate, Message
from bank.shapes import MODERN, Shape
from bank.telemetry import INTERNAL, Span, Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ERRORS = {NACKED: "NackError: 1 message(s) NACKed", RETURNED: "UnroutableError: 1 unroutable message(s) returned"}


@dataclass(eq=False, slots=True)
class Sender:
    """A process that publishes.

    Attributes:
        retries: how often it sends again what was not confirmed.
        backoff: seconds before it does.
        mandatory: it wants to know what no queue takes.
        confirms: it waits for the broker's word; without, it never knows of a refusal.
    """

    service: str
    instance: str = "1"
    shape: Shape = MODERN
    retries: int = 0
    backoff: float = 2.0
    mandatory: bool = False
    confirms: bool = True

    @property
    def process(self) -> tuple[str, str]:
        """Service and instance."""
        return self.service, self.instance


class Bank:
    """Everything of one scenario; deterministic by its seed.

    Attributes:
        messages: every send.
        others: handoffs that are no messages and truly failed: hex span id -> cause.
        owners: text of ownership.yaml, empty without one.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = Clock()
        self.telemetry = Telemetry(self.rng)
        self.messages: list[Message] = []
        self.others: dict[str, str] = {}
        self.owners = ""
        self._numbers = count()

    # --- the broker ---------------------------------------------------------------------------------------------

    def queue(self, name: str, receivers: str | Iterable[str], **rules: Any) -> Queue:  # noqa: ANN401
        """A queue and who takes from it."""
        named = [receivers] if isinstance(receivers, str) else receivers
        return Queue(self.clock, name, frozenset(named), **rules)

    def consumer(
        self,
        queue: Queue,
        takes: Callable[[], float],
        *,
        service: str | None = None,
        instance: str = "1",
        begin: float = 0.0,
        **more: Any,  # noqa: ANN401
    ) -> Consumer:
        """A consumer that starts at a moment."""
        process = (service or min(queue.receivers), instance)
        more.setdefault("shape", MODERN)
        one = Consumer(self.clock, self.telemetry, queue, process, takes, **more)
        self.clock.at(begin, one.start)
        return one

    def group(
        self,
        topic: Topic,
        name: str,
        service: str,
        takes: Callable[[], float],
        *,
        members: int = 1,
        shape: Shape = shapes.KAFKA,
        begin: float = 0.0,
        **more: Any,  # noqa: ANN401
    ) -> list[Poller]:
        """A consumer group with its partitions dealt out."""
        topic.groups[name] = frozenset([service])
        offsets = [0] * len(topic.logs)
        pollers = [
            Poller(
                self.clock,
                self.telemetry,
                topic,
                name,
                (service, str(number)),
                takes,
                shape=shape,
                offsets=offsets,
                **more,
            )
            for number in range(members)
        ]
        self.rebalance(pollers)
        for poller in pollers:
            self.clock.at(begin, poller.start)
        return pollers

    def rebalance(self, pollers: list[Poller]) -> None:
        """Deals the partitions out anew."""
        partitions = len(pollers[0].topic.logs)
        for number, poller in enumerate(pollers):
            poller.assign(frozenset(range(number, partitions, len(pollers))))

    # --- the senders --------------------------------------------------------------------------------------------

    def send(
        self,
        sender: Sender,
        exchange: Exchange | Topic,
        *,
        key: str = "",
        priority: int = 0,
        parent: Span | None = None,
        correlation: str | None = None,
        message_id: str | None = None,
        attempt: int = 0,
    ) -> Message:
        """A publish now, and again later if it is refused and the sender cares."""
        now, number = self.clock.now, next(self._numbers)
        name = message_id or f"{sender.service}-{number:06d}"
        message = Message(name, sender.service, exchange.name, key, now, priority, correlation or f"corr-{name}")
        if isinstance(exchange, Topic):
            message.partition = self.rng.randrange(len(exchange.logs))
        self.messages.append(message)
        spans = shapes.send(sender.shape, self.telemetry, sender.process, message, parent)
        said = exchange.publish(message, now, mandatory=sender.mandatory)
        error = ERRORS.get(said) if sender.confirms else None
        for inner, span in enumerate(reversed(spans)):
            # pika: the error is on the outer span alone.
            self.telemetry.end(span, now + 0.001 + 0.0002 * inner, error if inner == len(spans) - 1 else None)
        if said != OK and sender.confirms and attempt < sender.retries:
            for fate in message.fates:
                if fate.what == LOST:
                    fate.what = RETRIED
            self.clock.after(
                sender.backoff,
                lambda: self.send(
                    sender,
                    exchange,
                    key=key,
                    priority=priority,
                    parent=parent,
                    correlation=message.correlation,
                    message_id=name,
                    attempt=attempt + 1,
                ),
            )
        return message

    def refuse(self, sender: Sender, exchange: Exchange | Topic, **more: Any) -> Message:  # noqa: ANN401
        """A publish that never reaches the broker, and the sender knows."""
        number, now = next(self._numbers), self.clock.now
        name = f"{sender.service}-{number:06d}"
        message = Message(name, sender.service, exchange.name, more.get("key", ""), now, 0, f"corr-{name}")
        self.messages.append(message)
        queues = exchange.bindings if isinstance(exchange, Exchange) else []
        for fate in [Fate(queue.name, queue.receivers) for _, queue in queues]:
            fate.lose("publish_failed", now)
            message.fates.append(fate)
        spans = shapes.send(sender.shape, self.telemetry, sender.process, message, more.get("parent"))
        for inner, span in enumerate(reversed(spans)):
            error = "ConnectionResetError: connection reset by peer" if inner == len(spans) - 1 else None
            self.telemetry.end(span, now + 0.001 + 0.0002 * inner, error)
        return message

    def traffic(
        self,
        sender: Sender,
        exchange: Exchange | Topic,
        rate: float,
        begin: float,
        end: float,
        *,
        rooted: bool = True,
        keys: Callable[[], str] = lambda: "",
        **more: Any,  # noqa: ANN401
    ) -> None:
        """Messages at random moments, `rate` a second; each under a root span of its own if `rooted`."""

        def act() -> None:
            now = self.clock.now
            root = self.telemetry.span(sender.process, "book", INTERNAL, now, now + 0.002) if rooted else None
            self.send(sender, exchange, key=keys(), parent=root, **more)

        self.every(rate, begin, end, act)

    def every(self, rate: float, begin: float, end: float, act: Callable[[], object]) -> None:
        """Does `act` at random moments, `rate` a second."""
        at = begin + self.rng.expovariate(rate)
        while at < end:
            self.clock.at(at, act)
            at += self.rng.expovariate(rate)

    # --- durations ----------------------------------------------------------------------------------------------

    def steady(self, seconds: float, spread: float = 0.1) -> Callable[[], float]:
        """Nearly always the same."""
        return lambda: seconds * (1 + spread * (self.rng.random() - 0.5))

    def exponential(self, mean: float) -> Callable[[], float]:
        """Exponential."""
        return lambda: self.rng.expovariate(1 / mean)

    def pareto(self, least: float, index: float) -> Callable[[], float]:
        """Heavy-tailed."""
        return lambda: least * self.rng.paretovariate(index)

    def lognormal(self, median: float, sigma: float) -> Callable[[], float]:
        """Skewed, from milliseconds to seconds."""
        return lambda: median * self.rng.lognormvariate(0, sigma)
