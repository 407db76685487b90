"""An exporter that records: OTLP/JSON, one export request a line."""

from __future__ import annotations

import base64
import gzip
from threading import Lock
from typing import TYPE_CHECKING, Any

import orjson
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

_IDS = ("traceId", "spanId", "parentSpanId")


class Recorder(SpanExporter):
    """Keeps every export request; one recorder may serve several providers."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._lock = Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keeps one request."""
        line = orjson.dumps(otlp_json(spans), option=orjson.OPT_APPEND_NEWLINE)
        with self._lock:
            self._lines.append(line)
        return SpanExportResult.SUCCESS

    def save(self, path: Path) -> None:
        """Writes what was kept, compressed; the same lines make the same file."""
        path.write_bytes(gzip.compress(b"".join(self._lines), mtime=0))


def otlp_json(spans: Sequence[ReadableSpan]) -> dict[str, Any]:
    """One ExportTraceServiceRequest as OTLP/JSON: ids in hex, enums as numbers, 64-bit integers as strings.

    Protobuf's own JSON differs from OTLP's in the ids only, which it writes in base64.
    """
    request: dict[str, Any] = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
    for resource_spans in request["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            for span in scope_spans["spans"]:
                span.update({key: base64.b64decode(span[key]).hex() for key in _IDS if key in span})
    return request
