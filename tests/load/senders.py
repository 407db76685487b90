"""Clients that send without a pause and write down what was acknowledged: raw gRPC, raw HTTP, and a real exporter."""

from __future__ import annotations

import http.client
import itertools
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from load.ledger import Ledger
    from load.requests import Requests
    from load.server import Server

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PATH = "/v1/traces"
HEADERS = {"content-type": "application/x-protobuf"}
# What gRPC makes of a connection that broke, or of a call that a server which stops had not begun: OTLP has clients
# retry both.
LOST = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
ANSWER_S_MAX = 60.0
"""A request that is neither answered nor cut off for so long is a fault of the server."""


class Refused(Exception):  # noqa: N818 - an answer, not an error of the client
    """The server answered that it cannot take the request now.

    Attributes:
        status: UNAVAILABLE or 503.
        message: what it said.
    """

    def __init__(self, status: str, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status, self.message = status, message


class Gone(Exception):  # noqa: N818 - the end of a server that was killed
    """The connection broke: nobody knows what became of the request."""


class Door(Protocol):
    """One connection to a server."""

    def send(self, body: bytes) -> None:
        """Returns when the request is acknowledged, or raises Refused or Gone."""

    def close(self) -> None:
        """Closes it."""


class GrpcDoor:
    """OTLP/gRPC, the bytes as they are, nothing retried."""

    def __init__(self, server: Server) -> None:
        self._channel = grpc.insecure_channel(server.grpc, options=[("grpc.enable_retries", 0)])
        self._export = self._channel.unary_unary(METHOD)

    def send(self, body: bytes) -> None:
        """As of Door."""
        try:
            self._export(body, timeout=ANSWER_S_MAX)
        except grpc.RpcError as error:
            # What a server answers has a google.rpc.Status in its trailers.
            if "grpc-status-details-bin" in dict(error.trailing_metadata() or ()):
                raise Refused(error.code().name, error.details()) from error
            if error.code() not in LOST:
                raise
            raise Gone(error.details()) from error

    def close(self) -> None:
        """As of Door."""
        self._channel.close()


class HttpDoor:
    """OTLP/HTTP over one connection that is kept."""

    def __init__(self, server: Server) -> None:
        host, _, port = server.http.rpartition(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=ANSWER_S_MAX)

    def send(self, body: bytes) -> None:
        """As of Door."""
        try:
            self._connection.request("POST", PATH, body, HEADERS)
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Gone(repr(error)) from error
        if response.status != http.HTTPStatus.OK:
            raise Refused(str(response.status), answer.decode(errors="replace"))

    def close(self) -> None:
        """As of Door."""
        self._connection.close()


DOORS: tuple[Callable[[Server], Door], ...] = (GrpcDoor, HttpDoor, GrpcDoor)


class Load:
    """Senders that go on from server to server; what was not acknowledged is sent again, as exporters do."""

    def __init__(self, ledger: Ledger, requests: Requests) -> None:
        self.refusals: list[Refused] = []
        self._ledger = ledger
        self._requests = requests
        self._numbers = itertools.count()
        self._unanswered: list[int] = []
        self._stop = threading.Event()
        self._failures: list[BaseException] = []

    @contextmanager
    def on(self, server: Server) -> Iterator[Load]:
        """Sends from `with` to its end, by a thread a door."""
        self._stop.clear()
        threads = [threading.Thread(target=self._guarded, args=(self._send, door, server)) for door in DOORS]
        threads.append(threading.Thread(target=self._guarded, args=(self._export, server)))
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
        assert not self._failures, self._failures

    def _guarded(self, work: Callable[..., None], *arguments: object) -> None:
        try:
            work(*arguments)
        except BaseException as error:  # noqa: BLE001 - told by `on`, in the test's own thread
            self._failures.append(error)

    def _send(self, door_to: Callable[[Server], Door], server: Server) -> None:
        door = door_to(server)
        try:
            while not self._stop.is_set():
                self._send_one(door, self._next())
        except Gone:
            pass
        finally:
            door.close()

    def _send_one(self, door: Door, number: int) -> None:
        ids = [f"{span:016x}" for span in self._requests.span_ids(number).tolist()]
        self._ledger.send(ids)
        try:
            door.send(self._requests.body(number))
        except (Refused, Gone) as error:
            self._unanswered.append(number)
            if isinstance(error, Gone):
                raise
            self.refusals.append(error)
            self._stop.wait(0.05)
        else:
            self._ledger.acknowledge(ids)

    def _next(self) -> int:
        try:
            return self._unanswered.pop()
        except IndexError:
            return next(self._numbers)

    def _export(self, server: Server) -> None:
        """The SDK's own exporter, until it fails for the first time."""
        memory = InMemorySpanExporter()
        provider = TracerProvider(resource=Resource({"service.name": "trading"}), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(memory))
        tracer = provider.get_tracer("bank", "1.0")
        exporter = OTLPSpanExporter(endpoint=server.grpc, insecure=True, timeout=1)
        try:
            while not self._stop.is_set():
                with tracer.start_as_current_span("exported") as span:
                    ids = [f"{span.get_span_context().span_id:016x}"]
                # It may try several times within its timeout.
                self._ledger.send(ids * 10)
                if exporter.export(memory.get_finished_spans()) is not SpanExportResult.SUCCESS:
                    break
                self._ledger.acknowledge(ids)
                memory.clear()
        finally:
            exporter.shutdown()
