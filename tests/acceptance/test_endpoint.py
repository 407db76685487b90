"""The endpoint as its users meet it: a process, real exporters, signals, crashes."""

from __future__ import annotations

import signal
import socket
import threading
import urllib.error
import urllib.request
from collections import Counter
from typing import TYPE_CHECKING

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from baton.schema import SPANS
from baton.store.reader import Store
from load.server import Server, serving, starting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
WAIT_S = 60
JSON = "application/json"
PROTOBUF = "application/x-protobuf"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One endpoint for all tests that only ask it."""
    with serving(tmp_path_factory.mktemp("shared") / "store") as endpoint:
        yield endpoint


def sdk_spans(*names: str) -> Sequence[ReadableSpan]:
    """Finished spans of the real SDK."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "trading"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("bank", "1.0")
    for name in names:
        with tracer.start_as_current_span(name, attributes={"messaging.system": "rabbitmq", "order.id": name}):
            pass
    return memory.get_finished_spans()


def names_in(store: Path) -> Counter[str]:
    """How often each span name is in the store."""
    return Counter(Store(store).spans().collect()["name"])


def exporters(endpoint: Server) -> dict[str, SpanExporter]:
    """Every way that the real exporters send."""
    url = f"http://{endpoint.http}/v1/traces"
    return {
        "grpc": GrpcExporter(endpoint=endpoint.grpc, insecure=True),
        "grpc-gzip": GrpcExporter(endpoint=endpoint.grpc, insecure=True, compression=grpc.Compression.Gzip),
        "http": HttpExporter(endpoint=url),
        "http-gzip": HttpExporter(endpoint=url, compression=Compression.Gzip),
    }


def post(
    endpoint: Server, body: bytes, content_type: str = JSON, path: str = "/v1/traces", **headers: str
) -> tuple[int, str, bytes]:
    """Status, content type and body that the HTTP door answers."""
    headers = {"content-type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
    request = urllib.request.Request(f"http://{endpoint.http}{path}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as response:  # noqa: S310 - the same
            return response.status, response.headers["content-type"], response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["content-type"], error.read()


def call(endpoint: Server, body: bytes) -> bytes:
    """What the gRPC door answers to raw bytes."""
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(endpoint.grpc, options=options) as channel:
        return channel.unary_unary(METHOD)(body, timeout=WAIT_S)


def request_of(*ids: tuple[bytes, bytes], name: str = "s") -> bytes:
    """A protobuf request of spans with these trace and span ids."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for trace_id, span_id in ids:
        spans.add(trace_id=trace_id, span_id=span_id, name=name)
    return request.SerializeToString()


GOOD, BAD = (b"t" * 16, b"s" * 8), (b"t" * 15, b"s" * 8)


def test_real_exporters_reach_the_table_through_both_doors(tmp_path: Path) -> None:
    """What the SDK exports by gRPC and HTTP, gzipped or not, is readable at once, and once after a clean stop."""
    with serving(tmp_path / "store") as endpoint:
        doors = exporters(endpoint)
        for door, exporter in doors.items():
            assert exporter.export(sdk_spans(door)) is SpanExportResult.SUCCESS
            exporter.shutdown()
        assert names_in(tmp_path / "store") == Counter(doors.keys())
        code, errors = endpoint.stop(signal.SIGTERM)
        assert (code, errors) == (0, "")
    assert list((tmp_path / "store" / "journal").iterdir()) == []
    spans = Store(tmp_path / "store").spans().collect()
    assert spans.schema == SPANS.schema
    assert Counter(spans["name"]) == Counter(doors.keys())
    assert set(spans.select("service", "messaging_system", "scope_name").rows()) == {("trading", "rabbitmq", "bank")}
    assert [keys[0]["value"] for keys in spans["keys"]] == spans["name"].to_list()
    assert Store(tmp_path / "store").expectations() is not None


@pytest.mark.parametrize("rounds", [1, 40])
def test_what_is_acknowledged_survives_kill_9_and_counts_once(tmp_path: Path, rounds: int) -> None:
    """Killed at once after an acknowledgement, on its first request or amid many: nothing acknowledged is lost.

    Not in the journal that the crash left, not after the next start has moved it into the table; and nothing is there
    twice.
    """
    store = tmp_path / "store"
    acknowledged: Counter[str] = Counter()
    with serving(store) as endpoint:
        doors = list(exporters(endpoint).values())
        for number in range(rounds):
            spans = sdk_spans(f"{number}a", f"{number}b")
            if doors[number % len(doors)].export(spans) is SpanExportResult.SUCCESS:
                acknowledged.update(span.name for span in spans)
        endpoint.stop(signal.SIGKILL)
    for door in doors:
        door.shutdown()
    assert acknowledged.total() == 2 * rounds
    assert names_in(store) == acknowledged
    with serving(store) as endpoint:
        assert names_in(store) == acknowledged
        call(endpoint, request_of(GOOD, name="after"))
        code, errors = endpoint.stop(signal.SIGINT)
    assert code == 0
    assert f"{2 * rounds} spans of an earlier run moved to the table" in errors
    assert names_in(store) == acknowledged + Counter(["after"])


def test_senders_at_once_share_commits_and_lose_nothing(tmp_path: Path) -> None:
    """Many connections through both doors, a drain under way, then SIGTERM: each acknowledged span is there once."""
    store = tmp_path / "store"
    acknowledged: list[str] = []
    stop = threading.Event()

    def send(sender: int, endpoint: Server) -> None:
        number = 0
        while not stop.is_set():
            name = f"{sender}-{number}"
            body = request_of(GOOD, name=name)
            try:
                if sender % 2:
                    call(endpoint, body)
                elif (status := post(endpoint, body, PROTOBUF)[0]) != 200:
                    assert status == 503
                    return
            except (grpc.RpcError, OSError):
                return
            acknowledged.append(name)
            number += 1

    with serving(store) as endpoint:
        senders = [threading.Thread(target=send, args=(sender, endpoint)) for sender in range(4)]
        for sender in senders:
            sender.start()
        while not list((store / "spans").glob("*.parquet")):
            stop.wait(0.05)
        code, _ = endpoint.stop(signal.SIGTERM)
        stop.set()
        for sender in senders:
            sender.join()
    assert code == 0
    found = names_in(store)
    assert set(acknowledged) <= set(found)
    assert set(found.values()) == {1}
    assert list((store / "journal").iterdir()) == []


def test_a_second_server_is_refused_and_told_why(shared: Server, tmp_path: Path) -> None:
    """On the store, on the gRPC port, on the HTTP port: exit code 3 and one line with the value and the next step."""
    refused = [
        (shared.store, {}, f"in use by process {shared.process.pid}"),
        (tmp_path / "a", {"grpc": shared.grpc}, f"cannot listen on {shared.grpc} (Address already in use)"),
        (tmp_path / "b", {"http": shared.http}, f"cannot listen on {shared.http} (Address already in use)"),
    ]
    for store, doors, told in refused:
        with starting(store, **doors) as second:
            code, errors = second.end()
        assert code == 3
        assert told in errors
        assert errors.count("\n") == 1


def test_a_request_that_never_ends_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    """A sender that hangs in the middle of its body is let go when its grace is over; the exit code is still 0."""
    with serving(tmp_path / "store") as endpoint:
        host, _, port = endpoint.http.rpartition(":")
        with socket.create_connection((host, int(port))) as hanging:
            head = f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {JSON}\r\ncontent-length: 100\r\n\r\n"
            hanging.sendall(head.encode() + b"{")
            call(endpoint, request_of(GOOD, name="kept"))
            code, _ = endpoint.stop(signal.SIGTERM)
    assert code == 0
    assert names_in(tmp_path / "store") == Counter(["kept"])
