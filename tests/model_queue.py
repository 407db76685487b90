"""A slow queue in plain Python, by RabbitMQ's rules: what the compiled replay is held to, and what makes recordings."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from recording import Recording, Span

TAKEN, WAITS, EVICTED, REFUSED, EXPIRED = "taken", "waits", "evicted", "refused", "expired"


@dataclass
class Slow:
    """A queue as lists of message numbers, one a rank."""

    limit: int = 0
    refuses: bool = False
    ttl: float = 0
    limits: Sequence[int] = (0,)
    fates: dict[int, str] = field(default_factory=dict)
    ranks: list[list[tuple[int, float]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ranks = [[] for _ in self.limits]

    @property
    def waiting(self) -> int:
        """Messages in it."""
        return sum(map(len, self.ranks))

    def expire(self, now: float) -> None:
        """What waited longer than the TTL goes."""
        for rank in self.ranks:
            while self.ttl and rank and rank[0][1] + self.ttl < now:
                self.fates[rank.pop(0)[0]] = EXPIRED

    def full(self, rank: int) -> bool:
        """Whether it stands at a limit for a message of this rank."""
        own = self.limits[rank]
        return bool((self.limit and self.waiting >= self.limit) or (own and len(self.ranks[rank]) >= own))

    def put(self, number: int, rank: int, now: float) -> bool:
        """Takes a message in; False if it refuses it."""
        if self.refuses and self.full(rank):
            self.fates[number] = REFUSED
            return False
        self.fates[number] = WAITS
        self.ranks[rank].append((number, now))
        return True

    def take(self) -> int:
        """The message to deliver next."""
        rank = max(rank for rank, held in enumerate(self.ranks) if held)
        number, _ = self.ranks[rank].pop(0)
        self.fates[number] = TAKEN
        return number

    def shrink(self) -> None:
        """Evicts heads, of the highest rank first, until it is within its limits."""
        for rank in reversed(range(len(self.ranks))):
            while self.ranks[rank] and (
                (self.limit and self.waiting > self.limit)
                or (self.limits[rank] and len(self.ranks[rank]) > self.limits[rank])
            ):
                self.fates[self.ranks[rank].pop(0)[0]] = EVICTED


@dataclass(frozen=True)
class Flow:
    """Messages of one sender: so many a second, at random moments from `start` to `end` (seconds)."""

    sender: str
    rate: float
    start: float = 0.0
    end: float = 20.0
    channel: str = "events"
    rank: int = 0


def flooded(
    recording: Recording,
    flows: Sequence[Flow],
    queue: Slow,
    *,
    took: Callable[[random.Random], float] = lambda chance: chance.uniform(0.018, 0.022),
    workers: int = 1,
    prefetch: int = 1,
    ahead: float = 0.0,
    lost: float = 0.0,
    knows: bool = True,
    taker: str = "notify",
    seed: int = 1,
    **more: Any,  # noqa: ANN401 - the parts of `Recording.span`
) -> dict[str, list[Span]]:
    """Records flows through the queue to `taker`; says the sends by fate.

    Each worker has `prefetch` messages in hand. `ahead` is how far the receiver's clock runs before the senders',
    `lost` the chance that a message vanishes before the queue, `knows` whether a refused sender is told.
    """
    chance = random.Random(seed)
    sends: list[tuple[float, Flow]] = []
    for flow in flows:
        at = flow.start + chance.expovariate(flow.rate)
        while at < flow.end:
            sends.append((at, flow))
            at += chance.expovariate(flow.rate)
    sends.sort(key=lambda one: one[0])
    events = [(at, 0, number) for number, (at, _) in enumerate(sends)]
    heapq.heapify(events)
    free = [0.0] * workers
    hands, receipts, vanished = [0] * workers, {}, set()
    while events:
        now, done, number = heapq.heappop(events)
        queue.expire(now)
        if done:
            hands[number] -= 1
        elif chance.random() < lost:
            vanished.add(number)
        else:
            queue.put(number, sends[number][1].rank, now)
        while queue.waiting and min(hands) < prefetch:
            worker = hands.index(min(hands))
            message = queue.take()
            hands[worker] += 1
            begin = max(now, free[worker])
            free[worker] = begin + took(chance)
            receipts[message] = (begin, free[worker], worker)
            heapq.heappush(events, (free[worker], 1, worker))
        queue.shrink()
    told: dict[str, list[Span]] = {}
    for number, (at, flow) in enumerate(sends):
        fate = "vanished" if number in vanished else queue.fates[number]
        error = "basic.nack" if fate == REFUSED and knows else None
        span = recording.send(flow.sender, at, flow.channel, error=error, took=0.0001, **more)
        told.setdefault(fate, []).append(span)
        if number in receipts:
            begin, end, worker = receipts[number]
            recording.receive(
                taker,
                at=begin + ahead,
                channel=flow.channel,
                under=span,
                took=end - begin,
                instance=f"{worker}",
                **more,
            )
    return told
