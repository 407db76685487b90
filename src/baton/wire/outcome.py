"""What a door answers: one outcome, its HTTP status, its gRPC code, its body in the request's encoding.

The statuses stand on the exceptions in `baton.errors`; gRPC and HTTP both ask here, so they cannot disagree.
Bodies follow OTLP 1.9: ExportTraceServiceResponse on success, with `partial_success` set only if spans were rejected;
google.rpc.Status on failure, with a google.rpc.RetryInfo if it may be sent again, and never if it may not, and with a
google.rpc.BadRequest where bad data is the reason.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import Enum
from typing import cast

import orjson
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToJson
from google.rpc.error_details_pb2 import BadRequest, RetryInfo  # type: ignore[import-untyped] # the package ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # the package ships no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from baton.errors import BatonError, InvalidRequestError, UnavailableError
from baton.limits import RETRY_AFTER_S

_log = logging.getLogger(__name__)


class Encoding(Enum):
    """How a request and its answer are written; the value is the media type."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request was not taken.

    Attributes:
        http_status: of the HTTP answer.
        grpc_code: number of the google.rpc.Code, in the gRPC answer and in the body of both.
        message: what is wrong and what to do.
    """

    http_status: int
    grpc_code: int
    message: str

    @property
    def retryable(self) -> bool:
        """Whether the sender should try again, after `RETRY_AFTER_S`."""
        return self.grpc_code == UnavailableError.grpc_code

    def body(self, encoding: Encoding) -> bytes:
        """A google.rpc.Status, with a google.rpc.RetryInfo if it is retryable, a BadRequest if the data was bad."""
        status = Status(code=self.grpc_code, message=self.message)
        if self.retryable:
            status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER_S)))
        if self.http_status == InvalidRequestError.http_status:
            status.details.add().Pack(BadRequest(field_violations=[{"description": self.message}]))
        if encoding is Encoding.JSON:
            return MessageToJson(status, indent=None).encode()
        return cast("bytes", status.SerializeToString())


def failure(error: Exception) -> Failure:
    """The outcome of an error; one that is none of Baton's is INTERNAL, logged in full, and answered by its name."""
    if isinstance(error, BatonError):
        return Failure(error.http_status, error.grpc_code, str(error))
    _log.error("%s in the endpoint", type(error).__name__, exc_info=error)
    message = f"{type(error).__name__} in the endpoint: its log says more"
    return Failure(BatonError.http_status, BatonError.grpc_code, message)


def success(rejected: int, reason: str | None, encoding: Encoding) -> bytes:
    """An ExportTraceServiceResponse; `rejected` spans were not kept, the first for `reason`."""
    if encoding is Encoding.JSON:
        # Protobuf's JSON mapping writes 64-bit integers as strings.
        partial = {"rejectedSpans": str(rejected), "errorMessage": reason}
        return orjson.dumps({"partialSuccess": partial} if rejected else {})
    response = ExportTraceServiceResponse()
    if rejected:
        response.partial_success.rejected_spans = rejected
        response.partial_success.error_message = reason or ""
    return response.SerializeToString()
