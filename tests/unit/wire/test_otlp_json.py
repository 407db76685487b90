from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from baton.errors import InvalidRequestError, RequestTooLargeError
from baton.limits import JSON_VALUES_MAX, NESTING_MAX
from baton.wire.otlp_json import encode, parse, to_protobuf, transcode
from decoding import decoded
from request_maker import Maker, as_json

if TYPE_CHECKING:
    from collections.abc import Callable

TRACE_ID = "5B8EFFF798038103D269B633813FC60C"
SPAN_ID = "eee19b7ec3c1b174"


def json_of(**fields: object) -> bytes:
    """A request of one span with these fields."""
    span = {"traceId": TRACE_ID, "spanId": SPAN_ID, **fields}
    return orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})


def row_of(**fields: object) -> dict[str, Any]:
    """The row of a span with these fields."""
    told = decoded(to_protobuf(json_of(**fields)))
    assert told.rejected == 0, told.reason
    return told.spans.row(0, named=True)


def test_ids_are_hex_in_any_case() -> None:
    """Hex digits in either case are the ids' bytes."""
    row = row_of(parentSpanId=SPAN_ID.upper())
    assert (row["trace_id"].hex(), row["span_id"].hex()) == (TRACE_ID.lower(), SPAN_ID)
    assert row["parent_span_id"] == row["span_id"]


@pytest.mark.parametrize(
    "fields",
    [
        {"traceId": "aYQql5kRA2zz6CIIbsqgBw=="},
        {"traceId": "zzz"},
        {"traceId": ""},
        {"traceId": "not hex, 16 long"},
        {"traceId": TRACE_ID + "00"},
        {"traceId": "5B 8E FF F7 98 03 81 03 D2 69 B6 33 81 3F C6 0C"},
        {"spanId": "Wmn8F4uo+Dc="},
        {"spanId": "not hex!"},
        {"spanId": "é" * 4},
        {"parentSpanId": "xyz"},
        {"parentSpanId": "12345678"},
        {"traceId": None},
    ],
)
def test_a_spoiled_id_rejects_its_span_only(fields: dict[str, Any]) -> None:
    """Base64, other text, wrong lengths and absent ids (even text as long as a valid id) cost one span, counted."""
    good = orjson.loads(json_of())
    spans = good["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans.append({**spans[0], **fields})
    told = decoded(to_protobuf(orjson.dumps(good)))
    assert (len(told.spans), told.rejected) == (1, 1)


def test_the_reason_shows_the_spoiled_id_as_it_was_sent() -> None:
    """A sender that writes base64 sees its base64."""
    body = to_protobuf(json_of(traceId="aYQql5kRA2zz6CIIbsqgBw=="))
    assert "'aYQql5kRA2zz6CIIbsqgBw=='" in str(decoded(body).reason)


@pytest.mark.parametrize("kind", [4, 4.0, "SPAN_KIND_PRODUCER"])
def test_enums_are_numbers_and_known_names(kind: object) -> None:
    """OTLP/JSON writes numbers; the names of the enum are tolerated."""
    row = row_of(kind=kind, status={"code": "STATUS_CODE_ERROR"})
    assert (row["kind"], row["status_code"]) == (4, 2)


@pytest.mark.parametrize("time", ["1544712660000000001", 1544712660000000001])
def test_64_bit_integers_are_strings_or_numbers(time: object) -> None:
    """Neither loses a nanosecond."""
    row = row_of(startTimeUnixNano=time, attributes=[{"key": "k", "value": {"intValue": str(-(2**63))}}])
    assert row["start_ns"] == 1544712660000000001
    assert row["attributes"] == [{"key": "k", "value": str(-(2**63)), "type": 3}]


def test_unknown_fields_and_nulls_are_ignored_at_any_depth() -> None:
    """What the protocol does not know, and what is null, is as if it were not there."""
    value = {"stringValue": "v", "future": {"a": [1]}}
    row = row_of(
        name=None,
        future={"deep": [{"er": 1}]},
        links=None,
        attributes=[None, {"key": "k", "value": value, "weight": 1}, {"key": "n", "value": None}],
        status={"code": None, "severity": 3},
    )
    assert row["name"] == ""
    assert [(entry["key"], entry["type"]) for entry in row["attributes"]] == [("k", 1), ("n", 0)]


def test_snake_case_names_are_tolerated() -> None:
    """Protobuf's own field names, which its JSON mapping accepts, are read too."""
    body = {"resource_spans": [{"scope_spans": [{"spans": [{"trace_id": TRACE_ID, "span_id": SPAN_ID, "name": "a"}]}]}]}
    assert decoded(to_protobuf(orjson.dumps(body))).spans["name"].to_list() == ["a"]


@pytest.mark.parametrize(
    ("value", "text", "type_"),
    [
        ({"doubleValue": "NaN"}, "NaN", 4),
        ({"doubleValue": "-Infinity"}, "-Infinity", 4),
        ({"doubleValue": "1.5"}, "1.5", 4),
        ({"doubleValue": 3}, "3.0", 4),
        ({"intValue": 3.0}, "3", 3),
        ({"boolValue": False}, "false", 2),
        ({"bytesValue": "_w"}, "/w==", 7),
        ({"arrayValue": {}}, "[]", 5),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"arrayValue": {"values": [{}]}}}]}}, '{"a":[null]}', 6),
        ({}, "", 0),
    ],
)
def test_every_kind_of_value_is_read(value: dict[str, Any], text: str, type_: int) -> None:
    """Doubles beyond JSON's, base64 of both alphabets, and empty messages mean what protobuf's mapping says."""
    row = row_of(attributes=[{"key": "k", "value": value}])
    assert row["attributes"] == [{"key": "k", "value": text, "type": type_}]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a":"\xff"}', "not JSON"),
        (b'{"a":"\\ud800"}', "not JSON"),
        (b"[]", "a JSON array"),
        (b"null", "None"),
        (b"[" * 100_000, "not JSON"),
        (b'{"resourceSpans":{}}', "resourceSpans is a JSON object: send a JSON array"),
        (b'{"resourceSpans":[1]}', r"resourceSpans\[0\] is 1: send a JSON object"),
        (json_of(traceId=5), r"spans\[0\].traceId is 5: send a string"),
        (json_of(name=5), "name is 5: send a string"),
        (json_of(kind="SPAN_KIND_NOPE"), "'SPAN_KIND_NOPE': send one of 0"),
        (json_of(kind=True), "kind is True"),
        (json_of(kind="3"), "'3': send one of 0"),
        (json_of(kind=2**31), "2147483648"),
        (json_of(startTimeUnixNano="-1"), "'-1'"),
        (json_of(startTimeUnixNano="1e9"), "'1e9'"),
        (json_of(startTimeUnixNano=1.5), "1.5"),
        (json_of(startTimeUnixNano=str(2**64)), str(2**64)),
        (json_of(startTimeUnixNano="9" * 10_000), "'9999"),
        (json_of(attributes=[{"value": {"intValue": str(2**63)}}]), str(2**63)),
        (json_of(attributes=[{"value": {"boolValue": "true"}}]), "send true or false"),
        (json_of(attributes=[{"value": {"doubleValue": "true"}}]), "send a number"),
        (json_of(attributes=[{"value": {"doubleValue": "x"}}]), "send a number"),
        (json_of(attributes=[{"value": {"bytesValue": "a\x00b"}}]), "send base64"),
    ],
)
def test_what_a_field_cannot_hold_is_refused_and_named(body: bytes, told: str) -> None:
    """Bad JSON and bad values are InvalidRequestErrors that name the place and the value."""
    with pytest.raises(InvalidRequestError, match=told):
        to_protobuf(body)


def test_json_nests_as_deep_as_protobuf_does(
    request_of: Callable[..., ExportTraceServiceRequest],
) -> None:
    """What the protobuf path takes the JSON path takes; what nests on without end is refused."""

    def nested(arrays: int) -> dict[str, Any]:
        value: dict[str, Any] = {"stringValue": "x"}
        for _ in range(arrays):
            value = {"arrayValue": {"values": [value]}}
        return value

    arrays = (NESTING_MAX - 1) // 2
    value: object = "x"
    for _ in range(arrays):
        value = [value]
    body = request_of({"attributes": [("k", value)]}).SerializeToString()
    row = row_of(attributes=[{"key": "k", "value": nested(arrays)}])
    assert row["attributes"] == decoded(body).spans["attributes"].to_list()[0]
    with pytest.raises(InvalidRequestError, match="nests deeper"):
        to_protobuf(json_of(attributes=[{"key": "k", "value": nested(40)}]))


def walked(body: bytes) -> ExportTraceServiceRequest | None:
    """What the walk over Python objects makes of a request; None where it refuses it."""
    try:
        return ExportTraceServiceRequest.FromString(encode(parse(body)))
    except InvalidRequestError:
        return None


def numbers_bare(value: object, chance: random.Random) -> Any:  # noqa: ANN401 - JSON is any
    """The JSON with some of its 64-bit integers as numbers."""
    if isinstance(value, dict):
        return {
            name: int(inner)
            if name in {"intValue", "timeUnixNano", "startTimeUnixNano"} and chance.random() < 0.5
            else numbers_bare(inner, chance)
            for name, inner in value.items()
        }
    return [numbers_bare(inner, chance) for inner in value] if isinstance(value, list) else value


def without_bytes(value: object) -> Any:  # noqa: ANN401 - JSON is any
    """The JSON without what only the walk takes: bytes, and doubles that need more than one division."""
    if isinstance(value, dict):
        return {n: without_bytes(v) for n, v in value.items() if n not in {"bytesValue", "doubleValue"}}
    return [without_bytes(inner) for inner in value] if isinstance(value, list) else value


def test_json_and_protobuf_of_one_request_are_the_same_spans() -> None:
    """However it is spaced and escaped: the same rows, and the kernel and the walk give the same message."""
    by_kernel = 0
    for seed in range(150):
        chance = random.Random(seed)
        body = Maker(seed).request()
        values = as_json(body)
        indent, ascii_only = chance.choice([None, 1]), chance.random() < 0.5
        # `Maker` writes ids of wrong lengths too, of which JSON keeps the text.
        for text in (values, without_bytes(numbers_bare(values, chance))):
            sent = json.dumps(text, indent=indent, ensure_ascii=ascii_only).encode()
            fast, slow = transcode(sent), walked(sent)
            assert slow is not None
            assert fast is None or ExportTraceServiceRequest.FromString(fast) == slow, f"seed {seed}"
            by_kernel += fast is not None
        expected = ExportTraceServiceRequest.FromString(body)
        for span in (s for r in expected.resource_spans for c in r.scope_spans for s in c.spans):
            if len(span.span_id) != 8:
                span.ClearField("span_id")
            span.ClearField("links")
        ours = ExportTraceServiceRequest.FromString(to_protobuf(orjson.dumps(as_json(expected.SerializeToString()))))
        frames = [decoded(one.SerializeToString()).spans.to_dicts() for one in (ours, expected)]
        assert frames[0] == frames[1]
    assert by_kernel >= 150


TOKENS = [
    *(
        "null",
        "true",
        "-0",
        "0",
        "1.5",
        "-7",
        "1e5",
        "18446744073709551615",
        "18446744073709551616",
        "00",
        "1.",
        "-",
        '"',
    ),
    *(
        "{}",
        "[]",
        '""',
        '"x"',
        "\\ud83d\\ude00",
        "\\ud800",
        "\\u0000",
        "\\n",
        "\\x",
        "\\",
        ",",
        ":",
        " ",
        "\t",
        "é",
        "\x7f",
        "\x00",
    ),
    *('"12"', '"-1"', '"007"', '"kind":1,', '"future":[{"a":[null,{}]},2],', '"trace_id":"",', '"name":null,', "4.35"),
]


def test_the_kernel_never_differs_from_the_walk() -> None:
    """Of mutated JSON the kernel takes only what the walk takes, and reads it the same."""
    taken = refused = 0
    for seed in range(3000):
        chance = random.Random(seed)
        values = (
            without_bytes(as_json(Maker(seed % 40).request())) if seed % 2 else orjson.loads(json_of(kind=3, name="n"))
        )
        text = bytearray(orjson.dumps(numbers_bare(values, chance)))
        for _ in range(chance.choice([1, 1, 1, 2, 4])):
            at, size = chance.randrange(len(text)), chance.choice([0, 0, 1, 1, 2, 5])
            replacement = chance.choice([*(token.encode() for token in TOKENS), bytes([chance.randrange(256)]), b""])
            text[at : at + size] = replacement
        body = bytes(text)
        fast, slow = transcode(body), walked(body)
        assert fast is None or ExportTraceServiceRequest.FromString(fast) == slow, f"seed {seed}: {body!r}"
        taken, refused = taken + (fast is not None), refused + (slow is None)
    assert min(taken, refused) > 100


@pytest.mark.parametrize(
    "text", ["x" * 127, "x" * 128, "é" * 9000, "\\\\", "\U0001f600\u2028", "a\u0000b", "x" * 3_000_000]
)
def test_texts_of_any_length_and_character_are_kept(text: str) -> None:
    """Lengths beyond one byte of a varint, escapes, and characters beyond 16 bits come through the kernel whole."""
    for body in (json_of(name=text), json.dumps(orjson.loads(json_of(name=text))).encode()):
        fast = transcode(body)
        assert fast is not None
        assert ExportTraceServiceRequest.FromString(fast).resource_spans[0].scope_spans[0].spans[0].name == text


@pytest.mark.parametrize(
    "number", ["0.1", "-2.5", "3", "123456.789", "9007199254740992", "1e40", "-0.0", "0.30000000000000004"]
)
def test_doubles_are_the_nearest(number: str) -> None:
    """A double is the one that Python reads, whoever reads it."""
    body = json_of(attributes=[{"key": "k", "value": {"doubleValue": 7.25}}]).replace(b"7.25", number.encode())
    assert (transcode(body) or encode(parse(body))) == encode(parse(body))


@pytest.mark.parametrize("filler", [b"[],", b"{},", b'"a":1,', b"[" * 3])
def test_a_flood_of_values_is_refused(filler: bytes) -> None:
    """What is no plain OTLP/JSON becomes no more than so many Python objects."""
    with pytest.raises(RequestTooLargeError, match="send smaller batches"):
        to_protobuf(b'{"x":[\\' + filler * JSON_VALUES_MAX)


def test_plain_json_is_taken_whatever_its_size() -> None:
    """The bound on values does not touch what the kernel takes."""
    span = b'{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","attributes":[{},{},{}]},'
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + span * (JSON_VALUES_MAX // 8) + span[:-1] + b"]}]}]}"
    assert len(ExportTraceServiceRequest.FromString(to_protobuf(body)).resource_spans[0].scope_spans[0].spans) > 1


def test_repeated_texts_are_read() -> None:
    """A repeated field that holds no messages (an entity's keys) is read as well."""
    resource = {"entityRefs": [{"type": "service", "idKeys": ["service.name"]}]}
    request = ExportTraceServiceRequest.FromString(
        to_protobuf(orjson.dumps({"resourceSpans": [{"resource": resource}]}))
    )
    assert request.resource_spans[0].resource.entity_refs[0].id_keys == ["service.name"]
