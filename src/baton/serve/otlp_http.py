"""OTLP/HTTP: POST /v1/traces, protobuf or JSON, gzipped or not, to the intake, and its outcome back."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from baton.errors import RequestTooLargeError, UnavailableError, UnsupportedMediaTypeError
from baton.limits import KEEP_ALIVE_S, REQUEST_BYTES_MAX, SHUTDOWN_GRACE_S
from baton.wire.outcome import Encoding, Failure, failure, success
from baton.wire.quote import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from baton.serve.intake import Intake

PATH = "/v1/traces"
RETRY_AFTER_S = 1
# google.rpc.Code of what the router refuses: NOT_FOUND, UNIMPLEMENTED.
ROUTER_CODES = {404: 5, 405: 12}


class HttpServer(uvicorn.Server):
    """uvicorn, with the signals left to the endpoint, which has a second door and a journal to close."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


def http_server(intake: Intake) -> HttpServer:
    """A server for sockets yet to be given to `serve`."""
    config = uvicorn.Config(
        application(intake),
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        loop="none",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=round(SHUTDOWN_GRACE_S),
    )
    return HttpServer(config)


def application(intake: Intake) -> Starlette:
    """The routes."""

    async def traces(request: Request) -> Response:
        try:
            encoding = _encoding(request)
            gzipped = _is_gzipped(request)
            checked = await intake.export(await _body(request), encoding, gzipped=gzipped)
        except Exception as error:  # noqa: BLE001 - whatever it is, the sender gets an answer and the endpoint lives
            return _failed(request, failure(error))
        return Response(success(checked.rejected, checked.reason, encoding), media_type=encoding.value)

    routes = [Route(PATH, traces, methods=["POST"])]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _unrouted})
    app.router.redirect_slashes = False
    return app


async def _unrouted(request: Request, error: Exception) -> Response:
    """Another path, or another method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    asked = quote(f"{request.method} {request.url.path}")
    message = f"{asked} is not served here: POST to {PATH}"
    response = _failed(request, Failure(status, ROUTER_CODES.get(status, 13), message))
    response.headers["allow"] = "POST"
    return response


def _failed(request: Request, outcome: Failure) -> Response:
    """A google.rpc.Status in the request's encoding; in JSON if it has none that OTLP knows."""
    try:
        encoding = _encoding(request)
    except UnsupportedMediaTypeError:
        encoding = Encoding.JSON
    headers = {"retry-after": str(RETRY_AFTER_S)} if outcome.http_status == UnavailableError.http_status else None
    return Response(outcome.body(encoding), outcome.http_status, headers, encoding.value)


def _encoding(request: Request) -> Encoding:
    """The content type, whatever its case and parameters."""
    header = request.headers.get("content-type", "")
    try:
        return Encoding(header.partition(";")[0].strip().lower())
    except ValueError as error:
        known = " or ".join(encoding.value for encoding in Encoding)
        raise UnsupportedMediaTypeError(f"content-type is {quote(header)}: send {known}") from error


def _is_gzipped(request: Request) -> bool:
    header = request.headers.get("content-encoding", "")
    coding = header.strip().lower()
    if coding not in {"", "identity", "gzip"}:
        raise UnsupportedMediaTypeError(f"content-encoding is {quote(header)}: send gzip or none")
    return coding == "gzip"


async def _body(request: Request) -> bytes:
    """The body as sent.

    One that is too large is read on for as much again and thrown away: a sender that is cut off while it writes sees a
    broken connection, not the answer that tells it why.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size <= REQUEST_BYTES_MAX:
            parts.append(part)
        elif size > 2 * REQUEST_BYTES_MAX:
            break
    if size > REQUEST_BYTES_MAX:
        raise RequestTooLargeError(f"the body has more than {REQUEST_BYTES_MAX} bytes: send smaller batches")
    return b"".join(parts)
