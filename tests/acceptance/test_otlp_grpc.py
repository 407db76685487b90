"""OTLP/gRPC to the letter: a row is a line of the specification, version 1.9, or of gRPC's own over HTTP/2.

Each row asks a real `baton serve` and looks into its store afterwards. What a gRPC client cannot be brought to send is
written on the wire by Node.js's HTTP/2.
"""

from __future__ import annotations

import base64
import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from baton.limits import REQUEST_BYTES_MAX
from otlp import METHOD, Json, call, framed, node, protobuf, request_of, span_of, stored, text, trace_of

if TYPE_CHECKING:
    from pathlib import Path

    from load.server import Server

OK, INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL = 0, 3, 8, 12, 13
HTTP_OK = "200"
GZIP_HEADER = {"grpc-encoding": "gzip"}
GZIP, DEFLATE = grpc.Compression.Gzip, grpc.Compression.Deflate


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        says: the line of the specification, shortened, and what was sent.
        code: what must be answered. 0 with a body of ours: the span is in the store; else it is not.
        body: None for a good request of one span.
        told: a part of the failure's message.
    """

    says: str
    code: int = OK
    body: bytes | None = None
    compression: grpc.Compression | None = None
    method: str = METHOD
    metadata: dict[str, str] = field(default_factory=dict)
    told: str = ""


def _padded(size: int) -> bytes:
    """A valid request of exactly that size: an unknown field, number 1000, of zeros."""
    room = size - 6
    assert 2**21 <= room < 2**28
    return b"\xc2\x3e" + bytes((room >> s) & 0x7F | (0x80 if s < 21 else 0) for s in (0, 7, 14, 21)) + bytes(room)


SERVICE = METHOD.rpartition("/")[0]
TABLE = [
    Row('"MUST support ... none"'),
    Row('"MUST support ... gzip"', compression=GZIP),
    Row("another compression", UNIMPLEMENTED, compression=DEFLATE),
    Row('"an empty request ... SHOULD respond with success"', body=b""),
    Row('"an empty request ... SHOULD respond with success": an empty envelope', body=b"\x0a\x00"),
    Row('"an empty request ... SHOULD respond with success": gzip', body=b"\x0a\x00", compression=GZIP),
    Row('"bad data ... InvalidArgument": no protobuf', INVALID_ARGUMENT, b"\xff\xff", told="ExportTraceServiceRequest"),
    Row('"bad data ... InvalidArgument": cut', INVALID_ARGUMENT, b"\x0a\x05\x12"),
    Row('"bad data ... InvalidArgument": JSON', INVALID_ARGUMENT, text(request_of(span_of("ab" * 16)))),
    Row('"bad data ... InvalidArgument": in gzip', INVALID_ARGUMENT, b"\xff\xff", GZIP),
    Row('"MUST enforce a message size limit": the largest', body=_padded(REQUEST_BYTES_MAX)),
    Row('"return a RESOURCE_EXHAUSTED": a byte more', RESOURCE_EXHAUSTED, _padded(REQUEST_BYTES_MAX + 1)),
    Row('"return a RESOURCE_EXHAUSTED": a gzip bomb', RESOURCE_EXHAUSTED, _padded(REQUEST_BYTES_MAX + 1), GZIP),
    Row("another signal", UNIMPLEMENTED, method="/opentelemetry.proto.collector.logs.v1.LogsService/Export"),
    Row("another service", UNIMPLEMENTED, method="/bank.Trades/Export"),
    Row("another method", UNIMPLEMENTED, method=f"{SERVICE}/Import"),
    Row("no method", UNIMPLEMENTED, method="/"),
    Row("large metadata", metadata={"x-large": "x" * 7000}),
]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.says) for row in TABLE])
def test_the_specification(server: Server, store: Path, row: Row) -> None:
    """The row's code; an empty response, or a Status that promises no recovery; the span in the store, or not."""
    trace = trace_of(row.says)
    body = protobuf(request_of(span_of(trace))) if row.body is None else row.body
    answer = call(server.grpc, body, row.compression, method=row.method, **row.metadata)
    assert answer.status == row.code
    if row.code == OK:
        assert answer.body == b""
    elif row.code == INVALID_ARGUMENT:
        assert row.told in answer.told()
        assert Status.FromString(answer.body).code == row.code
    else:
        # Without RetryInfo "the RESOURCE_EXHAUSTED code SHOULD be treated as non-retryable".
        assert not any(detail.Is(RetryInfo.DESCRIPTOR) for detail in Status.FromString(answer.body).details)
    assert len(stored(store, trace)) == (row.code == OK and row.body is None)


def test_partial_success_is_exact(server: Server, store: Path) -> None:
    """It has the number of spans "it rejected" and names the first fault; the others are stored."""
    trace = trace_of("partial")
    request = request_of(span_of(trace), span_of(""), span_of(trace, spanId="22" * 8), span_of("ab" * 15))
    partial = call(server.grpc, protobuf(request)).partial()
    assert partial is not None
    assert (partial[0], "resource_spans[0].scope_spans[0].spans[1].trace_id is ''" in partial[1]) == (2, True)
    assert {span["span_id"].hex() for span in stored(store, trace)} == {trace[:16], "22" * 8}


def test_of_several_messages_in_one_call_none_is_taken(server: Server, store: Path) -> None:
    """Export is unary: to answer OK for two of them would acknowledge what was not kept."""
    traces = [trace_of(f"message {number}") for number in range(2)]
    with grpc.insecure_channel(server.grpc) as channel:
        export = channel.stream_unary(METHOD)
        with pytest.raises(grpc.RpcError) as caught:
            export(iter([protobuf(request_of(span_of(trace))) for trace in traces]), timeout=60)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "more than one message" in caught.value.details()
    assert [stored(store, trace) for trace in traces] == [[], []]


def test_concurrent_calls_on_one_channel_are_each_answered_for_themselves(server: Server, store: Path) -> None:
    """Servers "SHOULD support concurrent Unary calls": every answer is the one to its own request."""
    trace = trace_of("at once")
    with grpc.insecure_channel(server.grpc) as channel:
        ask = channel.unary_unary(METHOD)

        def send(number: int) -> int:
            good = [span_of(trace, spanId=f"{number * 10 + i + 1:016x}") for i in range(number % 3)]
            body = protobuf(request_of(*good, *[span_of("")] * (number % 5)))
            response = ExportTraceServiceResponse.FromString(ask(body, timeout=60))
            return int(response.partial_success.rejected_spans)

        with ThreadPoolExecutor(16) as pool:
            rejected = list(pool.map(send, range(60)))
    assert rejected == [number % 5 for number in range(60)]
    assert len(stored(store, trace)) == 60


def _wire(body: bytes, **headers: str) -> Json:
    """One call as HTTP/2 writes it; underscores in names stand for dashes."""
    asked = {":method": "POST", ":path": METHOD, "content-type": "application/grpc", "te": "trailers"}
    asked |= {name.replace("_", "-"): value for name, value in headers.items()}
    return {"headers": asked, "body": base64.b64encode(body).decode()}


def _members(*parts: bytes) -> bytes:
    return b"".join(map(gzip.compress, parts))


def test_calls_on_the_wire(server: Server, store: Path) -> None:
    """HTTP/2 by prior knowledge, content types with a format, each way to flag compression; refusals in gRPC's way."""
    good = {name: protobuf(request_of(span_of(trace_of(name)))) for name in ("plain", "+proto", "gzip", "flag unset")}
    rows = {
        "plain": (_wire(framed(good["plain"])), OK),
        "+proto": (_wire(framed(good["+proto"]), content_type="application/grpc+proto"), OK),
        "gzip": (_wire(framed(gzip.compress(good["gzip"]), compressed=True), **GZIP_HEADER), OK),
        "flag unset": (_wire(framed(good["flag unset"]), **GZIP_HEADER, **{"grpc-accept-encoding": "gzip"}), OK),
        "gzip of several members": (_wire(framed(_members(b"\x0a", b"\x00"), compressed=True), **GZIP_HEADER), OK),
        "gzip that is cut": (
            _wire(framed(gzip.compress(b"\x0a\x00")[:-9], compressed=True), **GZIP_HEADER),
            INVALID_ARGUMENT,
        ),
        "gzip with a wrong checksum": (
            _wire(framed(gzip.compress(b"\x0a\x00")[:-8] + bytes(8), compressed=True), **GZIP_HEADER),
            INVALID_ARGUMENT,
        ),
        "bytes that are no gzip": (_wire(framed(b"\xff\xff", compressed=True), **GZIP_HEADER), INVALID_ARGUMENT),
        "flag without an encoding": (_wire(framed(gzip.compress(b""), compressed=True)), INTERNAL),
        # gRPC's own text asks for UNIMPLEMENTED here; its library answers INTERNAL. Neither is retried.
        "another encoding": (_wire(framed(b"x", compressed=True), grpc_encoding="snappy"), INTERNAL),
        "a length beyond the limit": (_wire(b"\x00\xff\xff\xff\xff"), RESOURCE_EXHAUSTED),
        "bad data": (_wire(framed(b"\xff\xff")), INVALID_ARGUMENT),
        "no message": (_wire(b""), INVALID_ARGUMENT),
        "a message that is cut": (_wire(framed(bytes(10))[:-1]), INVALID_ARGUMENT),
        "another method": (_wire(framed(b""), **{":path": f"{SERVICE}/Import"}), UNIMPLEMENTED),
    }
    answers = json.loads(node("http2.mjs", server.grpc, said=json.dumps([row for row, _ in rows.values()])))
    for (name, (_, code)), answer in zip(rows.items(), answers, strict=True):
        headers = {**answer["headers"], **answer["trailers"]}
        assert (name, headers.get("grpc-status"), answer["error"]) == (name, str(code), None)
        assert (name, str(headers[":status"]), headers["content-type"]) == (name, HTTP_OK, "application/grpc")
        assert (name, base64.b64decode(answer["body"])) == (name, framed(b"") if code == OK else b"")
        if code == OK:
            assert "gzip" in headers["grpc-accept-encoding"]
    details = base64.b64decode(answers[list(rows).index("bad data")]["headers"]["grpc-status-details-bin"] + "==")
    assert Status.FromString(details).code == INVALID_ARGUMENT
    assert [len(stored(store, trace_of(name))) for name in good] == [1] * len(good)


def test_what_senders_do_wrong_fills_no_log(server: Server) -> None:
    """Malformed metadata, bad data, unknown methods and compressions are told to who sent them, and to nobody else."""
    wrong = [
        _wire(framed(b""), grpc_timeout="soon"),
        _wire(framed(b""), grpc_encoding="snappy"),
        _wire(framed(b""), **{"x-bin": "!"}),
        _wire(framed(b"\xff")),
        _wire(b"", **{":path": "/"}),
    ]
    answers = json.loads(node("http2.mjs", server.grpc, said=json.dumps(wrong)))
    codes = [answer["headers"]["grpc-status"] for answer in answers]
    assert codes == [str(code) for code in (INTERNAL, INTERNAL, INTERNAL, INVALID_ARGUMENT, UNIMPLEMENTED)]
    call(server.grpc, b"", DEFLATE)
    assert server.errors() == ""
