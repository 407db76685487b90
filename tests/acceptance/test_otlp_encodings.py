"""What only one of OTLP's encodings can say: JSON's many ways to write a value, protobuf's to write a field.

"JSON Protobuf Encoding" of the specification, version 1.9, and protobuf's own law for both. What the specification
leaves to the receiver is pinned here as it was chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp import JSON, PROTOBUF, Json, call, post, request_of, span_of, stored, text, trace_of

if TYPE_CHECKING:
    from pathlib import Path

    from load.server import Server

TRACE, SPAN = "5B8EFFF798038103D269B633813FC60C", "eee19b7ec3c1b174"
BASE64_TRACE, BASE64_SPAN = "W47/95gDgQPSabYzgT/GDA==", "7uGbfsPBsXQ="
INT64_MAX = 2**63 - 1
OK, BAD_REQUEST, INVALID_ARGUMENT = 200, 400, 3
UNKNOWN = {"new": {"deep": [{"traceId": 7, "x": None}]}, "newNumber": 1e300, "newText": "", "newList": [[]]}


def _value(**value: object) -> Json:
    return {"attributes": [{"key": "k", "value": value}]}


def _held(value: str, type_: int) -> Json:
    return {"attributes": [{"key": "k", "value": value, "type": type_}]}


STRING, BOOL, INT, DOUBLE, ARRAY, KVLIST, BYTES = range(1, 8)

Expected = Any
"""Columns of the stored span; or (status, a part of what is told): 200 where the span is rejected, 400 the request."""

JSON_FIELDS: list[tuple[str, Json, Expected]] = [
    ('"case-insensitive hex": upper', {"spanId": SPAN.upper()}, {"span_id": bytes.fromhex(SPAN)}),
    ('"case-insensitive hex": mixed', {"spanId": "eEe19B7ec3C1b174"}, {"span_id": bytes.fromhex(SPAN)}),
    ('"not base64-encoded": a trace id', {"traceId": BASE64_TRACE}, (OK, f"trace_id is '{BASE64_TRACE}'")),
    ('"not base64-encoded": a span id', {"spanId": BASE64_SPAN}, (OK, f"span_id is '{BASE64_SPAN}'")),
    ('"not base64-encoded": a parent', {"parentSpanId": BASE64_SPAN}, (OK, "parent_span_id is")),
    (
        '"not base64-encoded": a link, which is left out',
        {"links": [{"traceId": BASE64_TRACE, "spanId": BASE64_SPAN}]},
        {"links": []},
    ),
    ("hex of odd length", {"spanId": SPAN[1:]}, (OK, "send 8 bytes (16 hex digits in JSON)")),
    ("hex with a letter too far", {"spanId": "g" * 16}, (OK, "span_id is")),
    ("hex with a prefix", {"spanId": "0x" + SPAN[2:]}, (OK, "span_id is")),
    ("hex with space around", {"spanId": f" {SPAN[2:]} "}, (OK, "span_id is")),
    ("hex of digits beyond ASCII", {"spanId": "\uff11" * 16}, (OK, "span_id is")),
    ("eight characters, the length of the bytes", {"spanId": "abcdefgh"}, (OK, "span_id is")),
    ("an id that is a number", {"spanId": 1}, (BAD_REQUEST, "send a string")),
    # enums
    ('"enum fields MUST be encoded as integer"', {"kind": 2, "status": {"code": 2}}, {"kind": 2, "status_code": 2}),
    (
        '"enum name strings MUST NOT be used": taken from those who do',
        {"kind": "SPAN_KIND_PRODUCER", "status": {"code": "STATUS_CODE_ERROR"}},
        {"kind": 4, "status_code": 2},
    ),
    ("an enum name that is none", {"kind": "SPAN_KIND_INVALID_TYPE"}, (BAD_REQUEST, "'SPAN_KIND_INVALID_TYPE'")),
    ("an enum number in quotes", {"kind": "2"}, (BAD_REQUEST, "kind is '2'")),
    ("an enum that is no whole number", {"kind": 2.5}, (BAD_REQUEST, "kind is 2.5")),
    ("an enum that is true", {"kind": True}, (BAD_REQUEST, "kind is True")),
    # names
    ('"keys ... are ... lowerCamelCase"', {"traceState": "a=b"}, {"trace_state": "a=b"}),
    (
        '"original field names are not valid": taken from those who use them',
        {"trace_state": "a=b", "start_time_unix_nano": 1},
        {"trace_state": "a=b", "start_ns": 1},
    ),
    (
        "names are case-sensitive: others are unknown",
        {"TraceState": "a=b", "KIND": 3},
        {"trace_state": None, "kind": 1},
    ),
    ('"ignore ... unknown names": in a span', UNKNOWN, {"name": "work"}),
    ('"ignore ... unknown names": in a status', {"status": {"code": 1, **UNKNOWN}}, {"status_code": 1}),
    (
        '"ignore ... unknown names": in an event and a link',
        {
            "events": [{"name": "e", **UNKNOWN}],
            "links": [{"traceId": TRACE, "spanId": SPAN, "new": [{"attributes": 7}]}],
        },
        {"name": "work"},
    ),
    (
        '"ignore ... unknown names": in an attribute and its value',
        {"attributes": [{"key": "k", "value": {"intValue": 1, **UNKNOWN}, **UNKNOWN}]},
        _held("1", INT),
    ),
    ("a value of a kind unknown", _value(newValue=[1]), _held("", 0)),
    # 64-bit numbers
    (
        '"64-bit integer numbers ... as decimal strings"',
        {"startTimeUnixNano": "1640000000000000001", "endTimeUnixNano": "1640000000000000002"},
        {"start_ns": 1640000000000000001, "end_ns": 1640000000000000002},
    ),
    (
        '"either numbers or strings are accepted": numbers, not rounded',
        {"startTimeUnixNano": 1640000000000000001, "endTimeUnixNano": 1640000000000000002},
        {"start_ns": 1640000000000000001, "end_ns": 1640000000000000002},
    ),
    ("an int as a string", _value(intValue="-5"), _held("-5", INT)),
    ("an int as a number", _value(intValue=-5), _held("-5", INT)),
    ("an int as a number with a fraction of zero", _value(intValue=5.0), _held("5", INT)),
    ("the largest int as a number", _value(intValue=INT64_MAX), _held(str(INT64_MAX), INT)),
    ("the largest time as a number", {"endTimeUnixNano": INT64_MAX}, {"end_ns": INT64_MAX}),
    ("a time after the last, as a number", {"endTimeUnixNano": 2**63}, (OK, f"end_time_unix_nano is {2**63}")),
    ("an int too large", _value(intValue=2**63), (BAD_REQUEST, f"is {2**63}: send an integer")),
    ("an int too large, as a string", _value(intValue=str(2**63)), (BAD_REQUEST, "send an integer")),
    ("an int that is none", _value(intValue="5x"), (BAD_REQUEST, "intValue is '5x'")),
    ("an int with a fraction", _value(intValue=5.5), (BAD_REQUEST, "intValue is 5.5")),
    ("an empty int", _value(intValue=""), (BAD_REQUEST, "intValue is ''")),
    ("an int with space around", _value(intValue=" 5"), (BAD_REQUEST, "intValue is ' 5'")),
    ("an int of digits beyond ASCII", _value(intValue="\uff15"), (BAD_REQUEST, "send an integer")),
    ("an int of a thousand digits", _value(intValue="9" * 1000), (BAD_REQUEST, "send an integer")),
    ("a time that is negative", {"startTimeUnixNano": -1}, (BAD_REQUEST, "startTimeUnixNano is -1")),
    ("a time with a fraction", {"startTimeUnixNano": 1.5}, (BAD_REQUEST, "startTimeUnixNano is 1.5")),
    ("a time too large for any", {"startTimeUnixNano": str(2**64)}, (BAD_REQUEST, "startTimeUnixNano is")),
    ("flags as a string", {"flags": "257"}, {"flags": 257}),
    ("flags too large", {"flags": 2**32}, (BAD_REQUEST, "flags is 4294967296")),
    # other values
    ("of two values in one the last holds", _value(stringValue="v", intValue=7), _held("7", INT)),
    ("of two values in one, null is none", _value(stringValue="v", intValue=None), _held("v", STRING)),
    ("half a surrogate pair", {"name": "\ud800"}, (BAD_REQUEST, "not JSON")),
    ("an escaped surrogate pair", {"status": {"message": "💶"}}, {"status_message": "💶"}),
    ("a double as a string", _value(doubleValue="1.5"), _held("1.5", DOUBLE)),
    ("a double that is whole", _value(doubleValue=1), _held("1.0", DOUBLE)),
    ("a double as an exponent", _value(doubleValue="-1E-7"), _held("-1e-07", DOUBLE)),
    ("a double that is none", _value(doubleValue="1,5"), (BAD_REQUEST, "doubleValue is '1,5'")),
    ("infinity", _value(doubleValue="Infinity"), _held("Infinity", DOUBLE)),
    ("a bool in quotes", _value(boolValue="true"), (BAD_REQUEST, "boolValue is 'true'")),
    ("a string that is a number", _value(stringValue=1), (BAD_REQUEST, "stringValue is 1")),
    ("bytes, URL-safe and not padded", _value(bytesValue="-_8"), _held("+/8=", BYTES)),
    ("bytes that are no base64", _value(bytesValue="!"), (BAD_REQUEST, "send base64")),
    ("an array that is none", {"attributes": {}}, (BAD_REQUEST, "attributes is a JSON object: send a JSON array")),
    ("an object that is none", {"status": []}, (BAD_REQUEST, "status is a JSON array: send a JSON object")),
    ("an object that is text", {"events": ["x"]}, (BAD_REQUEST, "events[0] is 'x': send a JSON object")),
    (
        "null is absent, everywhere",
        {
            "parentSpanId": None,
            "kind": None,
            "startTimeUnixNano": None,
            "status": None,
            "events": None,
            "links": [None],
            "attributes": [{"key": "k", "value": None}],
        },
        {"kind": 0, "events": [], "links": [], **_held("", 0)},
    ),
    ("nesting that is too deep", None, (BAD_REQUEST, "nests deeper than")),
]


def _too_deep() -> Json:
    value: Json = {"intValue": 1}
    for _ in range(100):
        value = {"arrayValue": {"values": [value]}}
    return _value(**value)


@pytest.mark.parametrize(("fields", "expected"), [pytest.param(*row, id=says) for says, *row in JSON_FIELDS])
def test_json(
    server: Server, store: Path, request: pytest.FixtureRequest, fields: Json | None, expected: Expected
) -> None:
    """The columns of the row are stored; or the span alone is rejected; or the request, with the span's neighbour."""
    trace = trace_of(request.node.name)
    span = {"traceId": trace, "spanId": SPAN, "name": "work", "kind": 1, **(_too_deep() if fields is None else fields)}
    neighbour = span_of(trace, name="neighbour")
    answer = post(server.http, text(request_of(span, neighbour)), {"Content-Type": JSON})
    spans = stored(store, trace)
    if isinstance(expected, dict):
        assert (answer.status, answer.body) == (OK, b"{}")
        assert [{name: found[name] for name in expected} for found in spans if found["name"] == "work"] == [expected]
        return
    status, told = expected
    assert answer.status == status
    assert [found["name"] for found in spans] == ["neighbour"] * (status == OK)
    if status == OK:
        partial = answer.partial()
        assert partial is not None
        assert (partial[0], told in partial[1]) == (1, True), partial[1]
    else:
        assert told in answer.told()


def test_unknown_json_names_are_ignored_around_spans(server: Server, store: Path) -> None:
    """It is "as if the unknown field was not present": in request, resource, scope and the messages between them."""
    trace = trace_of("unknown JSON names")
    request = {
        **UNKNOWN,
        "resourceSpans": [
            {
                **UNKNOWN,
                "resource": {**UNKNOWN, "attributes": []},
                "scopeSpans": [{**UNKNOWN, "scope": {**UNKNOWN, "name": "s"}, "spans": [span_of(trace)]}],
                "instrumentationLibrarySpans": [{"spans": [span_of(trace, spanId="f" * 16)]}],
            }
        ],
    }
    answer = post(server.http, text(request), {"Content-Type": JSON})
    assert (answer.status, answer.body) == (OK, b"{}")
    assert [(span["span_id"].hex(), span["scope_name"]) for span in stored(store, trace)] == [(trace[:16], "s")]


def test_of_a_json_name_given_twice_the_last_holds(server: Server, store: Path) -> None:
    """JSON leaves it open; protobuf's rule for a field given twice holds here too."""
    trace = trace_of("twice")
    body = text(request_of(span_of(trace, name="first"))).replace(b'"kind"', b'"name": "last", "kind"')
    assert post(server.http, body, {"Content-Type": JSON}).status == OK
    assert [span["name"] for span in stored(store, trace)] == ["last"]


# --- protobuf ------------------------------------------------------------------------------------------------------

VARINT, FIXED64, LENGTH, START_GROUP, END_GROUP, FIXED32 = range(6)
TRACE_STATE, NAME, KIND, START, ATTRIBUTES, EVENTS, LINKS, STATUS = 3, 5, 6, 7, 9, 11, 13, 15
LATER = 1000
"""A field that a later OTLP may add."""


def _varint(number: int) -> bytes:
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F)
    return bytes(group | 0x80 for group in groups[:-1]) + bytes(groups[-1:])


def _field(number: int, wire_type: int, payload: bytes | int) -> bytes:
    """A field on the wire: a varint of a number, of wire type 2 with its length before it."""
    raw = _varint(payload) if isinstance(payload, int) else payload
    return _varint(number << 3 | wire_type) + (_varint(len(raw)) if wire_type == LENGTH else b"") + raw


UNKNOWN_FIELDS = b"".join(
    (
        _field(LATER, VARINT, 2**64 - 1),
        _field(LATER, FIXED64, bytes(8)),
        _field(LATER, LENGTH, b"\xff\xfe"),
        _field(LATER, FIXED32, bytes(4)),
        _field(LATER, START_GROUP, _field(1, VARINT, 1) + _field(2, START_GROUP, b"") + _field(2, END_GROUP, b"")),
        _field(LATER, END_GROUP, b""),
        _field(2**29 - 1, VARINT, 1),
    )
)


def _string_attribute(key: bytes, value: bytes, more: bytes = b"") -> bytes:
    return _field(ATTRIBUTES, LENGTH, _field(1, LENGTH, key) + _field(2, LENGTH, _field(1, LENGTH, value) + more))


def _request(trace: str, more: bytes, around: bytes = b"") -> bytes:
    """A good request of one span with `more` behind its fields, and `around` behind those of all around it."""
    span = (
        _field(1, LENGTH, bytes.fromhex(trace)) + _field(2, LENGTH, bytes.fromhex(SPAN)) + _field(NAME, LENGTH, b"work")
    )
    scope_spans = _field(1, LENGTH, _field(1, LENGTH, b"s") + around) + _field(2, LENGTH, span + more) + around
    resource_spans = _field(1, LENGTH, around) + _field(2, LENGTH, scope_spans) + around
    return _field(1, LENGTH, resource_spans) + around


def _nested(levels: int) -> bytes:
    """An attribute whose value is an array in an array in ..."""
    value = _field(3, VARINT, 1)
    for _ in range(levels):
        value = _field(5, LENGTH, _field(1, LENGTH, value))
    return _field(ATTRIBUTES, LENGTH, _field(1, LENGTH, b"k") + _field(2, LENGTH, value))


PROTOBUF_FIELDS: list[tuple[str, bytes, dict[str, Any] | None]] = [
    ("unknown fields of every wire type", UNKNOWN_FIELDS, {"name": "work"}),
    (
        "unknown fields in event, link and status",
        _field(EVENTS, LENGTH, UNKNOWN_FIELDS + _field(2, LENGTH, b"e") + UNKNOWN_FIELDS)
        + _field(
            LINKS,
            LENGTH,
            UNKNOWN_FIELDS + _field(1, LENGTH, bytes.fromhex(TRACE)) + _field(2, LENGTH, bytes.fromhex(SPAN)),
        )
        + _field(STATUS, LENGTH, UNKNOWN_FIELDS + _field(3, VARINT, 1)),
        {"status_code": 1},
    ),
    ("unknown fields in a value", _string_attribute(b"k", b"v", UNKNOWN_FIELDS), _held("v", STRING)),
    ("a value of a kind unknown", _field(ATTRIBUTES, LENGTH, b"\x0a\x01k\x12\x03\xc2\x3e\x00"), _held("", 0)),
    ("a known field of another wire type is unknown", _field(NAME, VARINT, 5), {"name": "work"}),
    ("a time as a varint is unknown", _field(START, VARINT, 5), {"start_ns": 0}),
    ("of a field given twice the last holds", _field(NAME, LENGTH, b"last"), {"name": "last"}),
    ("an empty string given last", _field(NAME, LENGTH, b""), {"name": ""}),
    (
        "a message given twice is one",
        _field(STATUS, LENGTH, _field(3, VARINT, 2)) + _field(STATUS, LENGTH, _field(2, LENGTH, b"no")),
        {"status_code": 2, "status_message": "no"},
    ),
    ("of two values in one the last holds", _string_attribute(b"k", b"v", _field(3, VARINT, 7)), _held("7", INT)),
    (
        "a value given twice in an attribute is one",
        _field(ATTRIBUTES, LENGTH, b"\x0a\x01k" + _field(2, LENGTH, b"\x0a\x01v") + _field(2, LENGTH, b"")),
        _held("v", STRING),
    ),
    ("a varint longer than it needs", _field(KIND, VARINT, b"\x82\x80\x80\x80\x80\x80\x80\x80\x80\x00"), {"kind": 2}),
    ("an enum of 64 bits keeps the lower 32", _field(KIND, VARINT, 2**32 + 2), {"kind": 2}),
    ("a negative enum", _field(KIND, VARINT, 2**64 - 1), {"kind": 0}),
    ("a bool of more than one", _field(ATTRIBUTES, LENGTH, b"\x0a\x01k\x12\x02\x10\x07"), _held("true", BOOL)),
    (
        "a negative int",
        _field(ATTRIBUTES, LENGTH, b"\x0a\x01k\x12\x0b" + _field(3, VARINT, 2**64 - 5)),
        _held("-5", INT),
    ),
    (
        "text at UTF-8's edges",
        _field(NAME, LENGTH, "\x00\x7f\x80߿ࠀ￿𐀀\U0010ffff".encode()),
        {"name": "\x00\x7f\x80߿ࠀ￿𐀀\U0010ffff"},
    ),
    ("no UTF-8: a byte that is none", _field(NAME, LENGTH, b"a\xffb"), None),
    ("no UTF-8: cut in a character", _field(NAME, LENGTH, "é".encode()[:1]), None),
    ("no UTF-8: overlong", _field(NAME, LENGTH, b"\xc0\x80"), None),
    ("no UTF-8: a surrogate", _field(NAME, LENGTH, b"\xed\xa0\x80"), None),
    ("no UTF-8: beyond Unicode", _field(NAME, LENGTH, b"\xf4\x90\x80\x80"), None),
    ("no UTF-8: a trace state", _field(TRACE_STATE, LENGTH, b"\x80"), None),
    ("no UTF-8: an attribute's key", _string_attribute(b"\xff", b"v"), None),
    ("no UTF-8: an attribute's value", _string_attribute(b"k", b"\xff"), None),
    ("no UTF-8: an event's name", _field(EVENTS, LENGTH, _field(2, LENGTH, b"\xff")), None),
    ("a varint of eleven bytes", _field(KIND, VARINT, b"\x80" * 10 + b"\x01"), None),
    ("a varint that does not end", b"\x30\x80", None),
    ("a length beyond the message", _field(NAME, LENGTH, b"x")[:-2] + b"\x7f", None),
    ("a length beyond any", _varint(NAME << 3 | LENGTH) + _varint(2**63), None),
    ("field number zero", b"\x00\x01", None),
    ("a wire type that does not exist", _varint(LATER << 3 | 6), None),
    ("a group that does not end", _field(LATER, START_GROUP, b""), None),
    ("the end of a group that did not begin", _field(LATER, END_GROUP, b""), None),
    ("a group that ends as another", _field(LATER, START_GROUP, b"") + _field(LATER + 1, END_GROUP, b""), None),
    ("nesting that is too deep", _nested(100), None),
]


@pytest.mark.parametrize(("more", "expected"), [pytest.param(*row, id=says) for says, *row in PROTOBUF_FIELDS])
def test_protobuf(
    server: Server, store: Path, request: pytest.FixtureRequest, more: bytes, expected: dict[str, Any] | None
) -> None:
    """The columns of the row are stored, through both doors, or the request is refused; and protobuf itself agrees."""
    trace = trace_of(request.node.name)
    body = _request(trace, more)
    over_http = post(server.http, body, {"Content-Type": PROTOBUF})
    over_grpc = call(server.grpc, body)
    spans = stored(store, trace)
    if expected is None:
        assert (over_http.status, over_grpc.status) == (BAD_REQUEST, INVALID_ARGUMENT)
        assert over_http.told() == over_grpc.told()
        assert spans == []
        with pytest.raises(DecodeError):
            ExportTraceServiceRequest.FromString(body)
        return
    assert (over_http.status, over_grpc.status, over_http.body, over_grpc.body) == (OK, 0, b"", b"")
    assert [{name: span[name] for name in expected} for span in spans] == [expected] * 2
    ExportTraceServiceRequest.FromString(body)


def test_unknown_protobuf_fields_are_ignored_around_spans(server: Server, store: Path) -> None:
    """In request, resource, scope and the messages between them, whatever their wire type."""
    trace = trace_of("unknown protobuf fields")
    assert post(server.http, _request(trace, b"", UNKNOWN_FIELDS), {"Content-Type": PROTOBUF}).body == b""
    assert [(span["name"], span["scope_name"]) for span in stored(store, trace)] == [("work", "s")]
