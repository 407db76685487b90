"""What a span says and what the store then holds, whichever door and encoding it came by.

Each row is one span, told once as OTLP/JSON writes it and sent three ways: JSON and protobuf by HTTP, protobuf by gRPC.
What only one encoding can say stands in `test_otlp_encodings.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from baton.limits import NESTING_MAX
from otlp import (
    JSON,
    PROTOBUF,
    Answer,
    Json,
    call,
    post,
    protobuf,
    request_of,
    span_of,
    stored,
    text,
    trace_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from load.server import Server

OTHER_TRACE, OTHER_SPAN = "ab" * 16, "cd" * 8
INT64_MAX, INT64_MIN, UINT32_MAX, UINT64_MAX = 2**63 - 1, -(2**63), 2**32 - 1, 2**64 - 1
STRING, BOOL, INT, DOUBLE, ARRAY, KVLIST, BYTES = range(1, 8)


def attribute(key: str, **value: object) -> Json:
    """A KeyValue; without a value, one whose value is absent."""
    return {"key": key, **({"value": value} if value else {})}


def held(key: str, value: str, type_: int) -> Json:
    """An attribute as the store holds it."""
    return {"key": key, "value": value, "type": type_}


def _nested(levels: int) -> Json:
    """An AnyValue of arrays in arrays, as many messages deep as parsers count: two an array."""
    value: Json = {"intValue": "1"}
    for _ in range(levels // 2):
        value = {"arrayValue": {"values": [value]}}
    return value


Expected = dict[str, Any] | str
"""Columns of the stored span; or, of a span that is not kept, a part of what partial_success says about it."""

SPANS: list[tuple[str, Json, Expected]] = [
    # ids
    ("ids in lower case", {"spanId": "0123456789abcdef"}, {"span_id": bytes.fromhex("0123456789abcdef")}),
    ("ids in upper case", {"spanId": "0123456789ABCDEF"}, {"span_id": bytes.fromhex("0123456789abcdef")}),
    ("a parent", {"parentSpanId": "0aBcDeF012345678"}, {"parent_span_id": bytes.fromhex("0abcdef012345678")}),
    ("no parent", {"parentSpanId": ""}, {"parent_span_id": None, "parent_key": None}),
    ("a parent of zeros is none", {"parentSpanId": "0" * 16}, {"parent_span_id": None}),
    ("a parent that is the span itself", {"spanId": OTHER_SPAN, "parentSpanId": OTHER_SPAN}, {"name": "work"}),
    ("a span id of zeros", {"spanId": "0" * 16}, "span_id is 0x0000000000000000: send 8 bytes"),
    ("a span id too short", {"spanId": "ab" * 7}, "span_id is"),
    ("a span id too long", {"spanId": "ab" * 16}, "span_id is"),
    ("no span id", {"spanId": None}, "span_id is ''"),
    ("no trace id", {"traceId": None}, "trace_id is ''"),
    ("a trace id of zeros", {"traceId": "0" * 32}, f"trace_id is 0x{'0' * 32}: send 16 bytes"),
    ("a trace id too short", {"traceId": "ab" * 8}, "trace_id is"),
    ("a parent too short", {"parentSpanId": "ab" * 4}, "parent_span_id is"),
    # name, kind, status
    ("no name", {"name": None}, {"name": ""}),
    ("a name beyond ASCII", {"name": "счёт 口座 💶 \x00"}, {"name": "счёт 口座 💶 \x00"}),
    ("a long name", {"name": "n" * 100_000}, {"name": "n" * 100_000}),
    *((f"kind {kind}", {"kind": kind}, {"kind": kind}) for kind in range(6)),
    ("no kind", {"kind": None}, {"kind": 0}),
    ("a kind of a later OTLP", {"kind": 6}, {"kind": 0}),
    ("a kind beyond any", {"kind": -1}, {"kind": 0}),
    ("status ok", {"status": {"code": 1}}, {"status_code": 1, "status_message": None}),
    ("status error", {"status": {"code": 2, "message": "no"}}, {"status_code": 2, "status_message": "no"}),
    ("no status", {}, {"status_code": 0, "status_message": None}),
    ("an empty status", {"status": {}}, {"status_code": 0}),
    ("a status code of a later OTLP", {"status": {"code": 3}}, {"status_code": 0}),
    # times
    ("times", {"startTimeUnixNano": "1", "endTimeUnixNano": "2"}, {"start_ns": 1, "end_ns": 2}),
    ("no times", {}, {"start_ns": 0, "end_ns": 0}),
    ("end before start", {"startTimeUnixNano": "2", "endTimeUnixNano": "1"}, {"start_ns": 2, "end_ns": 1}),
    ("the last time", {"endTimeUnixNano": str(INT64_MAX)}, {"end_ns": INT64_MAX}),
    ("a time after the last", {"endTimeUnixNano": str(INT64_MAX + 1)}, f"end_time_unix_nano is {INT64_MAX + 1}"),
    ("the largest number as a time", {"startTimeUnixNano": str(UINT64_MAX)}, f"start_time_unix_nano is {UINT64_MAX}"),
    # flags, trace state, dropped counts
    ("trace flags", {"flags": 0x301}, {"flags": 0x301}),
    ('flags: "bits 10-31 ... reserved": kept as sent', {"flags": UINT32_MAX}, {"flags": UINT32_MAX}),
    ("trace state", {"traceState": "a=1,b=2"}, {"trace_state": "a=1,b=2"}),
    ("trace state that is none of W3C's", {"traceState": "=,;"}, {"trace_state": "=,;"}),
    (
        "dropped counts",
        {"droppedAttributesCount": 1, "droppedEventsCount": 2, "droppedLinksCount": UINT32_MAX},
        {"attributes": [], "events": [], "links": []},
    ),
    # attributes
    ("a string", {"attributes": [attribute("k", stringValue="v")]}, {"attributes": [held("k", "v", STRING)]}),
    ("an empty string", {"attributes": [attribute("k", stringValue="")]}, {"attributes": [held("k", "", STRING)]}),
    ("false", {"attributes": [attribute("k", boolValue=False)]}, {"attributes": [held("k", "false", BOOL)]}),
    ("true", {"attributes": [attribute("k", boolValue=True)]}, {"attributes": [held("k", "true", BOOL)]}),
    ("zero", {"attributes": [attribute("k", intValue="0")]}, {"attributes": [held("k", "0", INT)]}),
    (
        "the largest int",
        {"attributes": [attribute("k", intValue=str(INT64_MAX))]},
        {"attributes": [held("k", str(INT64_MAX), INT)]},
    ),
    (
        "the least int",
        {"attributes": [attribute("k", intValue=str(INT64_MIN))]},
        {"attributes": [held("k", str(INT64_MIN), INT)]},
    ),
    ("a double", {"attributes": [attribute("k", doubleValue=0.1)]}, {"attributes": [held("k", "0.1", DOUBLE)]}),
    ("a whole double", {"attributes": [attribute("k", doubleValue=1.0)]}, {"attributes": [held("k", "1.0", DOUBLE)]}),
    (
        "a double that is no number",
        {"attributes": [attribute("k", doubleValue="NaN"), attribute("l", doubleValue="-Infinity")]},
        {"attributes": [held("k", "NaN", DOUBLE), held("l", "-Infinity", DOUBLE)]},
    ),
    ("bytes", {"attributes": [attribute("k", bytesValue="AP8=")]}, {"attributes": [held("k", "AP8=", BYTES)]}),
    (
        "an array of every type",
        {
            "attributes": [
                attribute(
                    "k",
                    arrayValue={
                        "values": [
                            {"stringValue": "v"},
                            {"boolValue": True},
                            {"intValue": "7"},
                            {"doubleValue": 0.5},
                            {"bytesValue": "AA=="},
                            {},
                            {"arrayValue": {"values": []}},
                            {"kvlistValue": {"values": [attribute("x", intValue="1")]}},
                        ]
                    },
                )
            ]
        },
        {"attributes": [held("k", '["v",true,7,0.5,"AA==",null,[],{"x":1}]', ARRAY)]},
    ),
    (
        "a kvlist, whose last of equal keys wins",
        {
            "attributes": [
                attribute("k", kvlistValue={"values": [attribute("x", intValue="1"), attribute("x", intValue="2")]})
            ]
        },
        {"attributes": [held("k", '{"x":2}', KVLIST)]},
    ),
    ("an empty array", {"attributes": [attribute("k", arrayValue={})]}, {"attributes": [held("k", "[]", ARRAY)]}),
    ("an absent value", {"attributes": [attribute("k")]}, {"attributes": [held("k", "", 0)]}),
    ("an empty key", {"attributes": [attribute("", stringValue="v")]}, {"attributes": [held("", "v", STRING)]}),
    (
        '"attribute keys MUST be unique": of twice the same, both are kept as sent',
        {"attributes": [attribute("k", stringValue="a"), attribute("k", intValue="1")]},
        {"attributes": [held("k", "a", STRING), held("k", "1", INT)]},
    ),
    (
        '"attribute keys MUST be unique": where a column holds it, the last wins and the other stays an attribute',
        {
            "attributes": [
                attribute("messaging.system", stringValue="kafka"),
                attribute("messaging.system", stringValue="rabbitmq"),
            ]
        },
        {"messaging_system": "rabbitmq", "attributes": [held("messaging.system", "kafka", STRING)]},
    ),
    (
        '"attribute keys MUST be unique": of a journey key, both',
        {"attributes": [attribute("order.id", stringValue="a"), attribute("order.id", stringValue="b")]},
        {"keys": [{"key": "order.id", "value": "a"}, {"key": "order.id", "value": "b"}]},
    ),
    (
        "nesting as deep as is allowed",
        {"attributes": [attribute("k", **_nested(NESTING_MAX - 2))]},
        {"attributes": [held("k", "[" * (NESTING_MAX // 2 - 1) + "1" + "]" * (NESTING_MAX // 2 - 1), ARRAY)]},
    ),
    # events and links
    (
        "an event",
        {
            "events": [
                {
                    "timeUnixNano": "5",
                    "name": "e",
                    "attributes": [attribute("k", boolValue=True)],
                    "droppedAttributesCount": 1,
                }
            ]
        },
        {"events": [{"name": "e", "time_ns": 5, "attributes": [held("k", "true", BOOL)]}]},
    ),
    ("an empty event", {"events": [{}]}, {"events": [{"name": "", "time_ns": 0, "attributes": []}]}),
    (
        "an exception event",
        {"events": [{"name": "exception", "attributes": [attribute("exception.type", stringValue="Timeout")]}]},
        {"exception_type": "Timeout"},
    ),
    (
        "a link, its id in either case",
        {
            "links": [
                {
                    "traceId": OTHER_TRACE.upper(),
                    "spanId": OTHER_SPAN,
                    "traceState": "a=b",
                    "flags": 0x101,
                    "attributes": [attribute("k", intValue="1")],
                    "droppedAttributesCount": 1,
                }
            ]
        },
        {
            "links": [
                {
                    "trace_id": bytes.fromhex(OTHER_TRACE),
                    "span_id": bytes.fromhex(OTHER_SPAN),
                    "trace_key": int.from_bytes(bytes.fromhex(OTHER_TRACE)[8:], signed=True),
                    "span_key": int.from_bytes(bytes.fromhex(OTHER_SPAN), signed=True),
                    "trace_state": "a=b",
                    "flags": 0x101,
                    "attributes": [held("k", "1", INT)],
                }
            ]
        },
    ),
    (
        "links that name no span are left out",
        {
            "links": [
                {"traceId": "ab", "spanId": OTHER_SPAN},
                {"traceId": "0" * 32, "spanId": OTHER_SPAN},
                {"traceId": OTHER_TRACE},
                {},
            ]
        },
        {"links": []},
    ),
]


def doors(server: Server, request: Json) -> dict[str, Answer]:
    """The request through every door, in every encoding."""
    return {
        "HTTP, JSON": post(server.http, text(request), {"Content-Type": JSON}),
        "HTTP, protobuf": post(server.http, protobuf(request), {"Content-Type": PROTOBUF}),
        "gRPC": call(server.grpc, protobuf(request)),
    }


@pytest.mark.parametrize(("fields", "expected"), [pytest.param(*row, id=says) for says, *row in SPANS])
def test_a_span_is_stored_as_it_was_sent(
    server: Server, store: Path, request: pytest.FixtureRequest, fields: Json, expected: Expected
) -> None:
    """All three say and store the same: the columns of the row, or one span rejected and why; its neighbour is kept."""
    trace = trace_of(request.node.name)
    neighbour = span_of(trace, spanId="f" * 16, name="neighbour")
    answers = doors(server, request_of(neighbour, span_of(trace, **fields)))
    spans = [span for span in stored(store, trace) if span["name"] != "neighbour"]
    assert len(stored(store, trace)) - len(spans) == 3
    if isinstance(expected, str):
        assert spans == []
        told = [answer.partial() for answer in answers.values()]
        assert [partial and partial[0] for partial in told] == [1] * 3
        assert all(f"spans[1].{expected}" in partial[1] for partial in told if partial)
    else:
        assert [answer.partial() for answer in answers.values()] == [None] * 3
        assert [{name: span[name] for name in expected} for span in spans] == [expected] * 3
        assert {tuple(sorted(_comparable(span).items())) for span in spans} == {
            tuple(sorted(_comparable(spans[0]).items()))
        }


def _comparable(span: Json) -> dict[str, str]:
    """Everything but when it came, so that two can be told apart."""
    return {name: repr(value) for name, value in span.items() if name != "ingested_at"}


def test_the_context_of_a_span_is_stored_with_it(server: Server, store: Path) -> None:
    """Resource, scope and schema URL stand on the span; what no column holds stays, counts of the dropped do not."""
    trace = trace_of("context")
    request = request_of(
        span_of(trace),
        resource={
            "attributes": [
                attribute("service.name", stringValue="trading"),
                attribute("service.instance.id", stringValue="1"),
                attribute("deployment.environment.name", stringValue="prod"),
                attribute("k", intValue="1"),
            ],
            "droppedAttributesCount": 3,
        },
        scope={
            "name": "bank",
            "version": "1.0",
            "attributes": [attribute("k", boolValue=True)],
            "droppedAttributesCount": 3,
        },
    )
    request["resourceSpans"][0]["schemaUrl"] = "https://example.org/resource"
    doors(server, request)
    request["resourceSpans"][0]["scopeSpans"][0]["schemaUrl"] = "https://example.org/scope"
    doors(server, request)
    expected = {
        "service": "trading",
        "service_instance": "1",
        "environment": "prod",
        "resource": [held("k", "1", INT)],
        "scope_name": "bank",
        "scope_version": "1.0",
        "scope": [held("k", "true", BOOL)],
    }
    spans = stored(store, trace)
    assert [{name: span[name] for name in expected} for span in spans] == [expected] * 6
    urls = sorted(span["schema_url"] for span in spans)
    assert urls == ["https://example.org/resource"] * 3 + ["https://example.org/scope"] * 3
