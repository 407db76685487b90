"""OTLP/HTTP: POST /v1/traces, protobuf or JSON, gzipped or not, to the intake, and its outcome back."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from baton.errors import ForbiddenError, RequestTooLargeError, UnauthenticatedError, UnsupportedMediaTypeError
from baton.limits import (
    HEADERS_BYTES_MAX,
    KEEP_ALIVE_S,
    READ_S_MAX,
    REFUSED_BYTES_MAX,
    REQUEST_BYTES_MAX,
    RETRY_AFTER_S,
    SHUTDOWN_GRACE_S,
)
from baton.serve.connections import Connection, Listener
from baton.serve.tokens import CHALLENGE
from baton.wire.outcome import Encoding, Failure, success
from baton.wire.quote import quote

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from starlette.requests import Request

    from baton.serve.certificates import Presented
    from baton.serve.gate import Gate
    from baton.serve.health import Health

PATH = "/v1/traces"
# google.rpc.Code of what the router refuses: NOT_FOUND, UNIMPLEMENTED.
ROUTER_CODES = {404: 5, 405: 12}
BAD_REQUEST = 400
# RFC 9110, 8.4.1: x-gzip is gzip, and identity is no coding.
GZIP_CODINGS = {"gzip", "x-gzip"}
NO_CODINGS = {"", "identity"}
LOCKED_OUT = {UnauthenticatedError.http_status, ForbiddenError.http_status}
_RETRY = {"retry-after": str(RETRY_AFTER_S)}


class HttpServer(uvicorn.Server):
    """uvicorn, with connections of our own making.

    The signals are left to the endpoint, which has a second door and a journal to close.
    """

    def __init__(self, gate: Gate, health: Health, presented: Presented | None) -> None:
        """A server for sockets yet to be given to `serve`.

        Args:
            gate: takes the requests.
            health: answers /readyz.
            presented: the certificates; None for plain HTTP.
        """
        super().__init__(
            uvicorn.Config(
                application(gate, health),
                log_config=None,
                log_level="critical",
                access_log=False,
                lifespan="off",
                loop="none",
                ws="none",
                server_header=False,
                h11_max_incomplete_event_size=HEADERS_BYTES_MAX,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=round(SHUTDOWN_GRACE_S),
            )
        )
        self._gate = gate
        self._presented = presented
        self._listeners: list[Listener] = []

    @property
    def connections(self) -> int:
        """How many are open, those in the middle of a handshake included."""
        return sum(map(len, self._listeners))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accepts on the sockets."""
        self._listeners = [
            Listener(sock, self._connection, self._presented, self._gate.refused) for sock in sockets or []
        ]
        self.servers = self._listeners  # type: ignore[assignment] # closed and waited for like asyncio's
        self.started = True

    def _connection(self) -> Connection:
        return Connection(config=self.config, server_state=self.server_state, app_state={})

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


def application(gate: Gate, health: Health) -> Starlette:
    """The routes."""

    async def traces(request: Request) -> Response:
        try:
            tenant = gate.enter(request.headers.get("authorization"))
            encoding = _encoding(request)
            gzipped = _is_gzipped(request)
            with gate.admission.reading():
                body = await _body(request, gate)
            checked = await gate.export(body, encoding, tenant, gzipped=gzipped)
        except ClientDisconnect:
            # Nobody is left to read this; it is no fault of the endpoint's, and so not for its log.
            return Response(status_code=BAD_REQUEST)
        except Exception as error:  # noqa: BLE001 - whatever it is, the sender gets an answer and the endpoint lives
            outcome = gate.failed(error)
            if not outcome.retryable:
                await _throw_away(
                    request, REFUSED_BYTES_MAX if outcome.http_status in LOCKED_OUT else REQUEST_BYTES_MAX
                )
            return _failed(request, outcome)
        return Response(success(checked.rejected, checked.reason, encoding), media_type=encoding.value)

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        why = health.unready
        return PlainTextResponse("ready\n") if why is None else PlainTextResponse(f"{why}\n", 503, _RETRY)

    routes = [
        Route(PATH, traces, methods=["POST"]),
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _unrouted})
    app.router.redirect_slashes = False
    return app


async def _unrouted(request: Request, error: Exception) -> Response:
    """Another path, or another method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    asked = quote(f"{request.method} {request.url.path}")
    message = f"{asked} is not served here: POST to {PATH}"
    response = _failed(request, Failure(status, ROUTER_CODES.get(status, 13), message))
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})  # Allow, of a 405
    return response


def _failed(request: Request, outcome: Failure) -> Response:
    """A google.rpc.Status in the request's encoding; in JSON if it has none that OTLP knows."""
    try:
        encoding = _encoding(request)
    except UnsupportedMediaTypeError:
        encoding = Encoding.JSON
    headers = dict(_RETRY if outcome.retryable else {})
    if outcome.http_status == UnauthenticatedError.http_status:
        headers["www-authenticate"] = CHALLENGE
    if outcome.http_status in LOCKED_OUT:
        headers["connection"] = "close"  # what it still sends is not read
    return Response(outcome.body(encoding), outcome.http_status, headers, encoding.value)


def _encoding(request: Request) -> Encoding:
    """The content type, whatever its case and parameters."""
    header = _header(request, "content-type")
    try:
        return Encoding(header.partition(";")[0].strip().lower())
    except ValueError as error:
        known = " or ".join(encoding.value for encoding in Encoding)
        raise UnsupportedMediaTypeError(f"content-type is {quote(header)}: send {known}") from error


def _is_gzipped(request: Request) -> bool:
    header = _header(request, "content-encoding")
    codings = [coding for coding in (part.strip().lower() for part in header.split(",")) if coding not in NO_CODINGS]
    if codings and (len(codings) > 1 or codings[0] not in GZIP_CODINGS):
        raise UnsupportedMediaTypeError(f"content-encoding is {quote(header)}: send gzip or none")
    return bool(codings)


def _header(request: Request, name: str) -> str:
    """The header's value; of several, all of them: the first alone would not be what was sent."""
    return ", ".join(request.headers.getlist(name))


async def _body(request: Request, gate: Gate) -> bytes:
    """The body as sent, counted as it comes."""
    parts: list[bytes] = []
    with gate.admission.holding() as hold:
        async for part in request.stream():
            hold.grow(len(part))
            if hold.size > REQUEST_BYTES_MAX:
                raise RequestTooLargeError(f"the body has more than {REQUEST_BYTES_MAX} bytes: send smaller batches")
            parts.append(part)
        return b"".join(parts)


async def _throw_away(request: Request, size_max: int) -> None:
    """Reads on for a while what a refused request still sends.

    A sender that is cut off while it writes sees a broken connection, not the answer that tells it why. One that asked
    whether to write (Expect) has not begun.
    """
    if "expect" in request.headers:
        return
    with suppress(TimeoutError, ClientDisconnect, RuntimeError):  # RuntimeError: it was read to its end
        async with asyncio.timeout(READ_S_MAX):
            size = 0
            async for part in request.stream():
                size += len(part)
                if size > size_max:
                    break
