"""Subjects: what rules are asked about, each with all that is known of it, and what they find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

BROKERS_OWN = ("management", "definitions")
"""Sources of facts that say all there is of a queue's limits: what they do not name is not there.

Of the others (`neutral`, `declared`) a limit or dead-letter exchange that is not named may be there all the same.
"""

BY_KIND_ONLY = ("stream", "topic")
"""Kinds that keep messages whether or not they are taken: rules about queues are not about them."""


class Found(NamedTuple):
    """What a rule found.

    Attributes:
        severity: error, warning or note.
        message: what is wrong, with its figures.
        change: what to do.
        figures: fields of `schema.FIGURES`.
    """

    severity: str
    message: str
    change: str
    figures: Mapping[str, object]


class Flow(NamedTuple):
    """One row of FLOWS that goes to the queue."""

    service: str
    team: str
    channel: str
    routing_key: str | None
    journey_type: str | None
    criticality: str | None
    handoffs: int


class Route(NamedTuple):
    """A binding of the queue."""

    exchange: str
    routing_key: str | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """What became of the messages of a queue in the window; waits are from send to receipt, by two clocks.

    Attributes:
        handoffs: how many were sent.
        received: how many of them were received.
        overflow: lost to the queue's limit.
        expired: lost to its TTL.
        rejected: refused by a receiver, or failed there, and not made good.
        over_ttl: received after more than the TTL that is asked about.
        backwards: received before they were sent, by the clocks.
        p50_ms, p99_ms, max_ms: waits; null where none was received.
        refusers: services that rejected some, sorted.
    """

    handoffs: int
    received: int
    overflow: int
    expired: int
    rejected: int
    over_ttl: int
    backwards: int
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    refusers: list[str]


class Replayed(NamedTuple):
    """What a replay of the queue's traffic recommends (`baton whatif`).

    Attributes:
        best: the change; None where none saves enough.
        why: in a sentence.
        parting: whether a queue of its own saves some of the critical flow; None where nobody declared one.
    """

    best: str | None
    why: str
    parting: bool | None


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue.

    Attributes:
        fact: its row of FACTS.
        flows: what was seen to be sent into it, the largest first; empty also where nothing is known of traffic.
        routes: its bindings, without that of the default exchange.
        traffic: what became of it; None where nothing is known.
        replayed: of a queue that lost messages as a model of it does; else None.
        parks: dead letters, or what no binding takes, come to rest in it.
        nowhere: its own dead letters lead nowhere.
    """

    fact: Mapping[str, Any]
    flows: tuple[Flow, ...]
    routes: tuple[Route, ...]
    traffic: Traffic | None
    replayed: Replayed | None
    parks: bool
    nowhere: bool

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.fact["name"])

    @property
    def bounded(self) -> bool:
        """Whether it holds so many messages or bytes and no more."""
        return self.fact["messages_max"] is not None or self.fact["bytes_max"] is not None

    @property
    def told_whole(self) -> bool:
        """Whether what its broker does not say of it is not there."""
        return self.fact["source"] in BROKERS_OWN

    def limit(self) -> str:
        """`at most 40 messages (policy cap)`."""
        parts = [("messages_max", "messages"), ("bytes_max", "bytes")]
        said = " and ".join(f"{self.fact[name]:,} {unit}" for name, unit in parts if self.fact[name] is not None)
        policy = self.fact["policy"]
        return f"at most {said}" + (f" (policy {policy})" if policy else "")

    def figures(self, *names: str, **more: object) -> dict[str, object]:
        """Columns of FACTS as figures, and others."""
        return {name: self.fact[name] for name in names} | more

    def bounds(self, **more: object) -> dict[str, object]:
        """Its limits as figures, and others."""
        ttl_ns = self.fact["ttl_ns"]
        ttl = {} if ttl_ns is None else {"ttl_ms": ttl_ns / 1e6}
        return self.figures("messages_max", "bytes_max", "overflow", "policy", **ttl, **more)


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange, and what of its messages no binding takes: a row of `brokers.outlets.UNTAKEN`."""

    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker's counters, and its queues that refuse publishes.

    Attributes:
        published: messages that clients published.
        confirmed: of them those on channels that wait for confirms.
        refusing: queues that are bounded and refuse.
        services: who was seen to send there.
    """

    published: int
    confirmed: int
    refusing: tuple[str, ...]
    services: tuple[str, ...]
