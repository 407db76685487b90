"""OTLP/gRPC: the requests' raw bytes to the intake, its outcome back.

gRPC gathers the whole message of a unary call before it calls anybody. So Export is registered as a method with a
stream of requests, which is the same on the wire, and its one message is read after the sender was let in: until then
HTTP/2's flow control keeps all but 64 KB of a connection with its sender. Messages are taken as compressed as they
come, for gRPC would inflate them before it asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import grpc
from grpc import aio

from baton.errors import InvalidRequestError
from baton.limits import (
    CALLS_PENDING_MAX,
    CONNECTIONS_MAX,
    HEADERS_BYTES_MAX,
    HELLO_S_MAX,
    KEEP_ALIVE_S,
    REQUEST_BYTES_MAX,
    STREAMS_MAX,
)
from baton.serve.address import listen, refused
from baton.serve.grpc_health import HealthService
from baton.wire.outcome import Encoding, success

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baton.serve.address import Address
    from baton.serve.certificates import Presented
    from baton.serve.gate import Gate
    from baton.serve.health import Health

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
_IDENTITY_AND_GZIP = 1 << 0 | 1 << 2  # of grpc_compression_algorithm
OPTIONS = [
    # By default two servers may share a port, and the kernel would split the spans between them.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", REQUEST_BYTES_MAX),
    ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_AND_GZIP),
    ("grpc.per_message_decompression", 0),
    # The probe lets a sender's window grow to megabytes before anything is read; a read grows it to the message alone.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.max_concurrent_streams", STREAMS_MAX),
    ("grpc.max_allowed_incoming_connections", CONNECTIONS_MAX),
    ("grpc.server.max_pending_requests", CALLS_PENDING_MAX),
    ("grpc.server.max_pending_requests_hard_limit", 2 * CALLS_PENDING_MAX),
    ("grpc.max_metadata_size", HEADERS_BYTES_MAX),
    ("grpc.absolute_max_metadata_size", HEADERS_BYTES_MAX),
    ("grpc.server_handshake_timeout_ms", round(1000 * HELLO_S_MAX)),
    ("grpc.http2.settings_timeout", round(1000 * HELLO_S_MAX)),
    ("grpc.max_connection_idle_ms", 1000 * KEEP_ALIVE_S),
    # Peers that vanished in the middle of a call are found by a ping.
    ("grpc.keepalive_time_ms", 1000 * KEEP_ALIVE_S),
    ("grpc.keepalive_timeout_ms", round(1000 * HELLO_S_MAX)),
]
STATUS_DETAILS = "grpc-status-details-bin"
# RFC 1952. No ExportTraceServiceRequest begins so: it would be field 3 with a wire type that there is not.
_GZIP = b"\x1f\x8b"

_CODES = {code.value[0]: code for code in grpc.StatusCode}


def grpc_server(gate: Gate, health: Health, address: Address, presented: Presented | None) -> tuple[aio.Server, int]:
    """A server bound to the address, not started, and the port it got.

    Raises:
        AddressError: the address cannot be listened on.
    """

    async def export(_: Iterator[bytes], context: aio.ServicerContext[bytes, bytes]) -> bytes:
        try:
            tenant = gate.enter(_authorization(context))
            with gate.admission.reading():
                body = await _message(context)
            checked = await gate.export(body, Encoding.PROTOBUF, tenant, gzipped=body.startswith(_GZIP))
        except Exception as error:  # noqa: BLE001 - whatever it is, the sender gets an answer and the endpoint lives
            await _abort(context, gate, error)
        return success(checked.rejected, checked.reason, Encoding.PROTOBUF)

    # gRPC tells why it cannot bind on standard error only, in its own words; a socket tells it here, and in ours.
    with listen(address, "--grpc"):
        pass
    server = aio.server(options=OPTIONS)
    handler = grpc.stream_unary_rpc_method_handler(export)
    exporting = grpc.method_handlers_generic_handler(SERVICE, {"Export": handler})
    server.add_generic_rpc_handlers((exporting, HealthService(health, SERVICE).handler()))
    try:
        if presented is not None:
            return server, server.add_secure_port(str(address), presented.credentials())
        return server, server.add_insecure_port(str(address))
    except RuntimeError as error:
        raise refused(address, "--grpc", str(error)) from error


async def _message(context: aio.ServicerContext[bytes, bytes]) -> bytes:
    """The call's one message: whoever sent two would be told that both were taken.

    Raises:
        InvalidRequestError: there is none, or more than one.
    """
    body = await context.read()
    if not isinstance(body, bytes):
        raise InvalidRequestError("the call brings no message: send one ExportTraceServiceRequest")
    if isinstance(await context.read(), bytes):
        raise InvalidRequestError("the call brings more than one message: send one ExportTraceServiceRequest a call")
    return body


def _authorization(context: aio.ServicerContext[bytes, bytes]) -> str | None:
    for name, value in context.invocation_metadata() or ():
        if name == "authorization":
            return value if isinstance(value, str) else None
    return None


async def _abort(context: aio.ServicerContext[bytes, bytes], gate: Gate, error: Exception) -> NoReturn:
    """Answers the error: code, message, and both once more as google.rpc.Status."""
    outcome = gate.failed(error)
    details = ((STATUS_DETAILS, outcome.body(Encoding.PROTOBUF)),)
    await context.abort(_CODES[outcome.grpc_code], outcome.message, details)
