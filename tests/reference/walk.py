"""One pass over an ExportTraceServiceRequest into flat column lists.

What is said once per resource or scope is done once: spans refer to it by number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baton.limits import SPAN_ID_BYTES, TIME_NS_MAX, TRACE_ID_BYTES
from baton.wire.quote import quote
from baton.wire.values import SCALARS, text_of
from reference.places import INTEGER_COLUMNS, KEYS, Attribute, Held, resource_place, span_place, take

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from reference.columns import Columns
    from reference.lists import AttributeList

# Enum values that OTLP may add later stand as "unspecified" and "unset": Int8 holds no others.
KIND_MAX = 5
STATUS_CODE_MAX = 2
UNKNOWN_SERVICE = "unknown_service"
EXCEPTION_EVENT = "exception"
EXCEPTION_TYPE = "exception.type"

_NO_TRACE = bytes(TRACE_ID_BYTES)
_NO_SPAN = bytes(SPAN_ID_BYTES)


@dataclass(frozen=True, slots=True)
class Rejection:
    """What of a request was not kept.

    Attributes:
        spans: how many spans; 0 if all were kept.
        reason: the first of them: where it is, the value at fault and what belongs there; null if all were kept.
    """

    spans: int
    reason: str | None


def walk(request: ExportTraceServiceRequest, columns: Columns, *, tenant: str, ingested_at: int) -> Rejection:
    """Appends the request's spans to `columns`; spans with an invalid id or time are left out and counted.

    Raises:
        InvalidRequestError: an attribute nests too deep; `columns` then holds part of the request.
    """
    rejected, reason = 0, None
    for r, resource_spans in enumerate(request.resource_spans):
        resource_no = _resource(resource_spans.resource, columns, tenant, ingested_at)
        for s, scope_spans in enumerate(resource_spans.scope_spans):
            schema_url = scope_spans.schema_url or resource_spans.schema_url or None
            scope_no = _scope(scope_spans.scope, columns, resource_no, schema_url)
            for i, span in enumerate(scope_spans.spans):
                fault = _fault(span)
                if fault is None:
                    _span(span, columns, scope_no)
                    continue
                rejected += 1
                reason = reason or f"resource_spans[{r}].scope_spans[{s}].spans[{i}].{fault}"
    return Rejection(rejected, reason)


def _fault(span: Span) -> str | None:
    """What makes the span unusable, or None."""
    trace_id, span_id, parent_id = span.trace_id, span.span_id, span.parent_span_id
    if len(trace_id) != TRACE_ID_BYTES or trace_id == _NO_TRACE:
        return f"trace_id is {quote(trace_id)}: send 16 bytes (32 hex digits in JSON), not all zero"
    if len(span_id) != SPAN_ID_BYTES or span_id == _NO_SPAN:
        return f"span_id is {quote(span_id)}: send 8 bytes (16 hex digits in JSON), not all zero"
    if parent_id and len(parent_id) != SPAN_ID_BYTES:
        return f"parent_span_id is {quote(parent_id)}: send 8 bytes (16 hex digits in JSON), or none for a root"
    for name in ("start_time_unix_nano", "end_time_unix_nano"):
        if getattr(span, name) > TIME_NS_MAX:
            return f"{name} is {getattr(span, name)}: send nanoseconds since 1970, at most {TIME_NS_MAX}"
    return None


def _resource(resource: Resource, columns: Columns, tenant: str, ingested_at: int) -> int:
    """Appends the resource; returns its number."""
    number = len(columns.resources)
    held: Held = {}
    attributes = [(message.key, *text_of(message)) for message in resource.attributes]
    for turn, attribute in enumerate(attributes):
        place = resource_place(attribute)
        if place is not None:
            take(held, place, turn, attribute)
    _add_others(columns.resource_attributes, number, attributes, held)
    value = {column: text for column, (_, _, (_, text, _)) in held.items()}
    columns.resources.append(
        (
            tenant,
            value.get("environment", ""),
            value.get("service", UNKNOWN_SERVICE),
            value.get("service_namespace"),
            value.get("service_version"),
            value.get("service_instance", ""),
            ingested_at,
        )
    )
    return number


def _scope(scope: InstrumentationScope, columns: Columns, resource_no: int, schema_url: str | None) -> int:
    """Appends the scope; returns its number."""
    number = len(columns.scopes)
    columns.scopes.append((resource_no, scope.name or None, scope.version or None, schema_url))
    _plain_attributes(columns.scope_attributes, number, scope.attributes)
    return number


def _span(span: Span, columns: Columns, scope_no: int) -> None:
    row = len(columns.spans)
    parent_id, status = span.parent_span_id, span.status
    if span.attributes:
        _span_attributes(columns, row, span.attributes)
    exception_type = _events(columns, row, span.events) if span.events else None
    if span.links:
        _links(columns, row, span.links)
    columns.spans.append(
        (
            scope_no,
            span.trace_id,
            span.span_id,
            parent_id if parent_id and parent_id != _NO_SPAN else None,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            span.kind if 0 <= span.kind <= KIND_MAX else 0,
            span.name,
            status.code if 0 <= status.code <= STATUS_CODE_MAX else 0,
            status.message or None,
            span.flags,
            span.trace_state or None,
            exception_type,
        )
    )


def _span_attributes(columns: Columns, row: int, attributes: Iterable[KeyValue]) -> None:
    held: Held = {}
    others: list[Attribute] = []
    for message in attributes:
        attribute = key, text, type_ = (message.key, *text_of(message))
        # An empty key would join strangers.
        if key in KEYS and text and type_ in SCALARS:
            columns.keys.append((key, text))
            columns.key_owner.append(row)
            continue
        others.append(attribute)
        place = span_place(attribute)
        if place is not None:
            take(held, place, len(others) - 1, attribute)
    _add_others(columns.attributes, row, others, held)
    for column, (_, _, (_, text, _)) in held.items():
        columns.cells[column][row] = int(text) if column in INTEGER_COLUMNS else text


def _add_others(into: AttributeList, owner: int, attributes: Sequence[Attribute], held: Held) -> None:
    """Appends what holds no column, in the order sent."""
    turns = {turn for _, turn, _ in held.values()}
    for turn, attribute in enumerate(attributes):
        if turn not in turns:
            into.add(owner, attribute)


def _events(columns: Columns, row: int, events: Iterable[Span.Event]) -> str | None:
    """Appends the events; returns the type of the first exception among them."""
    exception_type, seen = None, False
    for event in events:
        number = len(columns.events)
        _plain_attributes(columns.event_attributes, number, event.attributes)
        # Events bear no verdict: one whose time no Int64 holds keeps its place and loses its time.
        columns.events.append((event.name, event.time_unix_nano if event.time_unix_nano <= TIME_NS_MAX else None))
        columns.event_owner.append(row)
        if event.name == EXCEPTION_EVENT and not seen:
            seen = True
            exception_type = next((text_of(a)[0] for a in event.attributes if a.key == EXCEPTION_TYPE), "")
    return exception_type or None


def _links(columns: Columns, row: int, links: Iterable[Span.Link]) -> None:
    """Appends the links; one with an invalid id names no span and is left out."""
    for link in links:
        trace_id, span_id = link.trace_id, link.span_id
        if len(trace_id) != TRACE_ID_BYTES or trace_id == _NO_TRACE:
            continue
        if len(span_id) != SPAN_ID_BYTES or span_id == _NO_SPAN:
            continue
        _plain_attributes(columns.link_attributes, len(columns.links), link.attributes)
        columns.links.append((trace_id, span_id, link.trace_state or None, link.flags))
        columns.link_owner.append(row)


def _plain_attributes(into: AttributeList, owner: int, attributes: Iterable[KeyValue]) -> None:
    for attribute in attributes:
        into.add(owner, (attribute.key, *text_of(attribute)))
