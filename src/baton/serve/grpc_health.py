"""grpc.health.v1: Check and Watch, for load balancers and orchestrators, who need no token and learn the status only.

The stock servicer is registered as unary, so gRPC would gather what anybody sends, 64 MiB a call; see `otlp_grpc`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NoReturn

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from baton.limits import HEALTH_READS_MAX, HEALTH_WATCHES_MAX, HELLO_S_MAX
from baton.serve.admission import Admission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from grpc import aio

    from baton.serve.health import Health

_SERVICE = "grpc.health.v1.Health"
_WATCH_S = 0.5


class HealthService:
    """Answers for the whole server (the empty name) and for its services: they stand and fall together."""

    def __init__(self, health: Health, *services: str) -> None:
        self._health = health
        self._services = ("", *services)
        self._reads = Admission(HEALTH_READS_MAX)
        self._watches = asyncio.Semaphore(HEALTH_WATCHES_MAX)

    def handler(self) -> grpc.GenericRpcHandler[bytes, bytes]:
        """For a server."""
        methods = {
            "Check": grpc.stream_unary_rpc_method_handler(self._check),
            "Watch": grpc.stream_stream_rpc_method_handler(self._watch),
        }
        return grpc.method_handlers_generic_handler(_SERVICE, methods)

    async def _check(self, _: Iterator[bytes], context: aio.ServicerContext[bytes, bytes]) -> bytes:
        service = await self._asked(context)
        if service not in self._services:
            await _abort(context, grpc.StatusCode.NOT_FOUND, "no such service here: ask for the empty name")
        return self._status(service)

    async def _watch(self, _: Iterator[bytes], context: aio.ServicerContext[bytes, bytes]) -> AsyncIterator[bytes]:
        if self._watches.locked():
            await _abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "too many watch already: use Check")
        async with self._watches:
            service = await self._asked(context)
            told = None
            while True:
                ends = self._health.stopping  # a watcher that stayed on would hold up the stop
                if (found := self._status(service)) != told:
                    told = found
                    yield found
                if ends:
                    return
                await asyncio.sleep(_WATCH_S)

    async def _asked(self, context: aio.ServicerContext[bytes, bytes]) -> str:
        """The service that is asked for."""
        try:
            with self._reads.reading():
                async with asyncio.timeout(HELLO_S_MAX):
                    message = await context.read()
            return str(HealthCheckRequest.FromString(message).service) if isinstance(message, bytes) else ""
        except DecodeError:
            await _abort(context, grpc.StatusCode.INVALID_ARGUMENT, "no HealthCheckRequest")
        except TimeoutError:
            await _abort(context, grpc.StatusCode.UNAVAILABLE, "the request did not come")

    def _status(self, service: str) -> bytes:
        """A HealthCheckResponse."""
        status = HealthCheckResponse.SERVING if self._health.unready is None else HealthCheckResponse.NOT_SERVING
        if service not in self._services:
            status = HealthCheckResponse.SERVICE_UNKNOWN
        return bytes(HealthCheckResponse(status=status).SerializeToString())


async def _abort(context: aio.ServicerContext[bytes, bytes], code: grpc.StatusCode, why: str) -> NoReturn:
    await context.abort(code, why)
