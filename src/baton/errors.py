"""Every exception that Baton raises on purpose, with the statuses and the exit code it maps to.

The message of each names the value at fault and the next step; the doors (command line, HTTP, gRPC) only translate it.
The HTTP statuses follow the OTLP specification 1.9 ("Failures", "OTLP/HTTP Response") and gRPC's canonical codes
(google.rpc.Code).
"""

from __future__ import annotations

from typing import ClassVar


class BatonError(Exception):
    """The root of Baton's errors.

    Attributes:
        http_status: what an HTTP door answers.
        grpc_code: the number of the google.rpc.Code that a gRPC door answers.
        exit_code: what the command line exits with (1 a check failed, 2 usage, 3 input could not be read).
    """

    http_status: ClassVar[int] = 500
    grpc_code: ClassVar[int] = 13  # INTERNAL
    exit_code: ClassVar[int] = 3


class InvalidRequestError(BatonError):
    """A request that cannot be decoded: the sender must not send it again."""

    http_status = 400
    grpc_code = 3  # INVALID_ARGUMENT


class RequestTooLargeError(BatonError):
    """A request beyond a bound of `baton.limits`."""

    http_status = 413
    grpc_code = 8  # RESOURCE_EXHAUSTED


class UnsupportedMediaTypeError(BatonError):
    """A content type or encoding that OTLP/HTTP does not know."""

    http_status = 415
    grpc_code = 3


class UnauthenticatedError(BatonError):
    """A request without a token that is known."""

    http_status = 401
    grpc_code = 16  # UNAUTHENTICATED


class ForbiddenError(BatonError):
    """A request whose token is known and allows something else."""

    http_status = 403
    grpc_code = 7  # PERMISSION_DENIED


class UnavailableError(BatonError):
    """Baton cannot take the request now; the sender should try again."""

    http_status = 503
    grpc_code = 14  # UNAVAILABLE


class UsageError(BatonError):
    """An argument that cannot be used as given."""

    http_status = 400
    grpc_code = 3
    exit_code = 2


class NotFoundError(BatonError):
    """A name, id or store that does not exist."""

    http_status = 404
    grpc_code = 5  # NOT_FOUND
    exit_code = 3


class InputError(BatonError):
    """A file that could not be read: spans, ownership, settings."""

    http_status = 400
    grpc_code = 3


class StoreError(BatonError):
    """A store that cannot be opened: wrong format, damaged, in use."""

    http_status = 503
    grpc_code = 14


class BrokerError(BatonError):
    """A broker that cannot be asked: it is away, refuses, or what answers is no broker."""

    http_status = 502
    grpc_code = 14


class AddressError(BatonError):
    """An address that cannot be listened on: in use, not of this machine, not permitted."""
