from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from decoding import decoded

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer as RepeatedCompositeContainer

TRACE_ID = bytes(range(1, 17))
SPAN_ID = bytes(range(1, 9))


def any_value(value: object) -> AnyValue:
    """The AnyValue of a Python value."""
    if isinstance(value, AnyValue):
        return value
    for kind, name in ((bool, "bool_value"), (str, "string_value"), (int, "int_value"), (float, "double_value")):
        if isinstance(value, kind):
            return AnyValue(**{name: value})
    made = AnyValue()
    if isinstance(value, bytes):
        made.bytes_value = value
    elif isinstance(value, list):
        made.array_value.SetInParent()
        for item in value:
            made.array_value.values.add().CopyFrom(any_value(item))
    elif isinstance(value, dict):
        made.kvlist_value.SetInParent()
        for key, item in value.items():
            made.kvlist_value.values.add(key=key).value.CopyFrom(any_value(item))
    return made


def add_attributes(into: RepeatedCompositeContainer, attributes: list[tuple[str, object]]) -> None:
    """Appends attributes to a repeated KeyValue field."""
    for key, value in attributes:
        into.add(key=key).value.CopyFrom(any_value(value))


@pytest.fixture
def request_of() -> Callable[..., ExportTraceServiceRequest]:
    """Makes a request of one resource and scope; each span is a dict of its fields, `attributes` a list of pairs."""

    def make(*spans: dict[str, Any], resource: list[tuple[str, object]] = []) -> ExportTraceServiceRequest:  # noqa: B006 - it is only read
        request = ExportTraceServiceRequest()
        resource_spans = request.resource_spans.add()
        add_attributes(resource_spans.resource.attributes, resource)
        scope_spans = resource_spans.scope_spans.add()
        for fields in spans:
            plain = {name: value for name, value in fields.items() if name != "attributes"}
            span = scope_spans.spans.add(**{"trace_id": TRACE_ID, "span_id": SPAN_ID, **plain})
            add_attributes(span.attributes, fields.get("attributes", []))
        return request

    return make


@pytest.fixture
def row_of(request_of: Callable[..., ExportTraceServiceRequest]) -> Callable[..., dict[str, Any]]:
    """Decodes a request of one span and gives its row."""

    def row(resource: list[tuple[str, object]] = [], **fields: object) -> dict[str, Any]:  # noqa: B006 - it is only read
        body = request_of(fields, resource=resource).SerializeToString()
        told = decoded(body, "acme", 7)
        assert told.rejected == 0
        return told.spans.row(0, named=True)

    return row
