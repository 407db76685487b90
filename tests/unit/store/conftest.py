from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from baton.journal.record import MAGIC, Record, pack
from baton.journal.segment import segment_path
from baton.wire.decode import decode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import polars as pl


def body_of(*names: str) -> bytes:
    """A request of spans with these names."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for name in names:
        spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name=name)
    return request.SerializeToString()


@pytest.fixture
def spans() -> Callable[..., pl.DataFrame]:
    """Spans with these names."""
    return lambda *names: decode([Record(1, "t", body_of(*names))])


@pytest.fixture
def segment() -> Callable[..., None]:
    """Writes segment `number` of a store: one record a span name, then bytes that are no record."""

    def write(store: Path, number: int, *names: str, torn: bytes = b"") -> None:
        records = b"".join(part for name in names for part in pack(Record(1, "t", body_of(name))))
        segment_path(store / "journal", number).write_bytes(MAGIC + records + torn)

    return write
