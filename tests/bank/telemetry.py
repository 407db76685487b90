"""Spans as services make them, and their way to Baton: batches, samplers, cuts, skew, doubles."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable

SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5

Value = str | int | bool
Process = tuple[str, str]
"""Service and instance."""


@dataclass(eq=False, slots=True)
class Span:
    """One span; `arrives` is when its batch reaches Baton, infinity if it never does. Times in true seconds."""

    process: Process
    name: str
    kind: int
    begin: float
    trace: str
    id: str
    parent: Span | None
    links: tuple[Span, ...]
    attributes: dict[str, Value]
    end: float = math.inf
    error: str | None = None
    arrives: float = math.inf

    @property
    def seen(self) -> bool:
        """Whether Baton ever has it."""
        return self.arrives < math.inf


@dataclass
class Telemetry:
    """All spans of the bank, and what befalls them.

    Attributes:
        skew: seconds by which a service's clock is ahead.
        flush_s: how often an exporter sends what it has.
        keep: spans for which one of these is false are never exported (samplers).
        queue_max: spans that a service's exporter holds between two flushes; the rest it drops, as the SDKs do.
        batch_lost: (process, moment of the flush) -> the batch never arrives.
        state: `tracestate` that a service's spans bear.
        resource: further resource attributes of a process.
        nameless: services whose spans bear no instance id.
        doubled: share of the requests that arrive twice.
        shuffled: requests arrive in any order.
    """

    rng: random.Random
    spans: list[Span] = field(default_factory=list)
    skew: dict[str, float] = field(default_factory=dict)
    flush_s: float = 2.0
    keep: list[Callable[[Span], bool]] = field(default_factory=list)
    queue_max: dict[str, int] = field(default_factory=dict)
    batch_lost: list[Callable[[Process, float], bool]] = field(default_factory=list)
    state: dict[str, str] = field(default_factory=dict)
    resource: dict[Process, dict[str, Value]] = field(default_factory=dict)
    nameless: set[str] = field(default_factory=set)
    doubled: float = 0.0
    shuffled: bool = False
    ended: dict[Process, tuple[float, bool]] = field(default_factory=dict)
    phases: dict[Process, float] = field(default_factory=dict)

    def begin(
        self,
        process: Process,
        name: str,
        kind: int,
        at: float,
        *,
        parent: Span | None = None,
        links: Iterable[Span] = (),
        **attributes: Value,
    ) -> Span:
        """A span that is not over; a process that dies before that never exports it."""
        trace = parent.trace if parent else f"{self.rng.getrandbits(128):032x}"
        own = f"{self.rng.getrandbits(64):016x}"
        return Span(process, name, kind, at, trace, own, parent, tuple(links), dict(attributes))

    def end(self, span: Span, at: float, error: str | None = None) -> Span:
        """The span is over and waits for its exporter."""
        span.end, span.error = at, error
        self.spans.append(span)
        return span

    def span(self, process: Process, name: str, kind: int, begin: float, end: float, **more: Any) -> Span:  # noqa: ANN401
        """A whole span."""
        error = more.pop("error", None)
        return self.end(self.begin(process, name, kind, begin, **more), end, error)

    def heartbeat(self, process: Process, begin: float, end: float, every: float = 1.0) -> None:
        """Health checks: spans that have nothing to do with messages."""
        for turn in range(int((end - begin) / every)):
            at = begin + turn * every
            self.span(process, "GET /health", SERVER, at, at + 0.002)

    def stop(self, process: Process, at: float, *, crashed: bool = False) -> None:
        """A process ends: it exports what it still has, or that dies with it."""
        self.ended[process] = (at, crashed)

    def ship(self) -> None:
        """Says of every span when it arrives. Call once, when all spans are made."""
        held: Counter[tuple[Process, float]] = Counter()
        for span in sorted(self.spans, key=lambda span: span.end):
            flush = self._flush(span)
            held[span.process, flush] += 1
            full = held[span.process, flush] > self.queue_max.get(span.process[0], sys.maxsize)
            lost = full or any(lost(span.process, flush) for lost in self.batch_lost)
            span.arrives = math.inf if lost or not all(keep(span) for keep in self.keep) else flush

    def _flush(self, span: Span) -> float:
        phase = self.phases.setdefault(span.process, self.rng.random() * self.flush_s)
        flush = phase + math.ceil(max(span.end - phase, 0.0) / self.flush_s) * self.flush_s
        at, crashed = self.ended.get(span.process, (math.inf, False))
        if flush <= at:
            return flush
        return math.inf if crashed else max(at, span.end)

    def requests(self, until: float = math.inf, size: int = 512) -> list[tuple[float, bytes]]:
        """Export requests with the moment each arrives, up to a moment: one process, at most `size` spans each."""
        batches: dict[tuple[float, Process], list[Span]] = {}
        for span in self.spans:
            if span.seen and span.arrives <= until:
                batches.setdefault((span.arrives, span.process), []).append(span)
        requests = [
            (arrives, self._request(process, spans[start : start + size]))
            for (arrives, process), spans in sorted(batches.items(), key=lambda batch: batch[0])
            for start in range(0, len(spans), size)
        ]
        requests += [request for request in requests if self.rng.random() < self.doubled]
        if self.shuffled:
            self.rng.shuffle(requests)
        return requests

    def _request(self, process: Process, spans: list[Span]) -> bytes:
        service, instance = process
        resource: dict[str, Value] = {"service.name": service, **self.resource.get(process, {})}
        if service not in self.nameless:
            resource["service.instance.id"] = f"{service}-{instance}"
        scope = {"scope": {"name": "bank"}, "spans": [self._body(span) for span in spans]}
        body = {"resourceSpans": [{"resource": {"attributes": _attributes(resource)}, "scopeSpans": [scope]}]}
        return json.dumps(body).encode()

    def _body(self, span: Span) -> dict[str, Any]:
        shift = START + int(self.skew.get(span.process[0], 0.0) * SECOND)
        body: dict[str, Any] = {
            "traceId": span.trace,
            "spanId": span.id,
            "name": span.name,
            "kind": span.kind,
            "startTimeUnixNano": str(shift + int(span.begin * SECOND)),
            "endTimeUnixNano": str(shift + int(span.end * SECOND)),
            "attributes": _attributes(span.attributes),
        }
        if span.parent is not None:
            body["parentSpanId"] = span.parent.id
        if span.links:
            body["links"] = [{"traceId": link.trace, "spanId": link.id} for link in span.links]
        if span.error is not None:
            body["status"] = {"code": 2, "message": span.error}
        if state := self.state.get(span.process[0]):
            body["traceState"] = state
        return body


def _attributes(values: dict[str, Value]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def by_trace(share: float, services: Iterable[str] = ()) -> Callable[[Span], bool]:
    """A head sampler, consistent by trace id (OpenTelemetry: its last 56 bits); of all services if none is named."""
    named = frozenset(services)
    threshold = int((1 - share) * 2**56)
    return lambda span: (bool(named) and span.process[0] not in named) or int(span.trace[-14:], 16) >= threshold


def threshold_state(share: float) -> str:
    """`tracestate` of that sampler: `ot=th:` and the rejection threshold in hex without its trailing zeros."""
    return "ot=th:" + (f"{int((1 - share) * 2**56):014x}".rstrip("0") or "0")


def by_tail(telemetry: Telemetry, share: float) -> Callable[[Span], bool]:
    """A collector's tail sampler: traces with errors, slow ones, and a share of the others; links do not count."""
    wanted: dict[str, bool] = {}

    def keep(span: Span) -> bool:
        if not wanted:
            for one in telemetry.spans:
                notable = one.end - one.begin > 0.15 or one.error is not None
                wanted[one.trace] = wanted.get(one.trace, False) or notable
            for trace, notable in wanted.items():
                wanted[trace] = notable or telemetry.rng.random() < share
        return wanted[span.trace]

    return keep
