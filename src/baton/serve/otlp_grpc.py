"""OTLP/gRPC: the requests' raw bytes to the intake, its outcome back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import grpc
from grpc import aio

from baton.limits import REQUEST_BYTES_MAX
from baton.serve.address import listen, refused
from baton.wire.outcome import Encoding, failure, success

if TYPE_CHECKING:
    from baton.serve.address import Address
    from baton.serve.intake import Intake

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
OPTIONS = [
    # By default two servers may share a port, and the kernel would split the spans between them.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", REQUEST_BYTES_MAX),
]
STATUS_DETAILS = "grpc-status-details-bin"

_CODES = {code.value[0]: code for code in grpc.StatusCode}


def grpc_server(intake: Intake, address: Address) -> tuple[aio.Server, int]:
    """A server bound to the address, not started, and the port it got.

    Raises:
        AddressError: the address cannot be listened on.
    """

    async def export(body: bytes, context: aio.ServicerContext[bytes, bytes]) -> bytes:
        try:
            checked = await intake.export(body, Encoding.PROTOBUF)
        except Exception as error:  # noqa: BLE001 - whatever it is, the sender gets an answer and the endpoint lives
            await _abort(context, error)
        return success(checked.rejected, checked.reason, Encoding.PROTOBUF)

    # gRPC tells why it cannot bind on standard error only, in its own words; a socket tells it here, and in ours.
    with listen(address, "--grpc"):
        pass
    server = aio.server(options=OPTIONS)
    handler = grpc.unary_unary_rpc_method_handler(export)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Export": handler}),))
    try:
        return server, server.add_insecure_port(str(address))
    except RuntimeError as error:
        raise refused(address, "--grpc", str(error)) from error


async def _abort(context: aio.ServicerContext[bytes, bytes], error: Exception) -> NoReturn:
    """Answers the error: code, message, and both once more as google.rpc.Status."""
    outcome = failure(error)
    details = ((STATUS_DETAILS, outcome.body(Encoding.PROTOBUF)),)
    await context.abort(_CODES[outcome.grpc_code], outcome.message, details)
