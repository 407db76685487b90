"""OTLP/HTTP to the letter: a row of the table is a line of the specification, version 1.9, in its own words.

Each row asks a real `baton serve` and looks into its store afterwards: what was acknowledged is there, what was refused
is not. `MUST`-lines about clients appear as what a server has to survive.
"""

from __future__ import annotations

import gzip
import http.client
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from baton.limits import HEADERS_BYTES_MAX, REQUEST_BYTES_MAX
from otlp import (
    JSON,
    PATH,
    PROTOBUF,
    WAIT_S,
    Answer,
    answer_of,
    post,
    protobuf,
    request_of,
    span_of,
    spoken,
    stored,
    text,
    trace_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from load.server import Server

OK, BAD_REQUEST, NOT_FOUND, NOT_ALLOWED, TOO_LARGE, UNSUPPORTED = 200, 400, 404, 405, 413, 415
HEAD_TOO_LARGE, NOT_IMPLEMENTED = 431, 501


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        says: the line of the specification, shortened, and what was sent.
        status: what must be answered. 200 with a body of ours: the span is in the store; else it is not.
        type: the request's content type; None for none.
        headers: further ones.
        body: None for a good request of one span, in JSON if the type says so.
        coded: how the body is written for the wire.
        told: a part of the failure's message.
        allowed: with a 405 the methods that Allow names.
    """

    says: str
    status: int = OK
    type: str | None = PROTOBUF
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    coded: Callable[[bytes], bytes] = bytes
    method: str = "POST"
    path: str = PATH
    told: str = ""
    allowed: frozenset[str] = frozenset({"POST"})


def _gzip_twice(body: bytes) -> bytes:
    return gzip.compress(gzip.compress(body))


def _two_members(body: bytes) -> bytes:
    return gzip.compress(body[:10]) + gzip.compress(body[10:])


def _bad_checksum(body: bytes) -> bytes:
    return gzip.compress(body)[:-8] + bytes(8)


def _cut(body: bytes) -> bytes:
    return gzip.compress(body)[:-9]


def _with_a_tail(body: bytes) -> bytes:
    return gzip.compress(body) + b"tail"


def _bare_deflate(body: bytes) -> bytes:
    return zlib.compress(body)


def _filled(size: int) -> bytes:
    """A valid protobuf request of exactly that size: an unknown field, number 1000, of zeros."""
    tag, length_bytes = b"\xc2\x3e", 4
    room = size - len(tag) - length_bytes
    assert 2**21 <= room < 2**28
    length = bytes((room >> shift) & 0x7F | (0x80 if shift < 21 else 0) for shift in (0, 7, 14, 21))
    return tag + length + bytes(room)


GZIP = {"Content-Encoding": "gzip"}
EMPTY_ENVELOPES = (
    {},
    {"resourceSpans": []},
    {"resourceSpans": None},
    {"resourceSpans": [{}]},
    {"resourceSpans": [{"resource": {}, "scopeSpans": []}]},
    {"resourceSpans": [{"scopeSpans": [{"scope": {}, "spans": []}]}]},
)

TABLE = [
    # OTLP/HTTP: encodings
    Row('"Content-Type: application/x-protobuf ... when sending binary Protobuf"'),
    Row('"Content-Type: application/json ... when sending JSON Protobuf"', type=JSON),
    Row("media types: case-insensitive (protobuf)", type="Application/X-ProtoBuf"),
    Row("media types: case-insensitive (JSON)", type="APPLICATION/JSON"),
    Row("media types: parameters (charset)", type="application/json; charset=utf-8"),
    Row("media types: parameters (quoted, no space)", type='application/json;charset="UTF-8"'),
    Row("media types: parameters (of protobuf)", type="application/x-protobuf; proto=x"),
    Row("media types: another", UNSUPPORTED, "text/plain", told="'text/plain'"),
    Row("media types: none", UNSUPPORTED, None, told="application/x-protobuf or application/json"),
    Row("media types: protobuf by its other name", UNSUPPORTED, "application/protobuf"),
    Row("media types: gRPC's", UNSUPPORTED, "application/grpc"),
    Row("media types: two at once", UNSUPPORTED, f"{JSON}, {PROTOBUF}"),
    Row("media types: hostile bytes", UNSUPPORTED, "\x80\xff\x1b[2J", told="'\\x80\\xff\\x1b[2J'"),
    Row('"multiplex ... based on Content-Type": JSON said to be protobuf', BAD_REQUEST, body=b"{}"),
    Row('"multiplex ... based on Content-Type": protobuf said to be JSON', BAD_REQUEST, JSON, body=_filled(2**22)),
    Row('"MUST use the same Content-Type in the response": Accept does not matter', headers={"Accept": JSON}),
    Row('"MAY gzip-encode the response": it is not', headers={"Accept-Encoding": "gzip"}),
    # OTLP/HTTP: requests
    *(
        Row(f'"an empty request ... SHOULD respond with success": {envelope}', type=JSON, body=text(envelope))
        for envelope in EMPTY_ENVELOPES
    ),
    Row('"an empty request ... SHOULD respond with success": no bytes', body=b""),
    Row('"an empty request ... SHOULD respond with success": an empty envelope', body=b"\x0a\x00"),
    Row("an empty JSON body is no JSON object", BAD_REQUEST, JSON, body=b"", told="not JSON"),
    Row("white space is no JSON object", BAD_REQUEST, JSON, body=b" \n\t", told="not JSON"),
    Row("JSON that is no object", BAD_REQUEST, JSON, body=b"[]", told="a JSON array"),
    Row("JSON that is cut", BAD_REQUEST, JSON, body=b'{"resourceSpans":[', told="not JSON"),
    Row("JSON and more", BAD_REQUEST, JSON, body=b"{}{}", told="not JSON"),
    Row("JSON in another encoding than UTF-8", BAD_REQUEST, JSON, body='{"a":"é"}'.encode("latin-1"), told="UTF-8"),
    Row("JSON with white space around it", type=JSON, body=b" \r\n{}\n"),
    Row("protobuf that is cut", BAD_REQUEST, body=b"\x0a\x05\x12", told="ExportTraceServiceRequest"),
    Row("protobuf with a string that is not UTF-8", BAD_REQUEST, body=b"\x0a\x04\x1a\x02\xff\xff"),
    Row('"ignore message fields with unknown names": another signal\'s', type=JSON, body=b'{"resourceLogs":[{}]}'),
    Row('"MUST be ... POST": GET', NOT_ALLOWED, method="GET", told="POST to /v1/traces"),
    Row('"MUST be ... POST": HEAD', NOT_ALLOWED, method="HEAD"),
    Row('"MUST be ... POST": PUT', NOT_ALLOWED, method="PUT"),
    Row('"MUST be ... POST": PATCH', NOT_ALLOWED, method="PATCH"),
    Row('"MUST be ... POST": DELETE', NOT_ALLOWED, method="DELETE"),
    Row('"MUST be ... POST": OPTIONS', NOT_ALLOWED, method="OPTIONS"),
    Row("methods are case-sensitive", NOT_ALLOWED, method="post"),
    Row("POST where only GET is", NOT_ALLOWED, path="/healthz", allowed=frozenset({"GET", "HEAD"})),
    Row('"default URL path ... /v1/traces": with a query', path=f"{PATH}?token=1&x=/v1/logs"),
    Row('"default URL path ... /v1/traces": escaped', path="/v1/%74races"),
    Row('"default URL path ... /v1/traces": metrics', NOT_FOUND, path="/v1/metrics", told="'POST /v1/metrics'"),
    Row('"default URL path ... /v1/traces": logs', NOT_FOUND, path="/v1/logs"),
    Row('"default URL path ... /v1/traces": profiles', NOT_FOUND, path="/v1development/profiles"),
    Row('"default URL path ... /v1/traces": a slash more', NOT_FOUND, path="/v1/traces/"),
    Row('"default URL path ... /v1/traces": a slash before', NOT_FOUND, path="//v1/traces"),
    Row('"default URL path ... /v1/traces": paths are case-sensitive', NOT_FOUND, path="/V1/Traces"),
    Row('"default URL path ... /v1/traces": hostile bytes', NOT_FOUND, path="/%1b%5b2J", told="'POST /\\x1b[2J'"),
    # Compression
    Row('"MUST support ... gzip": protobuf', headers=GZIP, coded=gzip.compress),
    Row('"MUST support ... gzip": JSON', type=JSON, headers=GZIP, coded=gzip.compress),
    Row(
        '"MUST support ... gzip": in any case',
        headers={"Content-Encoding": "GZip"},
        coded=gzip.compress,
    ),
    Row('"MUST support ... gzip": x-gzip is gzip', headers={"Content-Encoding": "x-gzip"}, coded=gzip.compress),
    Row('"MUST support ... gzip": several members', headers=GZIP, coded=_two_members),
    Row('"MUST support ... gzip": of no bytes', headers=GZIP, body=gzip.compress(b"")),
    Row('"MUST support ... none": identity', headers={"Content-Encoding": "identity"}),
    Row('"MUST support ... none": an empty header', headers={"Content-Encoding": ""}),
    Row("identity beside gzip is nothing", headers={"Content-Encoding": "identity, gzip"}, coded=gzip.compress),
    Row("other codings: br", UNSUPPORTED, headers={"Content-Encoding": "br"}, told="'br'"),
    Row("other codings: zstd", UNSUPPORTED, headers={"Content-Encoding": "zstd"}, told="send gzip or none"),
    Row("other codings: deflate", UNSUPPORTED, headers={"Content-Encoding": "deflate"}, coded=_bare_deflate),
    Row("other codings: gzip twice", UNSUPPORTED, headers={"Content-Encoding": "gzip, gzip"}, coded=_gzip_twice),
    Row("bad gzip: none at all", BAD_REQUEST, headers=GZIP, told="no gzip"),
    Row("bad gzip: zlib's format", BAD_REQUEST, headers=GZIP, coded=_bare_deflate, told="no gzip"),
    Row("bad gzip: cut short", BAD_REQUEST, headers=GZIP, coded=_cut, told="cut short"),
    Row("bad gzip: no bytes", BAD_REQUEST, headers=GZIP, body=b"", told="cut short"),
    Row("bad gzip: wrong checksum", BAD_REQUEST, headers=GZIP, coded=_bad_checksum, told="no gzip"),
    Row("bad gzip: bytes behind it", BAD_REQUEST, headers=GZIP, coded=_with_a_tail, told="no gzip"),
    Row("bad gzip: of JSON, told in JSON", BAD_REQUEST, JSON, GZIP, coded=_cut, told="cut short"),
    Row("gzip that no header names", BAD_REQUEST, coded=gzip.compress),
    # Limits
    Row('"MUST limit the size of the request body": the largest', body=_filled(REQUEST_BYTES_MAX)),
    Row('"SHOULD respond with HTTP 413": a byte more', TOO_LARGE, body=bytes(REQUEST_BYTES_MAX + 1), told="smaller"),
    Row(
        '"including after decompression": the largest',
        headers=GZIP,
        body=gzip.compress(_filled(REQUEST_BYTES_MAX), compresslevel=1),
    ),
    Row(
        '"including after decompression": a byte more',
        TOO_LARGE,
        headers=GZIP,
        body=gzip.compress(_filled(REQUEST_BYTES_MAX + 1), compresslevel=1),
        told="decompresses to more than",
    ),
    Row(
        '"including after decompression": JSON, told in JSON',
        TOO_LARGE,
        JSON,
        GZIP,
        body=gzip.compress(bytes(REQUEST_BYTES_MAX + 1), compresslevel=1),
        told="smaller batches",
    ),
    Row("large headers", headers={"X-Large": "x" * 8000}),
]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.says) for row in TABLE])
def test_the_specification(server: Server, store: Path, row: Row) -> None:
    """The row's status; the body OTLP names for it, in the request's encoding; the span in the store, or not."""
    trace = trace_of(row.says)
    is_json = (row.type or "").lower().startswith(JSON)
    good = request_of(span_of(trace))
    body = row.coded((text(good) if is_json else protobuf(good)) if row.body is None else row.body)
    headers = {**({"Content-Type": row.type} if row.type else {}), **row.headers}
    answer = post(server.http, body, headers, method=row.method, path=row.path)
    assert answer.status == row.status
    assert answer.content_type == (JSON if is_json or not _is_protobuf(row) else PROTOBUF)
    assert set(answer.headers.get("allow", "").split(", ")) == (row.allowed if row.status == NOT_ALLOWED else {""})
    assert "content-encoding" not in answer.headers
    if row.status == OK:
        assert answer.partial() is None
        assert answer.body == (b"{}" if is_json else b"")
    elif row.method == "HEAD":
        assert answer.body == b""
    else:
        assert row.told in answer.told()
    assert len(stored(store, trace)) == (row.status == OK and row.body is None)


def _is_protobuf(row: Row) -> bool:
    """Whether the request's content type is protobuf's."""
    return (row.type or "").lower().partition(";")[0] == PROTOBUF


CLOSE = "Connection: close\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"


def _head(*lines: str, method: str = "POST", path: str = PATH, version: str = "1.1") -> bytes:
    return f"{method} {path} HTTP/{version}\r\nHost: x\r\nContent-Type: {JSON}\r\n{''.join(lines)}\r\n".encode()


def _without_host(head: bytes) -> bytes:
    return head.replace(b"Host: x\r\n", b"")


def _sized(body: bytes) -> str:
    return f"Content-Length: {len(body)}\r\n"


def _in_chunks(body: bytes) -> bytes:
    """Three chunks, one with an extension, and a trailer."""
    parts = body[:1], body[1:20], body[20:]
    chunks = b"".join(b"%x;x=y\r\n%s\r\n" % (len(part), part) for part in parts)
    return chunks + b"0\r\nX-Trailer: 1\r\n\r\n"


Pieces = tuple[bytes, ...]

CONNECTIONS: list[tuple[str, Callable[[bytes], Pieces], list[int]]] = [
    ("a plain request", lambda body: (_head(_sized(body), CLOSE) + body,), [OK]),
    ("chunked", lambda body: (_head(CHUNKED, CLOSE) + _in_chunks(body),), [OK]),
    (
        "Expect: 100-continue is answered before the body",
        lambda body: (_head("Expect: 100-continue\r\n", _sized(body), CLOSE), body),
        [OK],
    ),
    (
        "Expect: 100-continue, and a media type that is refused before the body",
        lambda body: (
            _head("Expect: 100-continue\r\n", _sized(body), CLOSE).replace(JSON.encode(), b"text/plain") + body,
        ),
        [UNSUPPORTED],
    ),
    (
        "HTTP/1.0 without Host",
        lambda body: (_head(_sized(body), version="1.0").replace(b"Host: x\r\n", b"") + body,),
        [OK],
    ),
    (
        "pipelined: answered in order, one bad request between good ones",
        lambda body: (_head(_sized(b"{}")) + b"{}" + _head(_sized(b"[]")) + b"[]" + _head(_sized(body), CLOSE) + body,),
        [OK, BAD_REQUEST, OK],
    ),
    ("bytes behind a request that asked to close", lambda body: (_head(_sized(body), CLOSE) + body + b"junk",), [OK]),
]
NO_HTTP: list[tuple[str, bytes, int, str]] = [
    ("a TLS hello", b"\x16\x03\x01\x00\x05hello\r\n\r\n", BAD_REQUEST, "illegal request line"),
    ("no Host", _without_host(_head(_sized(b"{}"))) + b"{}", BAD_REQUEST, "Host"),
    ("lengths that differ", _head(_sized(b"{}"), _sized(b"{} ")) + b"{}", BAD_REQUEST, "Content-Length"),
    ("a negative length", _head("Content-Length: -1\r\n") + b"{}", BAD_REQUEST, "Content-Length"),
    ("an unknown transfer coding", _head("Transfer-Encoding: gzip, chunked\r\n"), NOT_IMPLEMENTED, "Transfer-Encoding"),
    ("a chunk whose length is no number", _head(CHUNKED) + b"zz\r\n{}\r\n0\r\n\r\n", BAD_REQUEST, "chunk"),
    ("a header without an end", _head("Broken\r\n") + b"{}", BAD_REQUEST, "illegal header line"),
    ("a header with a line break in it", _head("X: a\rb\r\n") + b"{}", BAD_REQUEST, "illegal header line"),
    ("a head without end", _head()[:-2].ljust(HEADERS_BYTES_MAX + 1, b"x"), HEAD_TOO_LARGE, "fewer headers"),
]


@pytest.mark.parametrize(
    ("pieces", "statuses"), [pytest.param(pieces, statuses, id=says) for says, pieces, statuses in CONNECTIONS]
)
def test_the_ways_of_http(
    server: Server, store: Path, request: pytest.FixtureRequest, pieces: Callable[[bytes], Pieces], statuses: list[int]
) -> None:
    """However HTTP/1.1 lets a request be written, it is understood, and stored if and only if it was taken."""
    trace = trace_of(request.node.name)
    answers = spoken(server.http, *pieces(text(request_of(span_of(trace)))))
    assert [answer.status for answer in answers] == statuses
    assert len(stored(store, trace)) == (statuses[-1] == OK)


@pytest.mark.parametrize(
    ("said", "status", "told"), [pytest.param(said, status, told, id=says) for says, said, status, told in NO_HTTP]
)
def test_what_is_no_http_is_told_as_a_status(server: Server, said: bytes, status: int, told: str) -> None:
    """Every 4xx body "MUST be a ... Status", even where the bytes are no request; then the connection is closed."""
    (answer,) = spoken(server.http, said)
    assert (answer.status, answer.content_type, answer.headers["connection"]) == (status, JSON, "close")
    assert told in answer.told()


def test_one_connection_serves_many_requests(server: Server, store: Path) -> None:
    """Where clients "keep the connection alive", good and refused requests of both encodings share it."""
    host, _, port = server.http.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=WAIT_S)
    connection.connect()
    sock = connection.sock
    statuses = []
    for number, encode in enumerate((text, protobuf) * 5):
        good = encode(request_of(span_of(trace_of("one connection", number))))
        for body in (good, b"\xff"):
            connection.request("POST", PATH, body, {"Content-Type": JSON if encode is text else PROTOBUF})
            statuses.append(answer_of(connection.getresponse()).status)
            assert connection.sock is sock
    connection.close()
    assert statuses == [OK, BAD_REQUEST] * 10
    assert [len(stored(store, trace_of("one connection", number))) for number in range(10)] == [1] * 10


def test_many_connections_at_once_are_each_answered_for_themselves(server: Server, store: Path) -> None:
    """Over "several parallel HTTP connections" every answer is the one to its own request."""

    def send(number: int) -> Answer:
        spans = [span_of(trace_of("at once"), spanId=f"{number * 10 + i + 1:016x}") for i in range(number % 3)]
        return post(server.http, text(request_of(*spans, {"traceId": "no"})), {"Content-Type": JSON})

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(48)))
    assert [answer.status for answer in answers] == [OK] * 48
    for number, answer in enumerate(answers):
        partial = answer.partial()
        assert partial is not None
        assert (partial[0], f"spans[{number % 3}].trace_id is 'no'" in partial[1]) == (1, True)
    assert len(stored(store, trace_of("at once"))) == 48


@pytest.mark.parametrize("is_json", [True, False], ids=["JSON", "protobuf"])
def test_partial_success_is_exact(server: Server, store: Path, is_json: bool) -> None:  # noqa: FBT001 - a parameter
    """It has the number of spans "it rejected" and names the first fault; the others are stored."""
    trace = trace_of("partial", is_json)
    request = request_of(span_of(trace), span_of("", spanId="11"), span_of(trace, spanId="22" * 8), span_of("ab" * 15))
    encoded, encoding = (text(request), JSON) if is_json else (protobuf(request), PROTOBUF)
    answer = post(server.http, encoded, {"Content-Type": encoding})
    partial = answer.partial()
    assert (answer.status, answer.content_type, partial and partial[0]) == (OK, encoding, 2)
    assert "resource_spans[0].scope_spans[0].spans[1].trace_id is ''" in (partial or (0, ""))[1]
    assert {span["span_id"].hex() for span in stored(store, trace)} == {"22" * 8, trace[:16]}


def test_a_sender_that_breaks_off_leaves_no_trace(server: Server, store: Path) -> None:
    """What was not sent whole is not stored, does not fill the log, and holds nobody else up."""
    trace = trace_of("breaks off")
    body = text(request_of(span_of(trace)))
    host, _, port = server.http.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=WAIT_S)
    connection.putrequest("POST", PATH)
    connection.putheader("Content-Type", JSON)
    connection.putheader("Content-Length", str(len(body) + 1))
    connection.endheaders(body)
    connection.close()
    assert post(server.http, b"{}", {"Content-Type": JSON}).status == OK
    assert stored(store, trace) == []
    assert "Traceback" not in server.errors()
