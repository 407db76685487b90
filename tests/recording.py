"""Spans in a few words: a recording is told span by span and read as a SPANS frame, through the real decoder.

Times are seconds after START. Ids count up from 1, so a test can predict them, and can forge them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from baton.analysis import Analysis, Paired, analyze, expect, pair_up
from baton.journal.record import Record
from baton.ownership.catalog import EMPTY, Catalog
from baton.schema import JOURNEY_KEYS
from baton.spans.conventions import normalise
from baton.spans.repair import repair
from baton.wire.decode import decode
from baton.wire.otlp_json import to_protobuf

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import polars as pl

    from baton.looks import Spans

SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND
LATER = 1_000.0
"""When a test judges unless it says otherwise: long after everything."""

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5

Attributes = dict[str, str | int]


def ns(at: float) -> int:
    """Seconds after START as nanoseconds since 1970."""
    return START + round(at * SECOND)


@dataclass(frozen=True)
class Span:
    """What names a span: its trace id and its own, in hex."""

    trace: str
    id: str

    @property
    def raw(self) -> tuple[bytes, bytes]:
        """The ids as SPANS holds them."""
        return bytes.fromhex(self.trace), bytes.fromhex(self.id)


@dataclass
class Recording:
    """Spans told one by one."""

    bodies: list[tuple[tuple[str, str, str | None, str | None], dict[str, Any]]] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: count(1))

    def span(
        self,
        service: str | None,
        at: float = 0.0,
        name: str = "work",
        *,
        kind: int = INTERNAL,
        took: float = 0.01,
        under: Span | None = None,
        links: Sequence[Span] = (),
        own: Span | None = None,
        instance: str | None = "1",
        environment: str = "",
        tenant: str = "default",
        error: str | None = None,
        exception: str | None = None,
        attributes: Mapping[str, str | int] = {},
    ) -> Span:
        """Adds a span and says its ids: `own`, else new ones, in the trace of the span it stands under."""
        number = next(self.ids)
        span = own or Span(under.trace if under else f"{number:032x}", f"{number:016x}")
        body: dict[str, Any] = {
            "traceId": span.trace,
            "spanId": span.id,
            "name": name,
            "kind": kind,
            "startTimeUnixNano": str(ns(at)),
            "endTimeUnixNano": str(ns(at + took)),
            "attributes": _attributes(attributes),
            "links": [{"traceId": link.trace, "spanId": link.id} for link in links],
            "status": {"code": 2, "message": error} if error is not None else {},
        }
        if under is not None:
            body["parentSpanId"] = under.id
        if exception is not None:
            body["events"] = [{"name": "exception", "attributes": _attributes({"exception.type": exception})}]
        self.bodies.append(((tenant, environment, service, instance), body))
        return span

    def send(
        self,
        service: str | None = "trading",
        at: float = 0.0,
        channel: str | None = "orders",
        *,
        message: str | None = None,
        correlation: str | None = None,
        system: str | None = "rabbitmq",
        more: Mapping[str, str | int] = {},
        **span: Any,  # noqa: ANN401 - the parts of `span`
    ) -> Span:
        """Adds a producer's span."""
        attributes = {**_message(channel, message, correlation, system), **more}
        return self.span(service, at, **{"name": "send", "kind": PRODUCER, "attributes": attributes, **span})

    def receive(
        self,
        service: str | None = "notify",
        at: float = 0.0,
        channel: str | None = "orders",
        *,
        message: str | None = None,
        correlation: str | None = None,
        system: str | None = "rabbitmq",
        step: str = "process",
        more: Mapping[str, str | int] = {},
        **span: Any,  # noqa: ANN401 - the parts of `span`
    ) -> Span:
        """Adds a consumer's span of that operation."""
        said = {**_message(channel, message, correlation, system), "messaging.operation.type": step, **more}
        return self.span(service, at, **{"name": step, "kind": CONSUMER, "attributes": said, **span})

    def flow(
        self,
        times: Sequence[float],
        *,
        wait: float = 0.1,
        lost: Sequence[float] = (),
        sender: str = "trading",
        taker: str = "notify",
        channel: str = "orders",
        **receive: Any,  # noqa: ANN401 - the parts of `receive`
    ) -> dict[float, Span]:
        """Adds a message at each time, received `wait` later unless it is `lost`; says the sends by their time."""
        sends = {at: self.send(sender, at, channel) for at in times}
        for at, send in sends.items():
            if at not in lost:
                self.receive(taker, at + wait, **{"channel": channel, "under": send, **receive})
        return sends

    def lines(self) -> bytes:
        """The spans as a file of OTLP/JSON requests, in the order told."""
        return b"\n".join(_request(key, body) for key, body in self.bodies)

    def frame(self) -> pl.DataFrame:
        """The spans as a SPANS frame, in the order told, in which they came."""
        requests = [
            Record(START + number, key[0], to_protobuf(_request(key, body)))
            for number, (key, body) in enumerate(self.bodies)
        ]
        return decode(requests)


def _attributes(values: Mapping[str, str | int]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in values.items()
    ]


def _message(channel: str | None, message: str | None, correlation: str | None, system: str | None) -> Attributes:
    said = {
        "messaging.system": system,
        "messaging.destination.name": channel,
        "messaging.message.id": message,
        "messaging.message.conversation_id": correlation,
    }
    return {name: value for name, value in said.items() if value is not None}


def _request(key: tuple[str, str, str | None, str | None], body: dict[str, Any]) -> bytes:
    _, environment, service, instance = key
    said = {"service.name": service, "service.instance.id": instance, "deployment.environment.name": environment}
    resource = {"attributes": _attributes({name: value for name, value in said.items() if value})}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [body]}]}]}).encode()


def mended(recording: Recording, at: float = LATER) -> Spans:
    """The spans repaired and in one vocabulary, as of `at`."""
    spans = repair(recording.frame().lazy(), ns(at))
    return replace(spans, looks=normalise(spans.looks.lazy()).collect())


def paired(
    recording: Recording, at: float = LATER, catalog: Catalog = EMPTY, outages: pl.DataFrame | None = None
) -> Paired:
    """The spans paired, as of `at`."""
    return pair_up(recording.frame().lazy(), catalog, ns(at), outages)


def analysed(
    recording: Recording,
    at: float = LATER,
    *,
    catalog: Catalog = EMPTY,
    expectations: pl.DataFrame | None = None,
    keys: tuple[str, ...] = JOURNEY_KEYS,
    outages: pl.DataFrame | None = None,
    facts: pl.DataFrame | None = None,
) -> Analysis:
    """The whole analysis as of `at`, by what the recording itself teaches unless `expectations` are given."""
    known = paired(recording, at, catalog, outages)
    learned = expect(known, catalog, keys) if expectations is None else expectations
    return analyze(known, learned, catalog, keys, ns(at), facts=facts)


def judged(recording: Recording, at: float = LATER, **rest: Any) -> pl.DataFrame:  # noqa: ANN401 - as of `analysed`
    """HANDOFFS of the recording; arguments as of `analysed`."""
    return analysed(recording, at, **rest).handoffs


def of(rows: pl.DataFrame, send: Span) -> list[dict[str, Any]]:
    """The handoffs of one send."""
    return [row for row in rows.to_dicts() if (row["trace_id"], row["span_id"]) == (send.trace, send.id)]
