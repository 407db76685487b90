from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from baton.gameday.recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path


def _recorded(path: Path) -> tuple[TracerProvider, Recorder]:
    recorder = Recorder()
    provider = TracerProvider(resource=Resource({"service.name": "s"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(recorder))
    with provider.get_tracer("t").start_as_current_span("outer", attributes={"n": 7}):
        provider.get_tracer("t").start_span("inner").end()
    recorder.save(path)
    return provider, recorder


def _spans(path: Path) -> list[dict[str, Any]]:
    requests = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    return [request["resourceSpans"][0]["scopeSpans"][0]["spans"][0] for request in requests]


def test_ids_are_hex_and_integers_are_strings(tmp_path: Path) -> None:
    """As OTLP/JSON wants them: 32 and 16 hex digits, 64-bit integers as strings, enums as numbers."""
    _recorded(tmp_path / "traces.jsonl.gz")
    inner, outer = _spans(tmp_path / "traces.jsonl.gz")
    assert inner["traceId"] == outer["traceId"]
    assert inner["parentSpanId"] == outer["spanId"]
    assert len(bytes.fromhex(outer["traceId"])) == 16
    assert len(bytes.fromhex(outer["spanId"])) == 8
    assert "parentSpanId" not in outer
    assert outer["attributes"] == [{"key": "n", "value": {"intValue": "7"}}]
    assert int(outer["startTimeUnixNano"]) <= int(inner["startTimeUnixNano"])
    assert isinstance(outer["startTimeUnixNano"], str)
    assert outer["kind"] == 1


def test_the_same_requests_make_the_same_file(tmp_path: Path) -> None:
    """No time of writing gets into the file."""
    _, recorder = _recorded(tmp_path / "one.gz")
    recorder.save(tmp_path / "two.gz")
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()
    # RFC 1952: bytes 4 to 7 are the time of writing.
    assert (tmp_path / "one.gz").read_bytes()[4:8] == bytes(4)


def test_a_recorder_outlives_the_shutdown_of_one_provider(tmp_path: Path) -> None:
    """Several services share it, and each shuts its provider down."""
    provider, recorder = _recorded(tmp_path / "traces.jsonl.gz")
    provider.shutdown()
    recorder.save(tmp_path / "again.gz")
    assert len(_spans(tmp_path / "again.gz")) == 2
