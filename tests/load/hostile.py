"""Clients that mean no good, or know no better: each goes on until it is told to stop, whatever the server answers."""

from __future__ import annotations

import gzip
import http.client
import random
import socket
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from baton.limits import REQUEST_BYTES_MAX
from load.requests import requests_of
from load.senders import HEADERS, METHOD, PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from load.server import Server

ANSWER_S_MAX = 120.0
PAUSE_S = 1.0
# Four of them at once are a quarter of a gigabyte to be kept; minutes of it shall not fill a disk.
GIANT_PAUSE_S = 10.0
CONNECTIONS = 200
DEPTH = 10_000
ATTRIBUTES = 1_000_000
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def giants(server: Server, stop: threading.Event) -> None:
    """Valid requests just under the limit, through both doors at once."""
    requests = requests_of(512, seed=9_001)
    body = b"".join(map(requests.body, range(REQUEST_BYTES_MAX // len(requests.template) - 1)))
    _through_both_doors(server, stop, body, GIANT_PAUSE_S)


def too_large(server: Server, stop: threading.Event) -> None:
    """Requests just over the limit."""
    _through_both_doors(server, stop, bytes(REQUEST_BYTES_MAX + 1), PAUSE_S)


def bombs(server: Server, stop: threading.Event) -> None:
    """A few kilobytes that gunzip to as much as is allowed, and to ten times as much."""
    while not stop.wait(PAUSE_S):
        for size in (REQUEST_BYTES_MAX, 10 * REQUEST_BYTES_MAX):
            _post(server, gzip.compress(bytes(size), 1), {"content-encoding": "gzip"})
        _call(server, bytes(REQUEST_BYTES_MAX), grpc.Compression.Gzip)


def nested(server: Server, stop: threading.Event) -> None:
    """An attribute ten thousand levels deep, and a span with a million attributes."""
    value = b"\x0a\x01x"
    for _ in range(DEPTH):
        value = _field(5, _field(1, value))
    deep = _field(1, _field(2, _field(2, _field(9, _field(2, value)))))
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=b"s" * 8)
    span.attributes.add(key="k").value.int_value = 1
    wide = _field(1, _field(2, _field(2, span.SerializeToString() * ATTRIBUTES)))
    while not stop.wait(PAUSE_S):
        for body in (deep, wide):
            _post(server, body, {})
            _call(server, body)


def babblers(server: Server, stop: threading.Event) -> None:
    """Random bytes on both ports, and requests that break off half way."""
    chance = random.Random(0)
    half = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n" + bytes(1000)
    while not stop.wait(0.05):
        for address in (server.grpc, server.http):
            for sent in (chance.randbytes(5000), half, HTTP2_PREFACE + chance.randbytes(100)):
                with suppress(OSError), _connected(address) as connection:
                    connection.sendall(sent)


def idlers(server: Server, stop: threading.Event) -> None:
    """Hundreds of connections that say nothing, or a byte a second of a body that never ends."""
    head = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n"
    with ExitStack() as stack:
        talking: list[socket.socket] = []
        for _ in range(CONNECTIONS):
            with suppress(OSError):
                stack.enter_context(_connected(server.grpc))
                stack.enter_context(_connected(server.http))
                talking.append(stack.enter_context(_connected(server.http)))
                talking[-1].sendall(head)
        while not stop.wait(PAUSE_S):
            for connection in talking:
                with suppress(OSError):
                    connection.sendall(b"x")


ALL: tuple[Callable[[Server, threading.Event], None], ...] = (giants, too_large, bombs, nested, babblers, idlers)


@contextmanager
def attacked(server: Server) -> Iterator[None]:
    """All of them at once, from `with` to its end; raises what an attacker itself got wrong."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def guarded(attack: Callable[[Server, threading.Event], None]) -> None:
        try:
            attack(server, stop)
        except BaseException as error:  # noqa: BLE001 - told below, in the caller's thread
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(attack,)) for attack in ALL]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures, failures


def _through_both_doors(server: Server, stop: threading.Event, body: bytes, pause_s: float) -> None:
    while not stop.wait(pause_s):
        doors = [threading.Thread(target=_call, args=(server, body)) for _ in range(2)]
        doors += [threading.Thread(target=_post, args=(server, body, {})) for _ in range(2)]
        for door in doors:
            door.start()
        for door in doors:
            door.join()


def _post(server: Server, body: bytes, headers: dict[str, str]) -> None:
    host, _, port = server.http.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=ANSWER_S_MAX)
    with suppress(OSError, http.client.HTTPException):
        connection.request("POST", PATH, body, HEADERS | headers)
        connection.getresponse().read()
    connection.close()


def _call(server: Server, body: bytes, compression: grpc.Compression = grpc.Compression.NoCompression) -> None:
    options = [("grpc.max_send_message_length", -1), ("grpc.enable_retries", 0)]
    with suppress(grpc.RpcError), grpc.insecure_channel(server.grpc, options, compression) as channel:
        channel.unary_unary(METHOD)(body, timeout=ANSWER_S_MAX)


def _connected(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=PAUSE_S)


def _field(number: int, content: bytes) -> bytes:
    """A protobuf field of bytes."""
    length, size = bytearray(), len(content)
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    length.append(size)
    return bytes([number << 3 | 2]) + bytes(length) + content
