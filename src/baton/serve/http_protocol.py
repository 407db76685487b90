"""HTTP/1.1 as uvicorn speaks it, but what is no HTTP at all is answered as everything else: a google.rpc.Status.

OTLP 1.9, Failures: "The response body for all HTTP 4xx and HTTP 5xx responses MUST be a Protobuf-encoded Status
message". Such bytes never become a request that the application could answer.
"""

from __future__ import annotations

from uvicorn.protocols.http.h11_impl import H11Protocol

from baton.errors import InvalidRequestError
from baton.wire.outcome import Encoding, failure

MESSAGE = "these bytes are no HTTP/1.1: send OTLP/HTTP here, OTLP/gRPC to its own port"


class HttpProtocol(H11Protocol):
    """One connection."""

    def send_400_response(self, msg: str) -> None:
        """Answers in JSON, since the sender's encoding is not known, and hangs up."""
        del msg  # uvicorn's own text, which names no next step
        # A status line in the midst of an answer's body would be taken for part of it.
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = failure(InvalidRequestError(MESSAGE)).body(Encoding.JSON)
            head = (
                "HTTP/1.1 400 Bad Request\r\n"
                f"content-type: {Encoding.JSON.value}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode("ascii") + body)
        self.transport.close()
