"""The HTTP door's connections: a bounded number, and none that is only held.

uvicorn keeps a connection that never asks anything, or asks a byte at a time, for ever. Here each has a time in which
its next request must have begun.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import math
import sys
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from baton.errors import InvalidRequestError, RequestTooLargeError, UnavailableError
from baton.limits import CONNECTIONS_MAX, HEADERS_BYTES_MAX, HELLO_S_MAX, KEEP_ALIVE_S, RETRY_AFTER_S
from baton.wire.outcome import Encoding, Failure, failure
from baton.wire.quote import quote

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from baton.serve.certificates import Presented

_log = logging.getLogger(__name__)

_FULL_BODY = failure(UnavailableError(f"{CONNECTIONS_MAX} connections are open, the limit: try again")).body(
    Encoding.JSON
)
_FULL = (
    f"HTTP/1.1 503 Service Unavailable\r\nretry-after: {RETRY_AFTER_S}\r\ncontent-type: {Encoding.JSON.value}\r\n"
    f"connection: close\r\ncontent-length: {len(_FULL_BODY)}\r\n\r\n"
).encode() + _FULL_BODY
_SWEEP_S = 1.0
# What asyncio reads at once, 256 KB by default: a thousand connections may all have that much waiting.
_CHUNK_BYTES = 64 * 1024
_NO_DESCRIPTORS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Connection(H11Protocol):
    """uvicorn's protocol, with an end to its patience."""

    lost: Callable[[], None]
    _waits_since = math.inf  # until hands are shaken, which has a time of its own
    _patience_s = HELLO_S_MAX

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """A client has connected, and shaken hands where there is TLS."""
        super().connection_made(transport)
        with suppress(AttributeError):  # inside TLS there is none
            transport.max_size = _CHUNK_BYTES  # type: ignore[attr-defined] # asyncio's own, undocumented
        self._waits_since = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        super().connection_lost(exc)
        self.lost()

    def on_response_complete(self) -> None:
        """A request was answered; of what a refused one still sends no more than a while is thrown away."""
        unread = self.conn.their_state is h11.SEND_BODY
        self._patience_s = HELLO_S_MAX if unread else KEEP_ALIVE_S + HELLO_S_MAX
        self._waits_since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP as all else is answered, in JSON since its encoding is not known; and hangs up.

        OTLP 1.9, Failures: "The response body for all HTTP 4xx and HTTP 5xx responses MUST be a Protobuf-encoded
        Status message".
        """
        del msg  # uvicorn's own text, which says neither what is wrong nor what to do
        # A status line in the midst of an answer would be taken for part of it.
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            outcome = _no_http(sys.exception())
            body = outcome.body(Encoding.JSON)
            head = (
                f"HTTP/1.1 {outcome.http_status} {HTTPStatus(outcome.http_status).phrase}\r\n"
                f"content-type: {Encoding.JSON.value}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()

    def drop_if_overdue(self, now: float) -> None:
        """Ends a connection whose next request does not come, or that does not take its answers."""
        asking = self.cycle is not None and not self.cycle.response_complete
        if (not asking or self.flow.write_paused) and now - self._waits_since > self._patience_s:
            self.transport.abort()


def _no_http(error: BaseException | None) -> Failure:
    """What h11 found wrong with the bytes, with the status that it proposes: 400, 431 (too long) or 501 (unknown)."""
    status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else HTTPStatus.BAD_REQUEST
    if status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
        message = f"the head of the request has more than {HEADERS_BYTES_MAX} bytes: send fewer headers"
        return Failure(status, RequestTooLargeError.grpc_code, message)
    message = f"this is no HTTP/1.1 request ({quote(str(error))}): send OTLP/HTTP here, OTLP/gRPC to its own port"
    return Failure(status, InvalidRequestError.grpc_code, message)


class Listener:
    """Accepts connections up to `CONNECTIONS_MAX`, those in the middle of a handshake included."""

    def __init__(
        self,
        sock: socket.socket,
        protocol: Callable[[], Connection],
        presented: Presented | None,
        full: Callable[[str], None],
    ) -> None:
        """Starts to accept.

        Args:
            sock: listens.
            protocol: makes a connection's protocol.
            presented: the certificates; None for plain HTTP.
            full: told, with the reason, of each connection that was turned away.
        """
        sock.setblocking(False)  # noqa: FBT003 - the socket's own signature
        self._sock = sock
        self._protocol = protocol
        self._presented = presented
        self._full = full
        self._told = False
        self._loop = asyncio.get_running_loop()
        self._open: set[Connection] = set()
        self._greeting: set[asyncio.Task[None]] = set()
        self._tasks = [self._loop.create_task(_forever(work)) for work in (self._accept, self._sweep)]

    def __len__(self) -> int:
        return len(self._open)

    def close(self) -> None:
        """Accepts no more; ends handshakes."""
        for task in (*self._tasks, *self._greeting):
            task.cancel()
        self._sock.close()

    async def wait_closed(self) -> None:
        """Returns when nothing of it runs."""
        await asyncio.gather(*self._tasks, *self._greeting, return_exceptions=True)

    async def _accept(self) -> None:
        try:
            client, _ = await self._loop.sock_accept(self._sock)
        except OSError as error:
            # A connection that ended in the queue is no fault; without descriptors the next try must wait.
            if error.errno in _NO_DESCRIPTORS:
                self._turned_away(f"cannot accept ({error.strerror})")
                await asyncio.sleep(_SWEEP_S)
        else:
            if len(self._open) < CONNECTIONS_MAX:
                self._greet(client)
            else:
                self._turn_away(client)

    def _greet(self, client: socket.socket) -> None:
        protocol = self._protocol()
        protocol.lost = lambda: self._open.discard(protocol)
        self._open.add(protocol)
        task = self._loop.create_task(self._connect(protocol, client))
        self._greeting.add(task)
        task.add_done_callback(self._greeting.discard)

    async def _connect(self, protocol: Connection, client: socket.socket) -> None:
        context, timeout = (None, None) if self._presented is None else (self._presented.context, HELLO_S_MAX)
        try:
            await self._loop.connect_accepted_socket(
                lambda: protocol, client, ssl=context, ssl_handshake_timeout=timeout
            )
        except (OSError, asyncio.CancelledError):
            # No handshake: a port scan, plain HTTP, a certificate that is not taken. Nobody is to be told.
            client.close()
            protocol.lost()

    def _turn_away(self, client: socket.socket) -> None:
        self._turned_away(f"{CONNECTIONS_MAX} connections are open, the limit")
        with client, suppress(OSError):
            client.setblocking(False)  # noqa: FBT003 - the socket's own signature
            if self._presented is None:
                client.send(_FULL)

    def _turned_away(self, why: str) -> None:
        if not self._told:
            _log.warning("OTLP/HTTP: %s: further connections are turned away", why)
        self._told = True
        self._full(f"OTLP/HTTP: {why}")

    async def _sweep(self) -> None:
        await asyncio.sleep(_SWEEP_S)
        now = self._loop.time()
        for connection in list(self._open):
            connection.drop_if_overdue(now)
        if len(self._open) < CONNECTIONS_MAX // 2:
            self._told = False


async def _forever(work: Callable[[], Awaitable[None]]) -> None:
    """Does it again and again: a door that no longer accepts, or never sweeps, would be noticed too late."""
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001 - logged in full; whoever sends must not be able to close the door
            _log.exception("OTLP/HTTP: a bug, and the door stays open")
            await asyncio.sleep(_SWEEP_S)
