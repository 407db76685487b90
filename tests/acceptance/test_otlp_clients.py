"""The exporters that services really use, of two languages, hold a conversation with a real `baton serve`.

Each exports the same spans of a bank, with a value of every type, and says what its SDK recorded; the store must hold
that, to the nanosecond.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import grpc
import orjson
import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from otlp import Json, node, stored

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from opentelemetry.sdk.trace.export import SpanExporter

    from load.server import Server

STRING, BOOL, INT, DOUBLE, ARRAY = range(1, 6)
HAS_IS_REMOTE, IS_REMOTE = 0x100, 0x200
ELSEWHERE = SpanContext(
    0x5B8EFFF798038103D269B633813FC60C,
    0xEEE19B7EC3C1B174,
    is_remote=True,
    trace_flags=TraceFlags(TraceFlags.SAMPLED),
    trace_state=TraceState([("a", "1"), ("b", "2")]),
)
ATTRIBUTES: dict[str, Any] = {
    "messaging.destination.name": "orders",
    "order.id": "order-1",
    "k.string": "счёт 口座 💶",
    "k.empty": "",
    "k.long": "x" * 10_000,
    "k.true": True,
    "k.false": False,
    "k.int": -42,
    "k.large": 2**63 - 1,
    "k.double": 0.1,
    "k.whole": 2.0,
    "k.strings": ["a", "b"],
    "k.bools": [True, False],
    "k.ints": [1, 2],
    "k.doubles": [0.5, 1.5],
    "k.none": [],
}


def _as_stored(span: Json) -> Json:
    """The columns that a span as a client tells it must fill."""
    attributes = dict(span["attributes"])
    destination, order = attributes.pop("messaging.destination.name", None), attributes.pop("order.id", None)
    is_remote = IS_REMOTE if span["isParentRemote"] else 0
    return {
        "trace_id": bytes.fromhex(span["traceId"]),
        "span_id": bytes.fromhex(span["spanId"]),
        "parent_span_id": span["parentSpanId"] and bytes.fromhex(span["parentSpanId"]),
        "name": span["name"],
        # The API counts kinds from internal, 0; OTLP has "unspecified" there.
        "kind": span["kind"] + 1,
        "start_ns": int(span["start"]),
        "end_ns": int(span["end"]),
        "status_code": span["status"],
        "status_message": span["message"],
        "flags": span["traceFlags"] | HAS_IS_REMOTE | is_remote,
        "trace_state": span["traceState"],
        "service": "trading",
        "scope_name": "bank",
        "scope_version": "1.0",
        "destination": destination,
        "keys": [{"key": "order.id", "value": order}] if order else [],
        "exception_type": "TypeError" if len(span["events"]) > 1 else None,
        "attributes": _held(attributes),
        "events": [
            {"name": event["name"], "time_ns": int(event["time"]), "attributes": _held(event["attributes"])}
            for event in span["events"]
        ],
        "links": [
            {
                "trace_id": bytes.fromhex(link["traceId"]),
                "span_id": bytes.fromhex(link["spanId"]),
                "trace_state": link["traceState"],
                "flags": span["traceFlags"] | HAS_IS_REMOTE | IS_REMOTE,
                "attributes": _held(link["attributes"]),
            }
            for link in span["links"]
        ],
    }


def _held(attributes: Mapping[str, Any]) -> list[Json]:
    return [
        {"key": key, **dict(zip(("value", "type"), _text(value), strict=True))} for key, value in attributes.items()
    ]


def _text(value: object) -> tuple[str, int]:
    if isinstance(value, bool):
        return str(value).lower(), BOOL
    if isinstance(value, (int, float)):
        return repr(value), INT if isinstance(value, int) else DOUBLE
    return (value, STRING) if isinstance(value, str) else (orjson.dumps(value).decode(), ARRAY)


def _holds(store: Path, sent: list[Json]) -> None:
    """The store holds exactly these spans."""
    found = [span for trace_id in {span["traceId"] for span in sent} for span in stored(store, trace_id)]
    # All clients' spans with a remote parent are of the parent's trace.
    mine = {span["spanId"] for span in sent}
    by_id = {span["span_id"].hex(): span for span in found if span["span_id"].hex() in mine}
    assert len(sent) == len(by_id) == 7
    for span in sent:
        expected = _as_stored(span)
        assert {name: _without_surrogates(by_id[span["spanId"]][name]) for name in expected} == expected


def _without_surrogates(value: object) -> object:
    """Of links, the columns that a client knows of."""
    if not isinstance(value, list):
        return value
    own = {"trace_key", "span_key"}
    return [{name: item for name, item in entry.items() if name not in own} for entry in value]


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("encoding", ["proto", "json"])
def test_javascript_exporters(server: Server, store: Path, encoding: str, compression: str) -> None:
    """`exporter-trace-otlp-proto` and `-http` (JSON), plain and gzipped: what the SDK recorded is what is stored."""
    _holds(store, json.loads(node("export.mjs", encoding, compression, f"http://{server.http}/v1/traces")))


@pytest.mark.parametrize("name", ["grpc", "grpc gzip", "http", "http gzip"])
def test_python_exporters(server: Server, store: Path, name: str) -> None:
    """The SDK's exporters behind a BatchSpanProcessor: what the SDK recorded is what is stored."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "trading", "k.resource": "v"}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_exporter(server, name)))
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("bank", "1.0")
    remote = trace.set_span_in_context(NonRecordingSpan(ELSEWHERE))
    links = [trace.Link(ELSEWHERE, {"k.link": True})]
    send = tracer.start_span("send", remote, SpanKind.PRODUCER, ATTRIBUTES, links)
    send.add_event("checked", {"k.event": 7})
    send.record_exception(TypeError("no such account"))
    send.set_status(Status(StatusCode.ERROR, "refused"))
    for kind in SpanKind:
        child = tracer.start_span(f"child {kind.name}", trace.set_span_in_context(send), kind)
        child.set_status(Status(StatusCode.OK))
        child.end()
    send.end()
    tracer.start_span("root").end()
    assert provider.force_flush()
    provider.shutdown()
    _holds(store, [_told(span) for span in kept.get_finished_spans()])


def _exporter(server: Server, name: str) -> SpanExporter:
    url = f"http://{server.http}/v1/traces"
    exporters: dict[str, SpanExporter] = {
        "grpc": GrpcExporter(endpoint=server.grpc, insecure=True),
        "grpc gzip": GrpcExporter(endpoint=server.grpc, insecure=True, compression=grpc.Compression.Gzip),
        "http": HttpExporter(endpoint=url),
        "http gzip": HttpExporter(endpoint=url, compression=Compression.Gzip),
    }
    return exporters[name]


def _told(span: ReadableSpan) -> Json:
    """What the Python SDK recorded, as the JavaScript client tells it."""
    of = cast("SpanContext", span.get_span_context())
    return {
        "name": span.name,
        "traceId": f"{of.trace_id:032x}",
        "spanId": f"{of.span_id:016x}",
        "parentSpanId": f"{span.parent.span_id:016x}" if span.parent else None,
        "isParentRemote": bool(span.parent and span.parent.is_remote),
        # The Python exporters leave out the W3C flags of spans and links, and the trace state of links.
        "traceFlags": 0,
        "traceState": of.trace_state.to_header() or None,
        "kind": span.kind.value,
        "start": span.start_time,
        "end": span.end_time,
        "status": span.status.status_code.value,
        "message": span.status.description,
        "attributes": span.attributes,
        "events": [
            {"name": event.name, "time": event.timestamp, "attributes": event.attributes or {}} for event in span.events
        ],
        "links": [
            {
                "traceId": f"{link.context.trace_id:032x}",
                "spanId": f"{link.context.span_id:016x}",
                "traceState": None,
                "attributes": link.attributes or {},
            }
            for link in span.links
        ],
    }
