"""Both doors, opened and closed as one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from baton.limits import SHUTDOWN_GRACE_S
from baton.serve.address import listen
from baton.serve.certificates import Presented
from baton.serve.otlp_grpc import grpc_server
from baton.serve.otlp_http import HttpServer

if TYPE_CHECKING:
    from grpc import aio

    from baton.serve.access import Access
    from baton.serve.address import Address
    from baton.serve.gate import Gate
    from baton.serve.health import Health


class Doors:
    """OTLP/gRPC and OTLP/HTTP, listening.

    Attributes:
        web: the HTTP door.
        serving: ends when the HTTP door does.
        grpc: where OTLP/gRPC listens.
        http: where OTLP/HTTP listens.
        presented: the certificates; None without TLS.
    """

    grpc: Address
    http: Address
    presented: Presented | None

    def __init__(self, gate: Gate, rpc: aio.Server, web: HttpServer, serving: asyncio.Task[None]) -> None:
        self._gate = gate
        self._rpc = rpc
        self.web = web
        self.serving = serving

    def renew(self, access: Access) -> None:
        """Goes by these certificates and tokens from here on."""
        if self.presented is not None and access.certificates is not None:
            self.presented.renew(access.certificates)
        self._gate.renew(access.tokens)

    async def close(self) -> None:
        """Lets nobody in any more, and those who are in be answered for `SHUTDOWN_GRACE_S`."""
        self._gate.stop()
        # Those that are half read get half of the grace, so that they are told before they are cut off.
        cut = asyncio.get_running_loop().call_later(
            SHUTDOWN_GRACE_S / 2, self._gate.admission.cut_all, "the endpoint stops"
        )
        self.web.should_exit = True
        await asyncio.gather(self._rpc.stop(SHUTDOWN_GRACE_S), self.serving)
        cut.cancel()


async def open_doors(access: Access, gate: Gate, health: Health) -> Doors:
    """Listens at both addresses.

    Raises:
        AddressError: one of them cannot be listened on.
    """
    presented = None if access.certificates is None else Presented(access.certificates)
    rpc, grpc_port = grpc_server(gate, health, access.grpc, presented)
    sock = listen(access.http, "--http")
    web = HttpServer(gate, health, presented)
    await rpc.start()
    doors = Doors(gate, rpc, web, asyncio.create_task(web.serve([sock])))
    doors.grpc = access.grpc._replace(port=grpc_port)
    doors.http = access.http._replace(port=sock.getsockname()[1])
    doors.presented = presented
    return doors
