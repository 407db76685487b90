"""OTLP requests in a few words, and what a server answered: for tests that hold the doors to the specification.

A span here is told as OTLP/JSON writes it, ids and all; `protobuf` makes the same request of it by way of protobuf's
own JSON parser, so that no code of Baton's stands on both sides of a comparison.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import shutil
import socket
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import grpc
import polars as pl
from google.protobuf.json_format import Parse, ParseDict
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from baton.store.reader import Store

if TYPE_CHECKING:
    from google.protobuf.message import Message

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
PATH = "/v1/traces"
METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
WAIT_S = 120.0
"""No test waits that long unless something is broken."""
ID_FIELDS = {"traceId", "spanId", "parentSpanId"}

Json = dict[str, Any]


def trace_of(*parts: object) -> str:
    """A trace id of its own for whatever the test sends: 32 hex digits."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def span_of(trace: str, **fields: object) -> Json:
    """A span that is good unless `fields` spoil it; one that is None is left out."""
    span = {"traceId": trace, "spanId": trace[:16], "name": "work", "kind": 1, **fields}
    return {name: value for name, value in span.items() if value is not None}


def request_of(*spans: Json, resource: Json | None = None, scope: Json | None = None) -> Json:
    """A request of one resource and one scope."""
    scope_spans = {"spans": list(spans), **({"scope": scope} if scope else {})}
    return {"resourceSpans": [{"scopeSpans": [scope_spans], **({"resource": resource} if resource else {})}]}


def text(request: object) -> bytes:
    """The request as OTLP/JSON."""
    return json.dumps(request).encode()


def message(request: Json) -> ExportTraceServiceRequest:
    """The request as the protobuf message of the same meaning."""
    made = ExportTraceServiceRequest()
    ParseDict(_with_base64_ids(request), made)
    return made


def protobuf(request: Json) -> bytes:
    """The request as OTLP protobuf."""
    return message(request).SerializeToString()


def _with_base64_ids(value: object) -> object:
    """As protobuf's own JSON mapping wants it: OTLP's hex ids are its one deviation that a good request shows."""
    if isinstance(value, list):
        return [_with_base64_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64encode(bytes.fromhex(str(item))).decode() if name in ID_FIELDS else _with_base64_ids(item)
        for name, item in value.items()
    }


@dataclass(frozen=True)
class Answer:
    """What a door answered, whichever it was.

    Attributes:
        status: of HTTP; of gRPC the number of its code.
        body: of HTTP; of gRPC the response, or the google.rpc.Status of the trailers.
        content_type: of HTTP.
        headers: of HTTP, names in lower case; of gRPC the trailers.
    """

    status: int
    body: bytes
    content_type: str = PROTOBUF
    headers: dict[str, Any] = field(default_factory=dict)

    def read(self, into: Message) -> Message:
        """The body as that message, by the content type that the answer bears."""
        if self.content_type == JSON:
            return Parse(self.body, into)
        assert self.content_type == PROTOBUF
        into.ParseFromString(self.body)
        return into

    def partial(self) -> tuple[int, str] | None:
        """Rejected spans and message of `partial_success`; None if it is unset."""
        response = self.read(ExportTraceServiceResponse())
        assert isinstance(response, ExportTraceServiceResponse)
        partial = response.partial_success
        return (partial.rejected_spans, partial.error_message) if response.HasField("partial_success") else None

    def told(self) -> str:
        """The message of a failure's google.rpc.Status, whose BadRequest says the same where bad data is the reason."""
        status = self.read(Status())
        assert isinstance(status, Status)
        bad = BadRequest()
        for detail in status.details:
            if detail.Unpack(bad):
                assert [violation.description for violation in bad.field_violations] == [status.message]
        assert bool(bad.field_violations) == (self.status in {400, grpc.StatusCode.INVALID_ARGUMENT.value[0]})
        assert status.message.isprintable()
        return status.message


def post(
    address: str, body: bytes | None, headers: dict[str, str] | None = None, *, method: str = "POST", path: str = PATH
) -> Answer:
    """Asks the HTTP door, on a connection of its own."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=WAIT_S)
    try:
        connection.request(method, path, body, headers or {})
        return answer_of(connection.getresponse())
    finally:
        connection.close()


def answer_of(response: http.client.HTTPResponse) -> Answer:
    """The answer, read to its end."""
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, response.read(), headers.get("content-type", ""), headers)


def spoken(address: str, *pieces: bytes) -> list[Answer]:
    """Sends bytes as they are, each piece after an interim answer to the one before; reads final answers to the end.

    The last request must ask for the connection to be closed.
    """
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), WAIT_S) as sock:
        for number, piece in enumerate(pieces):
            if number:
                assert sock.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
            sock.sendall(piece)
        answers = []
        said = sock.makefile("rb")
        while said.peek(1):
            response = http.client.HTTPResponse(_Said(said))  # type: ignore[arg-type]
            response.begin()
            answers.append(answer_of(response))
        return answers


class _Said:
    """A socket for HTTPResponse that reads on in the same buffer, where the next answer begins."""

    def __init__(self, said: io.BufferedReader) -> None:
        self._said = said

    def makefile(self, _mode: str) -> _Kept:
        return _Kept(self._said)


class _Kept(io.BufferedIOBase):
    """The buffer, which the end of one answer does not close."""

    def __init__(self, said: io.BufferedReader) -> None:
        self._said = said

    def read(self, size: int | None = -1, /) -> bytes:
        return self._said.read(size)

    def readline(self, size: int | None = -1, /) -> bytes:
        return self._said.readline(-1 if size is None else size)


def call(
    address: str, body: bytes, compression: grpc.Compression | None = None, *, method: str = METHOD, **metadata: str
) -> Answer:
    """Asks the gRPC door, on a channel of its own."""
    with grpc.insecure_channel(address, [("grpc.max_send_message_length", -1)]) as channel:
        ask = channel.unary_unary(method)
        try:
            said, rpc = ask.with_call(body, WAIT_S, tuple(metadata.items()), compression=compression)
        except grpc.RpcError as error:
            return _failed(cast("grpc.Call", error))
        return Answer(0, said, headers=dict(rpc.trailing_metadata() or ()))


def _failed(rpc: grpc.Call) -> Answer:
    trailers = dict(rpc.trailing_metadata() or ())
    code: int = rpc.code().value[0]
    told = Status(code=code, message=rpc.details())
    # What gRPC refuses by itself has no details.
    body = trailers.get("grpc-status-details-bin") or told.SerializeToString()
    status = Status.FromString(body)
    assert (status.code, status.message) == (told.code, told.message)
    return Answer(code, body, headers=trailers)


def framed(body: bytes, *, compressed: bool = False) -> bytes:
    """A gRPC message on the wire: a flag and a length before it."""
    return struct.pack(">BI", compressed, len(body)) + body


def stored(store: str | Path, trace: str) -> list[Json]:
    """The spans of that trace as the store holds them now, in the order of their ids."""
    spans = Store(Path(store)).spans().filter(pl.col("trace_id") == pl.lit(bytes.fromhex(trace)))
    return spans.sort("span_id").collect().to_dicts()


NODE_CLIENTS = Path(__file__).parent / "clients" / "node"


def node(script: str, *arguments: str, said: str = "") -> str:
    """Runs one of the clients written for Node.js; gives what it said."""
    program = shutil.which("node")
    assert program, "node is not on the path: install Node.js 20 or later, and run the tests with `make test`"
    ran = subprocess.run(
        [program, NODE_CLIENTS / script, *arguments],
        input=said,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert ran.returncode == 0, f"{script} failed (`make test` installs what it needs): {ran.stderr}"
    return ran.stdout
