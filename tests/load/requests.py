"""Export requests by the million: every one with ids of its own, patched into a template's bytes.

Building protobuf objects costs more than any server under test takes; so a template is built once, and a request is a
copy of its bytes with new ids, times and order numbers written over the old ones by numpy. Nothing repeats: neither a
server's deduplication nor a column's compression is flattered.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
    from numpy.typing import NDArray
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue

SPANS_A_TRACE = 8
SPANS_A_RESOURCE = 64
SERVICES = ("gateway", "trading", "risk", "ledger", "settlement", "notify", "kyc", "deposits")
# Numbers of requests leave this many for the spans within one.
SPANS_MAX = 2**16
# splitmix64: a bijection of the 64-bit numbers that looks like chance.
_STEPS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests numbered from 0, below 2**32.

    Attributes:
        spans: spans in each.
        seed: ids of two seeds never meet.
        template: the bytes.
        places: of each kind of patch the byte offsets, a row a span.
    """

    spans: int
    seed: int
    template: bytes
    places: dict[str, NDArray[np.int64]]

    def span_ids(self, number: int) -> NDArray[np.uint64]:
        """The span ids of request `number`, as big-endian numbers."""
        return _mixed(self._counter(number))

    def body(self, number: int) -> bytes:
        """ExportTraceServiceRequest `number`, protobuf."""
        body = np.frombuffer(self.template, np.uint8).copy()
        spans = self.span_ids(number)
        firsts = np.repeat(spans[::SPANS_A_TRACE], SPANS_A_TRACE)[: self.spans]
        traces = np.stack([_mixed(firsts), firsts], axis=1)
        start = np.uint64(time.time_ns()) + np.arange(self.spans, dtype=np.uint64) * np.uint64(7919)
        _write(body, self.places["trace"], traces.astype(">u8"))
        _write(body, self.places["span"], spans.astype(">u8"))
        _write(body, self.places["parent"], spans[:-1][np.arange(1, self.spans) % SPANS_A_TRACE > 0].astype(">u8"))
        _write(body, self.places["start"], start.astype("<u8"))
        _write(body, self.places["end"], (start + (spans >> np.uint64(40))).astype("<u8"))
        _write(body, self.places["order"], _hex(firsts))
        return body.tobytes()

    def _counter(self, number: int) -> NDArray[np.uint64]:
        first = (self.seed << 48) + number * SPANS_MAX
        return np.uint64(first % 2**64) + np.arange(self.spans, dtype=np.uint64)


def requests_of(spans: int, seed: int) -> Requests:
    """Requests of `spans` spans as a bank's services send them: nine attributes, about 390 bytes each."""
    chance = random.Random(seed)
    request = ExportTraceServiceRequest()
    marks: dict[str, list[bytes]] = {"trace": [], "span": [], "parent": [], "start": [], "end": [], "order": []}
    for number in range(spans):
        if number % SPANS_A_RESOURCE == 0:
            scope = _resource(request, chance)
        mark = {
            name: chance.randbytes(size)
            for name, size in (("trace", 16), ("span", 8), ("parent", 8), ("start", 8), ("end", 8))
        }
        mark["order"] = chance.randbytes(8).hex().encode()
        _span(scope.add(), number, mark, chance)
        for name, value in mark.items():
            marks[name].append(value)
    template = request.SerializeToString()
    return Requests(spans, seed, template, {name: _places(template, values) for name, values in marks.items()})


def _resource(request: ExportTraceServiceRequest, chance: random.Random) -> RepeatedCompositeFieldContainer[Span]:
    added = request.resource_spans.add()
    service = chance.choice(SERVICES)
    for key, value in (
        ("service.name", service),
        ("service.namespace", "wealth"),
        ("service.version", "2.14.1"),
        ("service.instance.id", f"{service}-{chance.randrange(9)}"),
        ("deployment.environment.name", "prod"),
        ("telemetry.sdk.language", "java"),
    ):
        _attribute(added.resource.attributes, key, value)
    scope = added.scope_spans.add()
    scope.scope.name, scope.scope.version = "io.opentelemetry.spring-webmvc-6.0", "2.10.0-alpha"
    return scope.spans


def _span(span: Span, number: int, mark: dict[str, bytes], chance: random.Random) -> None:
    """One of three shapes: an HTTP server's, a database client's, a message sent."""
    span.trace_id, span.span_id = mark["trace"], mark["span"]
    if number % SPANS_A_TRACE:
        span.parent_span_id = mark["parent"]
    else:
        del mark["parent"]
    span.start_time_unix_nano = int.from_bytes(mark["start"], "little")
    span.end_time_unix_nano = int.from_bytes(mark["end"], "little")
    span.flags = 0x101
    span.kind, span.name, own = SHAPES[number % len(SHAPES)](chance)
    common = {"order.id": mark["order"].decode(), "thread.id": chance.randrange(400), "thread.name": "http-nio-8080"}
    for key, value in {**own, **common}.items():
        _attribute(span.attributes, key, value)
    span.status.code = 2 if chance.random() < 0.02 else 0


def _server(chance: random.Random) -> tuple[int, str, dict[str, str | int]]:
    return (
        Span.SPAN_KIND_SERVER,
        "POST /api/v1/orders/{orderId}",
        {
            "http.request.method": "POST",
            "http.route": "/api/v1/orders/{orderId}",
            "http.response.status_code": chance.choice((200, 201, 409)),
            "server.address": "orders.wealth.svc",
            "server.port": 8080,
            "client.address": f"10.1.{chance.randrange(256)}.{chance.randrange(256)}",
        },
    )


def _database(chance: random.Random) -> tuple[int, str, dict[str, str | int]]:
    return (
        Span.SPAN_KIND_CLIENT,
        "SELECT wealth.positions",
        {
            "db.system.name": "postgresql",
            "db.namespace": "wealth",
            "db.query.text": "SELECT qty, isin FROM positions WHERE account = ? FOR UPDATE",
            "server.address": f"pg-{chance.randrange(4)}.wealth.svc",
            "server.port": 5432,
        },
    )


def _message(chance: random.Random) -> tuple[int, str, dict[str, str | int]]:
    return (
        Span.SPAN_KIND_PRODUCER,
        "send trade.executed",
        {
            "messaging.system": "rabbitmq",
            "messaging.destination.name": "trade.executed",
            "messaging.operation.type": "send",
            "messaging.operation.name": "publish",
            "messaging.rabbitmq.destination.routing_key": f"emea.{chance.choice(('equity', 'bond', 'fx'))}",
            "messaging.message.body.size": chance.randrange(200, 4000),
        },
    )


SHAPES: tuple[Callable[[random.Random], tuple[int, str, dict[str, str | int]]], ...] = (_server, _database, _message)


def _attribute(attributes: RepeatedCompositeFieldContainer[KeyValue], key: str, value: str | int) -> None:
    added = attributes.add(key=key)
    if isinstance(value, int):
        added.value.int_value = value
    else:
        added.value.string_value = value


def _places(template: bytes, marks: list[bytes]) -> NDArray[np.int64]:
    """Where each mark stands: a row of byte offsets a mark."""
    assert all(template.count(mark) == 1 for mark in marks), "a mark is no mark if it is found twice"
    return np.array([range(at, at + len(mark)) for mark in marks for at in [template.index(mark)]], np.int64)


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in _STEPS:
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def _hex(numbers: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Sixteen hex digits a number."""
    octets = np.ascontiguousarray(numbers.astype(">u8")).view(np.uint8).reshape(-1, 8)
    return np.stack([_DIGITS[octets >> 4], _DIGITS[octets & 15]], axis=2).reshape(-1, 16)


def _write(body: NDArray[np.uint8], places: NDArray[np.int64], values: NDArray[np.generic]) -> None:
    body[places] = np.ascontiguousarray(values).view(np.uint8).reshape(places.shape)
