"""Redaction through the front door: what real exporters send, and what then lies in every file of the store."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import urllib.request
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from baton.queries import Question, journey
from baton.store.reader import Store

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace.export import SpanExporter

WAIT_S = 60
CARD, IBAN, PERSON, ORDER, TOKEN = (
    "4111111111111111",
    "DE89370400440532013000",
    "alice.liddell",
    "ord-77120",
    "Bearer zq9",
)
CLEAR = [CARD, "4111 1111", "37040044", "DE89 3704", PERSON, ORDER, TOKEN, "zq9", "holder-note"]


def send(exporter: SpanExporter) -> None:
    """One span of a service, with all that must not be kept."""
    provider = TracerProvider(
        resource=Resource({"service.name": "pay", "host.name": f"for {IBAN}"}), shutdown_on_exit=False
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    attributes = {
        "http.request.header.authorization": TOKEN,
        "enduser.id": PERSON,
        "order.id": ORDER,
        "card": int(CARD),
        "note": f"holder-note {CARD}",
        "kept": "still here",
        "list": ["DE89 3704 0044 0532 0130 00", "4111 1111 1111 1111"],
    }
    with provider.get_tracer("bank").start_as_current_span(f"GET /accounts/{IBAN}", attributes=attributes) as span:
        span.add_event("paid", {"enduser.id": PERSON, "text": f"with {CARD}"})
    provider.shutdown()


def send_json(address: str) -> None:
    """The same person and order as OTLP/JSON, the person as the sender's number."""
    value = {"kvlistValue": {"values": [{"key": "id", "value": {"stringValue": PERSON}}]}}
    attributes = [{"key": "enduser", "value": value}, {"key": "order.id", "value": {"stringValue": ORDER}}]
    span = {"traceId": "1" * 32, "spanId": "2" * 16, "name": f"debit {CARD}", "attributes": attributes}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    request = urllib.request.Request(f"http://{address}/v1/traces", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=WAIT_S) as response:  # noqa: S310 - to the server under test
        assert response.status == 200


def clear_in(store: Path) -> list[str]:
    """The clear values in any file of the store, and in its spans however they are packed."""
    files = [path.read_bytes() for path in store.rglob("*") if path.is_file() and path.name != "baton.toml"]
    rows = repr(Store(store).spans().collect().to_dicts()).encode()
    return [value for value in CLEAR if any(value.encode() in content for content in [*files, rows])]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store to be, which hashes orders and drops one attribute more."""
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "baton.toml").write_text('[redaction]\nhash = ["order.*"]\ndrop = ["note"]\n')
    return folder


def test_no_clear_value_touches_the_disk_and_all_still_meet(store: Path) -> None:
    """Through every door; in the journal, in the table, in its log. Hashed orders stitch; the clear one finds them."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "baton",
            "serve",
            "--store",
            str(store),
            "--grpc",
            "127.0.0.1:0",
            "--http",
            "127.0.0.1:0",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(10 * WAIT_S, process.kill)  # a first start compiles
    watchdog.start()
    try:
        assert process.stdout is not None
        said = {}
        for line in process.stdout:
            name, _, value = line.strip().partition(" ")
            said[name] = value
            if name == "ready":
                break
        send(GrpcExporter(endpoint=said["OTLP/gRPC"], insecure=True))
        send(HttpExporter(endpoint=f"http://{said['OTLP/HTTP']}/v1/traces"))
        send_json(said["OTLP/HTTP"])
        assert clear_in(store) == []
        process.send_signal(signal.SIGTERM)
        assert process.wait(10 * WAIT_S) == 0
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()
    assert clear_in(store) == []
    spans = Store(store).spans().collect()
    assert len(spans) == 3
    people = {pair["value"] for keys in spans["keys"] for pair in keys if pair["key"] == "enduser.id"}
    assert len(people) == 1
    assert next(iter(people)).startswith("hash:")
    assert len(set(spans["trace_id"])) == 3
    assert "still here" in repr(spans.to_dicts())
    # Three traces that share nothing but a hashed order are one journey, and its clear name finds it.
    found = journey(Question(store), f"order.id={ORDER}")
    assert len(found.spans) == 3
    assert journey(Question(store), f"enduser.id={PERSON}").journey_id == found.journey_id
    command = [sys.executable, "-m", "baton", "journey", f"order.id={ORDER}", "--store", str(store)]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10 * WAIT_S)
    assert (told.returncode, found.journey_id in told.stdout or "pay" in told.stdout) == (0, True)
