from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import orjson
import pytest
from google.protobuf.json_format import Parse
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from baton.errors import (
    BatonError,
    ForbiddenError,
    InvalidRequestError,
    RequestTooLargeError,
    UnauthenticatedError,
    UnavailableError,
    UnsupportedMediaTypeError,
)
from baton.limits import RETRY_AFTER_S
from baton.wire.outcome import Encoding, failure, success

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    ("kind", "http_status", "grpc_code"),
    [
        (InvalidRequestError, 400, 3),
        (RequestTooLargeError, 413, 8),
        (UnsupportedMediaTypeError, 415, 3),
        (UnauthenticatedError, 401, 16),
        (ForbiddenError, 403, 7),
    ],
)
def test_an_error_has_one_outcome_in_both_encodings(kind: type[BatonError], http_status: int, grpc_code: int) -> None:
    """Status, code and message agree with OTLP's table, and both bodies are the same google.rpc.Status."""
    outcome = failure(kind("what is wrong"))
    assert (outcome.http_status, outcome.grpc_code) == (http_status, grpc_code)
    status = Status.FromString(outcome.body(Encoding.PROTOBUF))
    assert (status.code, status.message) == (grpc_code, "what is wrong")
    assert Parse(outcome.body(Encoding.JSON), Status()) == status
    assert [detail.Is(BadRequest.DESCRIPTOR) for detail in status.details] == [True] * (http_status == 400)


def test_what_may_be_sent_again_says_when() -> None:
    """UNAVAILABLE carries a google.rpc.RetryInfo in either encoding; no other failure does."""
    outcome = failure(UnavailableError("busy"))
    assert (outcome.http_status, outcome.grpc_code, outcome.retryable) == (503, 14, True)
    status = Status.FromString(outcome.body(Encoding.PROTOBUF))
    retry = RetryInfo()
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.seconds == RETRY_AFTER_S
    assert Parse(outcome.body(Encoding.JSON), Status()) == status
    assert not failure(InvalidRequestError("bad")).retryable
    assert not Status.FromString(failure(RuntimeError()).body(Encoding.PROTOBUF)).details


def _kinds(kind: type[BatonError]) -> Iterator[type[BatonError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _kinds(narrower)


@pytest.mark.parametrize("kind", sorted(_kinds(BatonError), key=str))
def test_both_doors_agree_on_what_may_be_sent_again(kind: type[BatonError]) -> None:
    """OTLP's two tables of retryable codes say of every error what its details say; a 400 alone is a BadRequest."""
    outcome = failure(kind("what is wrong"))
    over_http = outcome.http_status in {429, 502, 503, 504}
    over_grpc = outcome.grpc_code in {1, 4, 10, 11, 14, 15}
    details = {detail.TypeName() for detail in Status.FromString(outcome.body(Encoding.PROTOBUF)).details}
    assert over_http == over_grpc == outcome.retryable
    assert details == set(
        ["google.rpc.RetryInfo"] * over_http + ["google.rpc.BadRequest"] * (outcome.http_status == 400)
    )


def test_an_error_that_is_a_bug_tells_the_sender_its_name_only(caplog: pytest.LogCaptureFixture) -> None:
    """Its text may hold what is not the sender's; the log has it all."""
    with caplog.at_level(logging.ERROR):
        outcome = failure(RuntimeError("secret"))
    assert (outcome.http_status, outcome.grpc_code) == (500, 13)
    assert "secret" not in outcome.message
    assert caplog.records[0].exc_info is not None


def test_partial_success_is_unset_or_exact() -> None:
    """Nothing rejected: an empty response; else the count and the reason, in JSON the count as a string."""
    assert success(0, None, Encoding.PROTOBUF) == b""
    assert success(0, None, Encoding.JSON) == b"{}"
    partial = ExportTraceServiceResponse.FromString(success(3, "why", Encoding.PROTOBUF)).partial_success
    assert (partial.rejected_spans, partial.error_message) == (3, "why")
    answer = orjson.loads(success(3, "why", Encoding.JSON))
    assert answer == {"partialSuccess": {"rejectedSpans": "3", "errorMessage": "why"}}
