"""A simulated bank with known truth: queues, consumers and spans of its own, sharing no code with Baton.

A scenario makes OTLP/JSON spans and says of each message what truly became of it: `taken` or `lost`. Telemetry faults
(sampling, cut exporters, skewed clocks) change the spans and not the truth.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable

SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND

TAKEN, LOST, WAITING = "taken", "lost", "waiting"


@dataclass
class Message:
    """One message: when it was sent (seconds), by whom, and what became of it."""

    id: str
    at: float
    sender: str
    fate: str = WAITING
    taken_at: float = 0.0
    done_at: float = 0.0
    worker: str = ""


@dataclass
class Worker:
    """One consumer instance: how long a message takes it, and when it is away."""

    name: str
    takes: Callable[[], float]
    away: tuple[tuple[float, float], ...] = ()
    free_at: float = 0.0

    def ready(self, at: float) -> float:
        """The first moment from `at` on at which it can take a message."""
        begin = max(at, self.free_at)
        for start, end in self.away:
            if start <= begin < end:
                begin = end
        return begin


def run_queue(
    messages: Iterable[Message],
    workers: list[Worker],
    *,
    limit: int | None = None,
    ttl: float | None = None,
    until: float = float("inf"),
) -> None:
    """A FIFO queue: drop-head at `limit`, expiry after `ttl`, served by `workers` until `until`."""
    waiting: deque[Message] = deque()

    def serve(now: float) -> None:
        while waiting:
            head = waiting[0]
            worker = min(workers, key=lambda one: one.ready(head.at))
            begin = worker.ready(head.at)
            if ttl is not None and min(begin, now) - head.at > ttl:
                waiting.popleft().fate = LOST
                continue
            if begin > now:
                return
            waiting.popleft()
            head.fate, head.taken_at, head.worker = TAKEN, begin, worker.name
            head.done_at = worker.free_at = begin + worker.takes()

    for message in sorted(messages, key=lambda one: one.at):
        serve(message.at)
        if limit is not None and len(waiting) >= limit:
            waiting.popleft().fate = LOST
        waiting.append(message)
    serve(until)


@dataclass
class Telemetry:
    """Spans as services would export them."""

    rng: random.Random
    spans: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    skew: dict[str, float] = field(default_factory=dict)

    def span(
        self,
        service: str,
        name: str,
        kind: int,
        begin: float,
        end: float,
        *,
        parent: tuple[str, str] | None = None,
        links: Iterable[tuple[str, str]] = (),
        instance: str = "1",
        error: str | None = None,
        **attributes: str | int,
    ) -> tuple[str, str]:
        """Adds a span and returns its (trace id, span id)."""
        trace = parent[0] if parent else f"{self.rng.getrandbits(128):032x}"
        own = f"{self.rng.getrandbits(64):016x}"
        shift = self.skew.get(service, 0.0)
        body: dict[str, Any] = {
            "traceId": trace,
            "spanId": own,
            "name": name,
            "kind": kind,
            "startTimeUnixNano": str(START + int((begin + shift) * SECOND)),
            "endTimeUnixNano": str(START + int((end + shift) * SECOND)),
            "attributes": [
                {
                    "key": key.replace("__", "."),
                    "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value},
                }
                for key, value in attributes.items()
            ],
            "links": [{"traceId": one, "spanId": other} for one, other in links],
            "status": {"code": 2, "message": error} if error else {},
        }
        if parent:
            body["parentSpanId"] = parent[1]
        self.spans.append((service, instance, body))
        return trace, own

    def keep(self, wanted: Callable[[str, str, float, float], bool]) -> None:
        """Loses the spans for which `wanted(service, instance, begin, end)` (seconds, true clock) is false."""

        def seconds(service: str, body: dict[str, Any], key: str) -> float:
            return (int(body[key]) - START) / SECOND - self.skew.get(service, 0.0)

        self.spans = [
            (service, instance, body)
            for service, instance, body in self.spans
            if wanted(
                service,
                instance,
                seconds(service, body, "startTimeUnixNano"),
                seconds(service, body, "endTimeUnixNano"),
            )
        ]

    def requests(self, size: int = 200) -> list[bytes]:
        """Export requests of at most `size` spans, one service instance each."""
        grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for service, instance, body in self.spans:
            grouped.setdefault((service, instance), []).append(body)
        return [
            json.dumps(_request(*key, bodies[start : start + size])).encode()
            for key, bodies in grouped.items()
            for start in range(0, len(bodies), size)
        ]


def _request(service: str, instance: str, bodies: list[dict[str, Any]]) -> dict[str, Any]:
    resource = {"service.name": service, "service.instance.id": f"{service}-{instance}"}
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in resource.items()]
    return {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": bodies}]}]}


def poisson(rng: random.Random, rate: float, begin: float, end: float, sender: str, prefix: str) -> list[Message]:
    """Messages at random moments, `rate` a second."""
    messages: list[Message] = []
    at = begin + rng.expovariate(rate)
    while at < end:
        messages.append(Message(f"{prefix}-{len(messages):05d}", at, sender))
        at += rng.expovariate(rate)
    return messages
